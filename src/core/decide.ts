import { selectDispatchable, type Selection } from "./dispatch.ts";
import type { Observation, RunObservation } from "./observation.ts";

import type { CancelReason, End, HandOverReason, Ledger, Turn, TurnKind, TurnOutcome } from "./run.ts";
import { contextsThat, judgeLanding, settlesAt, type Context } from "./verdict.ts";

/** What to do about one repo now. `perform` has one case for each. */
export type Decision =
  /** Stop turns; no write starts. */
  | { readonly kind: "halt" }
  /** The run has ended; show it: comment, labels, close, lock, in this order. */
  | { readonly kind: "finish" }
  | { readonly kind: "end"; readonly end: End }
  | { readonly kind: "turn"; readonly turn: TurnKind }
  /** The same turn again. `counts`: infrastructure failed, and it takes one of the retries. */
  | { readonly kind: "retry"; readonly turn: TurnKind; readonly counts: boolean }
  | { readonly kind: "start"; readonly selection: Selection }
  /** `untilMs` on the forge's clock; without it, until something happens. */
  | { readonly kind: "wait"; readonly why: WaitReason; readonly untilMs?: number };

export type WaitReason = "held-elsewhere" | "turn-runs" | "no-slot" | "ci-pending" | "ci-settling" | "backing-off" | "nothing-to-start";

/** The operator's bounds. Times in milliseconds. */
export interface Limits {
  readonly nudgeMax: number;
  readonly retryMax: number;
  readonly fixForwardMaxAttempts: number;
  readonly fixForwardMaxMs: number;
  readonly trustedBots: readonly string[];
}

type Rule = (observation: Observation, limits: Limits) => Decision | undefined;
type RunRule = (run: RunObservation, observation: Observation, limits: Limits) => Decision | undefined;

/** The decision table of the design, first match wins. Reading it from top to bottom is reading what AFK does. */
const rules: readonly Rule[] = [
  haltWhenSwitchedOff,
  onRun(waitForForeignHolder),
  onRun(finishEndedRun),
  onRun(cancelWithdrawnRun),
  onRun(handOverOnBadConfig),
  onRun(judgeCi),
  onRun(waitForTurn),
  onRun(answerOutcome),
  onRun(beginFirstTurn),
  startSelected,
];

/** Pure: the same observation and limits always give the same decision. */
export function decide(observation: Observation, limits: Limits): Decision {
  for (const rule of rules) {
    const decision = rule(observation, limits);
    if (decision !== undefined) return decision;
  }
  return { kind: "wait", why: "nothing-to-start" };
}

function onRun(rule: RunRule): Rule {
  return (observation, limits) => (observation.run === undefined ? undefined : rule(observation.run, observation, limits));
}

function haltWhenSwitchedOff({ isSwitchedOff }: Observation): Decision | undefined {
  return isSwitchedOff ? { kind: "halt" } : undefined;
}

function waitForForeignHolder({ control }: RunObservation): Decision | undefined {
  return control.kind === "foreign" ? { kind: "wait", why: "held-elsewhere", untilMs: Date.parse(control.until) } : undefined;
}

function finishEndedRun({ ledger }: RunObservation): Decision | undefined {
  return ledger.end === undefined ? undefined : { kind: "finish" };
}

function cancelWithdrawnRun(run: RunObservation, observation: Observation): Decision | undefined {
  const reason = withdrawal(run, observation);
  return reason === undefined ? undefined : { kind: "end", end: { kind: "cancelled", reason } };
}

function withdrawal({ issue, isReady }: RunObservation, { isEnrolled }: Observation): CancelReason | undefined {
  if (!isEnrolled) return "not-enrolled";
  if (issue === undefined) return "issue-gone";
  if (!issue.isOpen) return "issue-closed";
  return isReady ? undefined : "label-removed";
}

function handOverOnBadConfig(_run: RunObservation, { policy }: Observation): Decision | undefined {
  return policy.kind === "faulty" ? handOver("bad-repo-config", policy.faults.join("\n")) : undefined;
}

/** Rows 4 to 6: what became of the landed commit. */
function judgeCi({ ledger, ci }: RunObservation, { policy, at, slots }: Observation, limits: Limits): Decision | undefined {
  if (ledger.landed === undefined || ci === undefined || policy.kind === "faulty" || isCorrecting(ledger)) return undefined;
  const reading = judgeLanding(ci.landed, ci.descendants, policy.policy.ci);
  const deadline = Date.parse(ledger.landed.at) + policy.policy.ci.timeoutMs;
  const waitOr = (reason: HandOverReason, detail: string): Decision =>
    at < deadline ? { kind: "wait", why: "ci-pending", untilMs: deadline } : handOver(reason, detail);
  switch (reading.verdict) {
    case "green": {
      const settled = settlesAt(reading, ledger.landed.at, policy.policy.ci.settleMs);
      return at < settled ? { kind: "wait", why: "ci-settling", untilMs: settled } : { kind: "end", end: { kind: "closed" } };
    }
    case "red":
      if (!mayFixForward(ledger, at, limits)) return handOver("ci-red", names(contextsThat(reading, "red")));
      return slots.free > 0 ? { kind: "turn", turn: "fix-forward" } : { kind: "wait", why: "no-slot" };
    case "pending":
      return waitOr("ci-timeout", names(contextsThat(reading, "pending")));
    case "absent":
      return policy.policy.ci.none ? { kind: "end", end: { kind: "closed" } } : waitOr("ci-absent", "");
    case "unknown":
      return waitOr("ci-unknown", reading.why ?? "");
    default:
      return reading.verdict satisfies never;
  }
}

