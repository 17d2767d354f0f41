import type { Gate, Repo } from "../../core/run.ts";
import type { TurnPlan } from "../../ports.ts";
import type { Change } from "../change.ts";
import type { Secrets } from "../tail.ts";
import { findConflictMarkers } from "./conflict-markers.ts";
import { findProtectedPath } from "./protected-path.ts";
import { findRunnerConfiguration } from "./runner-configuration.ts";
import { findSecret } from "./secret.ts";
import { findOversize } from "./size.ts";
import { matchTests, type PathMatcher } from "./test-files.ts";
import { findWeakenedTests } from "./tests-weakened.ts";
import { findWorkflow } from "./workflows.ts";

/** What a gate may look at besides the change itself. */
export interface GateContext {
  readonly repo: Repo;
  readonly plan: TurnPlan;
  readonly testCommand: string;
  readonly isTest: PathMatcher;
  readonly secrets: Secrets;
}

export interface Refusal {
  readonly gate: Gate;
  readonly reason: string;
}

/** In this order: size first, because the later ones read what was written. Each answers why the work may not land, or `undefined`. */
const gatesOnChange = [
  { gate: "size", find: findOversize },
  { gate: "committed", find: findConflictMarkers },
  { gate: "workflows", find: findWorkflow },
  { gate: "protected-path", find: findProtectedPath },
  { gate: "secret", find: findSecret },
  { gate: "tests-weakened", find: findWeakenedTests },
  { gate: "runner-configuration", find: findRunnerConfiguration },
] as const satisfies readonly {
  gate: Gate;
  find: (change: Change, context: GateContext) => Promise<string | undefined> | string | undefined;
}[];

/** Work refused by one of these must not reach the forge at all, not even as a branch. */
export const gatesAgainstPublishing: readonly Gate[] = ["size", "workflows", "protected-path", "secret"];

/** The first gate that refuses the change, of all or of those named. */
export async function findRefusal(change: Change, context: GateContext, only?: readonly Gate[]): Promise<Refusal | undefined> {
  for (const { gate, find } of gatesOnChange) {
    if (only !== undefined && !only.includes(gate)) continue;
    const reason = await find(change, context);
    if (reason !== undefined) return { gate, reason };
  }
  return undefined;
}

export function gateContext(repo: Repo, plan: TurnPlan, testCommand: string, secrets: Secrets): GateContext {
  return { repo, plan, testCommand, isTest: matchTests(plan.tests), secrets };
}
