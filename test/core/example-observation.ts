import type { Limits } from "../../src/core/decision.ts";
import type { CandidateDetails, CiObservation, IssueFacts, Observation, RunObservation } from "../../src/core/observation.ts";
import { combine } from "../../src/core/policy.ts";
import type { Approval, Ledger, Time, TurnKind, TurnOutcome } from "../../src/core/run.ts";
import { beginTurn, concludeTurn, openLedger, recordLanding } from "../../src/core/run-steps.ts";
import type { CheckRun, CommitFacts } from "../../src/core/verdict.ts";

export const start = Date.parse("2026-01-05T09:00:00Z");
/** So many seconds after the run's start, as the forge writes it. */
export const time = (seconds: number): Time => new Date(start + seconds * 1000).toISOString();

export const limits: Limits = { nudgeMax: 2, retryMax: 2, fixForwardMaxAttempts: 5, fixForwardMaxMs: 3_600_000, trustedBots: [] };
export const { policy } = combine(
  { landing: "push", agent: "command", agentsAllowed: ["command"], mayLoosen: [], budgetUsd: 100, turnTimeoutMs: 1000 },
  { ci: { settleMs: 15_000, timeoutMs: 3_600_000 } },
  { defaultBranch: "main", isPrivate: true },
);

export const approval: Approval = { by: "ann", byId: 2, at: time(-60), contentHash: "0".repeat(64) };

/** A run of issue 7: claimed at 0, its first turn begun at 0, landed at 60. */
export const claimed: Ledger = openLedger({ repoId: 1, issue: 7, run: "7-a", approval, base: "main", startedAt: time(0) });
export const working: Ledger = beginTurn(claimed, { id: "t1", kind: "implement", startedAt: time(0) }, "new");
export const sha = "a".repeat(40);
export const landed: Ledger = recordLanding(working, "t1", { sha, branch: "main", at: time(60) }, "b".repeat(40), {});

/** What the first turn came to, at 60. */
export function after(outcome: TurnOutcome, ledger: Ledger = working): Ledger {
  return concludeTurn(ledger, ledger.turn?.id ?? "", outcome, time(60));
}

/** The landed run with a further turn, which came to this at 120. */
export function corrected(outcome: TurnOutcome, kind: TurnKind = "fix-forward", ledger: Ledger = landed): Ledger {
  return concludeTurn(beginTurn(ledger, { id: "t2", kind, startedAt: time(90) }, "new"), "t2", outcome, time(120));
}

export const issue: IssueFacts = {
  number: 7,
  title: "Sum is wrong",
  body: "",
  author: "ann",
  labels: ["ready-for-agent"],
  isOpen: true,
  isLocked: false,
  url: "https://forge.test/acme/api/issues/7",
  updatedAt: time(0),
};

/** Released by Ann, who may write, at -60. */
export const details: CandidateDetails = {
  release: { by: "ann", byId: 2, byIsBot: false, at: time(-60), editedSince: "no" },
  commandsThrough: 0,
  releaserPermission: "write",
  authorPermission: "write",
  blockers: [],
  previous: undefined,
};

/** A repo in which nothing happens, at 60. */
export const idle: Observation = {
  repo: { owner: "acme", name: "api" },
  at: start + 60_000,
  isSwitchedOff: false,
  isOutOfReach: false,
  isEnrolled: true,
  policy: { kind: "ok", policy },
  request: undefined,
  run: undefined,
  candidates: [],
  obstacles: [],
  slots: { free: 1, olderElsewhere: 0 },
};

export const noSlot = { slots: { free: 0, olderElsewhere: 0 } } as const;

export const running = { kind: "running", progress: { phase: "workspace", lines: [], evidence: {} } } as const;

export function observeRun(ledger: Ledger, change: Partial<RunObservation> = {}, world: Partial<Observation> = {}): Observation {
  const run: RunObservation = {
    ledger,
    control: { kind: "held" },
    issue,
    isReady: true,
    turn: { kind: "unknown" },
    ci: undefined,
    ...change,
  };
  return { ...idle, run, ...world };
}

/** A check that reported at so many seconds. */
export function check(conclusion: string | undefined, seconds = 60, change: Partial<CheckRun> = {}): CheckRun {
  const completedAt = conclusion === undefined ? undefined : time(seconds);
  return { id: 1, app: "ci", name: "test", conclusion, startedAt: time(seconds), completedAt, url: "https://ci", ...change };
}

export function known(...checks: CheckRun[]): CommitFacts {
  return { kind: "known", checks, statuses: [] };
}

/** CI's word on the landed commit, seen at so many seconds. */
export function withCi(facts: CommitFacts, atSeconds: number, ledger: Ledger = landed, more: Partial<CiObservation> = {}): Observation {
  const ci: CiObservation = { landed: { sha: ledger.landed?.sha ?? sha, facts }, descendants: [], mayRerun: false, ...more };
  return observeRun(ledger, { ci }, { at: start + atSeconds * 1000 });
}