/** A corrective turn is under way: its outcome decides, not the old commit's checks. */
function isCorrecting({ turn }: Ledger): boolean {
  return turn !== undefined && turn.outcome?.kind !== "landed";
}

/** The budget of corrective turns. The implement turn is the first attempt and not one of them. */
function mayFixForward(ledger: Ledger, at: number, limits: Limits): boolean {
  const isInTime = ledger.landed !== undefined && at < Date.parse(ledger.landed.at) + limits.fixForwardMaxMs;
  return isInTime && ledger.attempts - 1 < limits.fixForwardMaxAttempts;
}

function waitForTurn({ ledger, turn }: RunObservation): Decision | undefined {
  const isLive = turn.kind === "running" || turn.kind === "queued";
  return isLive && ledger.turn?.outcome === undefined ? { kind: "wait", why: "turn-runs" } : undefined;
}

/** Rows 7 to 9: a turn ended without landing, or was lost with the process that ran it. */
function answerOutcome({ ledger }: RunObservation, { at, slots }: Observation, limits: Limits): Decision | undefined {
  const { turn } = ledger;
  if (turn === undefined || turn.outcome?.kind === "landed") return undefined;
  const answer =
    turn.outcome === undefined
      ? retry(ledger, turn, "infrastructure", lostTurn, at, limits)
      : answerTo(turn.outcome, turn, ledger, at, limits);
  const needsSlot = answer.kind === "turn" || answer.kind === "retry";
  return needsSlot && slots.free <= 0 ? { kind: "wait", why: "no-slot" } : answer;
}

const lostTurn = "The process that ran the agent is gone.";

type Concluded = Exclude<TurnOutcome, { kind: "landed" }>;

function answerTo(outcome: Concluded, turn: Turn, ledger: Ledger, at: number, limits: Limits): Decision {
  switch (outcome.kind) {
    case "refused":
      return ledger.nudges < limits.nudgeMax ? { kind: "turn", turn: "nudge" } : handOver("gate-refused", outcome.reason);
    case "conflict":
      return ledger.nudges < limits.nudgeMax ? { kind: "turn", turn: "resolve" } : handOver("conflict", outcome.reason);
    case "base-red":
      return handOver("base-red", "");
    case "blocked":
      return handOver("blocked", outcome.why);
    case "unchanged":
      return handOver("unchanged", "");
    case "unworkable":
      return handOver("unworkable", outcome.reason);
    case "proved":
      return handOver("proved-not-landed", "");
    case "failed":
      return retry(ledger, turn, "infrastructure", outcome.reason, at, limits);
    case "timed-out":
      return retry(ledger, turn, "timed-out", `The agent was stopped after ${Math.round(outcome.afterMs / 1000)} s.`, at, limits);
    case "interrupted":
      return { kind: "retry", turn: turn.kind, counts: false };
    default:
      return outcome satisfies never;
  }
}

/** 10 s, doubling, at most 5 minutes, from the moment the turn ended. A lost turn has no such moment and is begun again at once. */
function retry(ledger: Ledger, turn: Turn, reason: HandOverReason, detail: string, at: number, limits: Limits): Decision {
  if (ledger.retries >= limits.retryMax) return handOver(reason, detail);
  const endedAt = turn.outcome === undefined ? undefined : Date.parse(turn.outcome.at);
  const dueAt = endedAt === undefined ? at : endedAt + Math.min(10_000 * 2 ** ledger.retries, 300_000);
  return at < dueAt ? { kind: "wait", why: "backing-off", untilMs: dueAt } : { kind: "retry", turn: turn.kind, counts: true };
}

function beginFirstTurn({ ledger }: RunObservation, { slots }: Observation): Decision | undefined {
  if (ledger.turn !== undefined) return undefined;
  return slots.free > 0 ? { kind: "turn", turn: "implement" } : { kind: "wait", why: "no-slot" };
}

/** Slots go to the issue released first, over all repos: one that others are ahead of waits until they have theirs. */
function startSelected({ run, candidates, obstacles, slots }: Observation, { trustedBots }: Limits): Decision | undefined {
  if (run !== undefined) return undefined;
  const selection = selectDispatchable(candidates, { trustedBots, obstacles }, undefined);
  if (selection === undefined) return undefined;
  return slots.free > slots.olderElsewhere ? { kind: "start", selection } : { kind: "wait", why: "no-slot" };
}

function handOver(reason: HandOverReason, detail: string): Decision {
  return { kind: "end", end: { kind: "handed-over", reason, detail } };
}

function names(contexts: readonly Context[]): string {
  return contexts.map((context) => context.name).join(", ");
}
