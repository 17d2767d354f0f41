import { repoKey, type Evidence, type Repo, type TurnOutcome } from "../../src/core/run.ts";
import {
  HaltedError,
  StaleClaimError,
  type Claim,
  type Executor,
  type LandingAnswer,
  type Lock,
  type TurnOrder,
  type TurnProgress,
  type TurnStatus,
} from "../../src/ports.ts";
import { provenEvidence } from "../support/bot-tester.ts";

/** A turn whose agent is played by the schedule. */
export interface MachineTurn {
  readonly order: TurnOrder;
  readonly claim: Claim;
  status: TurnStatus;
  /** While its push is under way. */
  landing: Promise<void> | undefined;
  isCancelled: boolean;
}

/** What outlives a process: the workspaces in one AFK_HOME, by run. */
export type Disk = Set<string>;

export interface MachineDeps {
  readonly lock: Lock;
  readonly slots: number;
  readonly disk: Disk;
  readonly headOf: (repo: Repo, branch: string) => string;
  readonly newSha: () => string;
  readonly onInterrupted: (run: string) => void;
}

/** The executor of one process, with the manners of the local one: `dispose` ends and forgets a run's turns, a landing goes through the lock. */
export interface Machine extends Executor {
  live(): readonly MachineTurn[];
  progress(turn: MachineTurn, change: Partial<TurnProgress>): void;
  end(turn: MachineTurn, outcome: TurnOutcome): void;
  land(turn: MachineTurn): Promise<void>;
}

/** As often as the local executor proves a landing anew on a base that moved. */
const maxMoves = 3;

export function createMachine({ lock, slots, disk, headOf, newSha, onInterrupted }: MachineDeps): Machine {
  const turns = new Map<string, MachineTurn>();
  let listener: Parameters<Executor["onChange"]>[0] = () => {};
  const waiting: (() => void)[] = [];

  const live = (): MachineTurn[] => [...turns.values()].filter(({ status }) => status.kind === "running");

  function end(turn: MachineTurn, outcome: TurnOutcome): void {
    if (turn.status.kind !== "running") return;
    turn.status = { kind: "ended", outcome };
    if (outcome.kind === "interrupted") onInterrupted(turn.order.run);
    listener(turn.order.repo, "ended");
    if (live().length === 0) for (const resolve of waiting.splice(0)) resolve();
  }

  async function push(turn: MachineTurn): Promise<TurnOutcome> {
    const { base, id, repo } = turn.order;
    for (let moves = 0; moves <= maxMoves; moves += 1) {
      if (turn.isCancelled) return { kind: "interrupted", why: "cancelled" };
      const landing = { store: "", branch: base, expected: headOf(repo, base), commit: newSha(), turnId: id, evidence: provenEvidence };
      const answer = await lock.land(turn.claim, landing);
      if (answer.kind !== "base-moved") return outcomeOf(answer, provenEvidence);
    }
    return { kind: "conflict", reason: "the base moved too often", evidence: provenEvidence };
  }

  async function cancel(turnId: string, why: string): Promise<void> {
    const turn = turns.get(turnId);
    if (turn === undefined) return;
    turn.isCancelled = true;
    await turn.landing;
    end(turn, { kind: "interrupted", why });
  }

  async function cancelAll(which: readonly MachineTurn[], why: string): Promise<void> {
    for (const { order } of which) await cancel(order.id, why);
  }

  return {
    live,
    end,
    progress(turn, change) {
      if (turn.status.kind !== "running") return;
      turn.status = { kind: "running", progress: { ...turn.status.progress, ...change } };
      listener(turn.order.repo, change.phase === undefined ? "line" : "phase");
    },
    land(turn) {
      turn.landing = push(turn)
        .catch((error: unknown) => outcomeOfFailure(turn, error))
        .then((outcome) => end(turn, outcome));
      return turn.landing;
    },
    capacity: () => ({ slots, busy: live().length }),
    ailment: async () => undefined,
    submit(order, claim) {
      if (turns.has(order.id)) return;
      disk.add(order.run);
      const progress = { phase: "workspace", lines: [], evidence: {} } as const;
      turns.set(order.id, { order, claim, status: { kind: "running", progress }, landing: undefined, isCancelled: false });
    },
    inspect: (turnId) => turns.get(turnId)?.status ?? { kind: "unknown" },
    cancel,
    async dispose(_repo, run) {
      await cancelAll(
        live().filter(({ order }) => order.run === run),
        "the run is over",
      );
      disk.delete(run);
      for (const [id, { order }] of turns) if (order.run === run) turns.delete(id);
    },
    async reap(liveRuns) {
      const kept = new Set([...liveRuns, ...live().map(({ order }) => order.run)]);
      for (const run of disk) if (!kept.has(run)) disk.delete(run);
    },
    onChange(next) {
      listener = next;
    },
    idle: () => (live().length === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve))),
    close: () => cancelAll(live(), "AFK stops"),
  };
}

function outcomeOf(answer: Exclude<LandingAnswer, { kind: "base-moved" }>, evidence: Evidence): TurnOutcome {
  return answer.kind === "landed" ? { kind: "landed", evidence } : { kind: "unworkable", reason: answer.reason };
}

function outcomeOfFailure(turn: MachineTurn, error: unknown): TurnOutcome {
  const isOver = turn.isCancelled || error instanceof HaltedError || error instanceof StaleClaimError;
  return isOver
    ? { kind: "interrupted", why: "the claim is lost" }
    : { kind: "failed", reason: `the push for ${repoKey(turn.order.repo)} failed`, tail: "" };
}
