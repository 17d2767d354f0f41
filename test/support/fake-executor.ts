import { repoKey, type Evidence, type Repo, type TurnOutcome } from "../../src/core/run.ts";
import type { Claim, Executor, Lock, TurnOrder, TurnProgress, TurnStatus } from "../../src/ports.ts";

/** A turn that the test plays the agent of. */
export interface FakeTurn {
  readonly order: TurnOrder;
  readonly claim: Claim;
  status: TurnStatus;
}

/** The executor's twin: turns begin, and go on only when the test says so. */
export interface FakeExecutor extends Executor {
  /** The turn that runs for the repo; throws when none does. */
  turnOf(repo: Repo): FakeTurn;
  /** Every order ever submitted. */
  readonly orders: readonly TurnOrder[];
  readonly disposed: readonly string[];
  /** The runs that were said to live, each time it was told to remove what belongs to no other. */
  readonly reaps: readonly (readonly string[])[];
  progress(repo: Repo, progress: Partial<TurnProgress>): void;
  end(repo: Repo, outcome: TurnOutcome): void;
  /** Lands as a real turn does: branch and lock in one move. Throws what the lock throws. */
  land(repo: Repo, commit: string, expected: string, evidence: Evidence): Promise<void>;
  setAilment(ailment: string | undefined): void;
}

export function createFakeExecutor(lock: Lock, slots: number): FakeExecutor {
  const turns = new Map<string, FakeTurn>();
  const orders: TurnOrder[] = [];
  const disposed: string[] = [];
  const reaps: (readonly string[])[] = [];
  const waiting: (() => void)[] = [];
  let listener: Parameters<Executor["onChange"]>[0] = () => {};
  let ailment: string | undefined;

  const live = () => [...turns.values()].filter(({ status }) => status.kind === "running");

  function turnOf(repo: Repo): FakeTurn {
    const turn = live().find(({ order }) => repoKey(order.repo) === repoKey(repo));
    if (turn === undefined) throw new Error(`no turn runs for ${repoKey(repo)}`);
    return turn;
  }

  function conclude(turn: FakeTurn, outcome: TurnOutcome): void {
    turn.status = { kind: "ended", outcome };
    listener(turn.order.repo, "ended");
    if (live().length === 0) for (const resolve of waiting.splice(0)) resolve();
  }

  return {
    turnOf,
    orders,
    disposed,
    reaps,
    progress(repo, change) {
      const turn = turnOf(repo);
      if (turn.status.kind !== "running") return;
      const isPhase = change.phase !== undefined && change.phase !== turn.status.progress.phase;
      turn.status = { kind: "running", progress: { ...turn.status.progress, ...change } };
      listener(repo, isPhase ? "phase" : "line");
    },
    end: (repo, outcome) => conclude(turnOf(repo), outcome),
    async land(repo, commit, expected, evidence) {
      const turn = turnOf(repo);
      const { base, id } = turn.order;
      const answer = await lock.land(turn.claim, { store: "", branch: base, expected, commit, turnId: id, evidence });
      if (answer.kind !== "landed") throw new Error(`not landed: ${answer.kind}`);
      conclude(turn, { kind: "landed", evidence });
    },
    setAilment(words) {
      ailment = words;
    },
    capacity: () => ({ slots, busy: live().length }),
    ailment: async () => ailment,
    submit(order, claim) {
      if (turns.has(order.id)) return;
      orders.push(order);
      turns.set(order.id, { order, claim, status: { kind: "running", progress: { phase: "workspace", lines: [], evidence: {} } } });
    },
    inspect: (turnId) => turns.get(turnId)?.status ?? { kind: "unknown" },
    async cancel(turnId, why) {
      const turn = turns.get(turnId);
      if (turn?.status.kind === "running") conclude(turn, { kind: "interrupted", why });
    },
    async dispose(_repo, run) {
      disposed.push(run);
    },
    async reap(liveRuns) {
      reaps.push(liveRuns);
    },
    onChange(next) {
      listener = next;
    },
    idle: () => (live().length === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    async close() {
      for (const turn of live()) conclude(turn, { kind: "interrupted", why: "AFK stops" });
    },
  };
}
