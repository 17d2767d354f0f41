import { parseRepo, repoKey, type Repo } from "../../src/core/run.ts";
import type { FakeForge } from "../support/fake-forge.ts";
import type { ManualClock } from "../support/manual-clock.ts";

/** What a real forge answers from replicas that are a little behind. Git refs are not among it. */
const lagging: readonly string[] = ["listIssues", "readIssue", "listComments", "readCommit"];
/** No replica is further behind than that. */
const longestLagMs = 5_000;
const keptStates = 8;

/** A process whose next reads are answered by a replica `depth` changes behind. */
export interface Slowness {
  depth: number;
  reads: number;
}

interface State {
  readonly atMs: number;
  readonly answers: ReadonlyMap<string, Promise<unknown>>;
}

/** Remembers what the forge would have answered after each of its last changes. */
export interface Lag {
  /** The answer of a replica that is behind, when there is one. */
  recall(repo: Repo, method: string, args: readonly unknown[], slowness: Slowness): Promise<unknown> | undefined;
}

export function createLag(forge: FakeForge, clock: ManualClock, readyLabel: string): Lag {
  const states = new Map<string, State[]>();

  forge.onWebhook(({ payload }) => {
    const repo = repoOf(payload);
    if (repo === undefined) return;
    const kept = states.get(repoKey(repo)) ?? [];
    states.set(repoKey(repo), [...kept, { atMs: clock.now(), answers: readAll(forge, repo, readyLabel) }].slice(-keptStates));
  });

  return {
    recall(repo, method, args, slowness) {
      if (!lagging.includes(method) || slowness.reads === 0) return undefined;
      slowness.reads -= 1;
      const kept = states.get(repoKey(repo)) ?? [];
      const at = Math.max(0, kept.length - 1 - slowness.depth);
      // A state was true until the next one came.
      const fresh = kept.slice(at).find((_state, index) => clock.now() - (kept[at + index + 1]?.atMs ?? clock.now()) <= longestLagMs);
      return fresh?.answers.get(keyOf(method, args));
    },
  };
}

function repoOf(payload: Readonly<Record<string, unknown>>): Repo | undefined {
  const { repository } = payload;
  const isNamed = typeof repository === "object" && repository !== null && "full_name" in repository;
  return isNamed && typeof repository.full_name === "string" ? parseRepo(repository.full_name) : undefined;
}

function readAll(forge: FakeForge, repo: Repo, readyLabel: string): ReadonlyMap<string, Promise<unknown>> {
  const { issues, commits } = forge.inside(repo);
  const answers = new Map<string, Promise<unknown>>([[keyOf("listIssues", [readyLabel]), forge.listIssues(repo, readyLabel)]]);
  for (const number of issues.keys()) {
    answers.set(keyOf("readIssue", [number]), forge.readIssue(repo, number));
    answers.set(keyOf("listComments", [number]), forge.listComments(repo, number));
  }
  for (const sha of commits.keys()) answers.set(keyOf("readCommit", [sha]), forge.readCommit(repo, sha));
  return answers;
}

function keyOf(method: string, args: readonly unknown[]): string {
  return JSON.stringify([method, ...args]);
}
