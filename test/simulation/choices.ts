import type { Repo } from "../../src/core/run.ts";
import { issuesOf, type Found } from "./people.ts";
import type { Process, Replica } from "./replica.ts";
import type { World } from "./world.ts";

/** The numbers of a step; an action takes of them what it needs. */
export interface Choice {
  readonly who: number;
  readonly what: number;
  readonly how: number;
}

export interface Action {
  /** How often it comes, among all. */
  readonly weight: number;
  /** What happened, in words; `undefined`: there was nothing to do it to. */
  readonly act: (world: World, choice: Choice) => string | undefined;
  /** Time that passes with it. Default: what a person takes, so that no two of their deeds fall into one second of the forge's. */
  readonly lastsMs?: (choice: Choice) => number;
}

export const atOnce = { lastsMs: () => 0 };

export function repoOf({ repos }: World, number: number): Repo {
  const repo = pick(repos, number);
  if (repo === undefined) throw new Error("a world has repos");
  return repo;
}

export function pick<T>(from: readonly T[], number: number): T | undefined {
  return from[number % Math.max(1, from.length)];
}

export const onIssue =
  (act: (world: World, found: Found, choice: Choice) => string | undefined): Action["act"] =>
  (world, choice) => {
    const found = pick(issuesOf(world), choice.what);
    return found === undefined ? undefined : act(world, found, choice);
  };

export const onReplica =
  (act: (world: World, replica: Replica, choice: Choice) => string | undefined): Action["act"] =>
  (world, choice) => {
    const replica = pick(world.replicas, choice.who);
    return replica === undefined ? undefined : act(world, replica, choice);
  };

export const onProcess = (act: (world: World, process: Process, choice: Choice) => string | undefined): Action["act"] =>
  onReplica((world, replica, choice) => {
    const process = replica.process();
    return process === undefined ? undefined : act(world, process, choice);
  });

export const person = (number: number): string => pick(["ann", "bob", "tim"], number) ?? "ann";

const delaysMs = [1_000, 4_000, 10_000, 16_000, 30_000, 45_000, 60_000, 90_000, 130_000, 200_000, 400_000, 1_000_000, 3_700_000] as const;

export function delayOf(number: number): number {
  return delaysMs[number % delaysMs.length] ?? 0;
}
