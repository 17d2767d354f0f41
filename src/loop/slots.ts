import type { Decision } from "../core/decision.ts";
import type { Observation } from "../core/observation.ts";
import { repoKey, type Repo } from "../core/run.ts";
import type { Executor } from "../ports.ts";

/**
 * The executor's slots, given out over all repos: an issue is claimed only when a slot is free, and a freed slot goes to the issue that was
 * released first. Passes of several repos run at once, so a slot is taken in the same breath as it is counted.
 */
export interface Slots {
  /** As `decide` wants to know it. `isIll`: the executor takes no turns. */
  count(repo: Repo, isIll: boolean): Observation["slots"];
  /** Keeps what was decided: reserves the slot that a turn is about to take, or a place in the line for one. */
  note(observation: Observation, decision: Decision): void;
  /** The reserved slot is taken: the executor counts it from here on. */
  taken(repo: Repo): void;
  /** The pass is over: a slot it reserved and did not take is free again. */
  settle(repo: Repo): void;
  /** The repo waits no longer: its pass failed, and nobody waits for a repo that backs off. */
  leave(repo: Repo): void;
  /** Keys of the repos that wait for a slot, oldest release first. */
  line(): readonly string[];
}

/** `onFree`: a reserved slot was not taken after all. */
export function createSlots(executor: Executor, onFree: () => void): Slots {
  const reserved = new Set<string>();
  const waitingSince = new Map<string, number>();

  return {
    count(repo, isIll) {
      const { slots, busy } = executor.capacity();
      const since = waitingSince.get(repoKey(repo)) ?? Number.POSITIVE_INFINITY;
      const olderElsewhere = [...waitingSince.values()].filter((other) => other < since).length;
      return { free: isIll ? 0 : slots - busy - reserved.size, olderElsewhere };
    },
    note(observation, decision) {
      const key = repoKey(observation.repo);
      waitingSince.delete(key);
      if (decision.kind === "start" || decision.kind === "turn" || decision.kind === "retry") reserved.add(key);
      if (decision.kind === "wait" && decision.why === "no-slot") waitingSince.set(key, releasedAt(observation));
    },
    taken: (repo) => void reserved.delete(repoKey(repo)),
    settle(repo) {
      if (reserved.delete(repoKey(repo))) onFree();
    },
    leave: (repo) => void waitingSince.delete(repoKey(repo)),
    line: () => [...waitingSince].toSorted(([, one], [, other]) => one - other).map(([key]) => key),
  };
}

/** When the work that waits was released, in milliseconds of the forge's clock. */
function releasedAt({ run, candidates, at }: Observation): number {
  const released = run?.ledger.approval.at ?? candidates.find(({ details }) => details?.release !== undefined)?.details?.release?.at;
  return released === undefined ? at : Date.parse(released);
}
