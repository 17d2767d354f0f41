import { selectDispatchable } from "./dispatch.ts";
import { handOver, type Decision, type Limits } from "./decision.ts";
import { judgeCi } from "./judge-ci.ts";
import type { Observation, RunObservation } from "./observation.ts";
import type { CancelReason, Concluded, HandOverReason, Ledger, Turn, TurnKind } from "./run.ts";
import { isUnfinished } from "./run-steps.ts";

type Rule = (observation: Observation, limits: Limits) => Decision | undefined;
type RunRule = (run: RunObservation, observation: Observation, limits: Limits) => Decision | undefined;

/** The decision table of the design, first match wins. Reading it from top to bottom is reading what AFK does. */
const rules: readonly Rule[] = [
  haltWhenSwitchedOff,
  onRun(waitForForeignHolder),
  onRun(finishEndedRun),
  answerRequest,
  onRun(cancelWithdrawnRun),
  onRun(handOverOnBadConfig),
  onRun(waitForTurn),
  onRun(takeAskedTurn),
  onRun(judgeCi),
  onRun(answerOutcome),
  onRun(beginFirstTurn),
  startSelected,
];

/** Pure: the same observation and limits always give the same decision. */
export function decide(observation: Observation, limits: Limits): Decision {
  for (const rule of rules) {
    const decision = rule(observation, limits);
    if (decision !== undefined) return needsSlot(decision) && observation.slots.free <= 0 ? { kind: "wait", why: "no-slot" } : decision;
  }
  return { kind: "wait", why: "nothing-to-start" };
}

function needsSlot({ kind }: Decision): boolean {
  return kind === "turn" || kind === "retry";
}

function onRun(rule: RunRule): Rule {
  return (observation, limits) => (observation.run === undefined ? undefined : rule(observation.run, observation, limits));
}

function haltWhenSwitchedOff({ isSwitchedOff, isOutOfReach }: Observation): Decision | undefined {
  return isSwitchedOff || isOutOfReach ? { kind: "halt" } : undefined;
}

function waitForForeignHolder({ control }: RunObservation): Decision | undefined {
  return control.kind === "foreign" ? { kind: "wait", why: "held-elsewhere", untilMs: Date.parse(control.until) } : undefined;
}

function finishEndedRun({ ledger }: RunObservation): Decision | undefined {
  return ledger.end === undefined ? undefined : { kind: "finish" };
}

function answerRequest({ request }: Observation): Decision | undefined {
  return request === undefined ? undefined : { kind: "answer", request };
}

function cancelWithdrawnRun(run: RunObservation, observation: Observation): Decision | undefined {
  const reason = withdrawal(run, observation);
  return reason === undefined ? undefined : { kind: "end", end: { kind: "cancelled", reason } };
}

function withdrawal({ issue, isReady, ledger }: RunObservation, { isEnrolled }: Observation): CancelReason | undefined {
  if (!isEnrolled) return "not-enrolled";
  if (issue === undefined) return "issue-gone";
  // Forges answer from replicas that may be seconds behind: one from before the release knows nothing of it.
  if (Date.parse(issue.updatedAt) < Date.parse(ledger.approval.at)) return undefined;
  if (!issue.isOpen) return "issue-closed";
  return isReady ? undefined : "label-removed";
}

function handOverOnBadConfig(_run: RunObservation, { policy }: Observation): Decision | undefined {
  return policy.kind === "faulty" ? handOver("bad-repo-config", policy.faults.join("\n")) : undefined;
}

function waitForTurn({ turn }: RunObservation): Decision | undefined {
  return turn.kind === "running" || turn.kind === "queued" ? { kind: "wait", why: "turn-runs" } : undefined;
}

/** `/afk fix` and `/afk retry` are worth one turn, whatever the budgets say. */
function takeAskedTurn({ ledger }: RunObservation): Decision | undefined {
  return ledger.asked === undefined ? undefined : { kind: "turn", turn: kindAsked(ledger) };
}

function kindAsked({ landed, turn }: Ledger): TurnKind {
  if (turn !== undefined && isUnfinished(turn)) return turn.kind;
  if (turn?.outcome?.kind === "refused") return "nudge";
  if (turn?.outcome?.kind === "conflict") return "resolve";
  return landed === undefined ? "implement" : "fix-forward";
}

/** Rows 7 to 9: a turn ended without landing, or was lost with the process that ran it. */
function answerOutcome({ ledger }: RunObservation, { at }: Observation, limits: Limits): Decision | undefined {
  const { turn } = ledger;
  if (turn === undefined || turn.outcome?.kind === "landed") return undefined;
  if (turn.outcome === undefined) return retry(ledger, turn, "infrastructure", lostTurn, at, limits);
  return answerTo(turn.outcome, turn, ledger, at, limits);
}

const lostTurn = "The process that ran the agent is gone.";

function answerTo(outcome: Exclude<Concluded, { kind: "landed" }>, turn: Turn, ledger: Ledger, at: number, limits: Limits): Decision {
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
    case "limited":
      return unpark(outcome, turn, ledger, at);
    case "interrupted":
      return { kind: "retry", turn: turn.kind, beginning: "resumption" };
    default:
      return outcome satisfies never;
  }
}

/** 10 s, doubling, at most 5 minutes, from the moment the turn ended. A lost turn has no such moment and is begun again at once. */
function retry(ledger: Ledger, turn: Turn, reason: HandOverReason, detail: string, at: number, limits: Limits): Decision {
  if (ledger.retries >= limits.retryMax) return handOver(reason, detail);
  const endedAt = turn.outcome === undefined ? undefined : Date.parse(turn.outcome.at);
  const dueAt = endedAt === undefined ? at : endedAt + Math.min(10_000 * 2 ** ledger.retries, 300_000);
  return at < dueAt ? { kind: "wait", why: "backing-off", untilMs: dueAt } : { kind: "retry", turn: turn.kind, beginning: "retry" };
}

/** A provider that names no sensible time is asked again after a minute at the earliest, and after a day at the latest. */
const parkedForMs = { least: 60_000, most: 24 * 60 * 60_000 };
/** Limits are hit again and again by who has too small a plan; a week of five-hour windows is 34. */
const maxParks = 34;

function unpark(outcome: Concluded & { readonly kind: "limited" }, turn: Turn, ledger: Ledger, at: number): Decision {
  if (ledger.parks >= maxParks) return handOver("infrastructure", outcome.reason);
  const since = Date.parse(outcome.at);
  const asked = Date.parse(outcome.until);
  const soonest = since + parkedForMs.least;
  const dueAt = Number.isNaN(asked) ? soonest : Math.min(Math.max(asked, soonest), since + parkedForMs.most);
  return at < dueAt ? { kind: "wait", why: "parked", untilMs: dueAt } : { kind: "retry", turn: turn.kind, beginning: "unparking" };
}

function beginFirstTurn({ ledger }: RunObservation): Decision | undefined {
  return ledger.turn === undefined ? { kind: "turn", turn: "implement" } : undefined;
}

/** Slots go to the issue released first, over all repos: one that others are ahead of waits until they have theirs. */
function startSelected({ run, candidates, obstacles, slots }: Observation, { trustedBots }: Limits): Decision | undefined {
  if (run !== undefined) return undefined;
  const selection = selectDispatchable(candidates, { trustedBots, obstacles }, undefined);
  if (selection === undefined) return undefined;
  return slots.free > slots.olderElsewhere ? { kind: "start", selection } : { kind: "wait", why: "no-slot" };
}
