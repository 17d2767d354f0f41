import { handOver, type Decision, type Limits } from "./decision.ts";
import type { CiObservation, Observation, RunObservation } from "./observation.ts";
import type { HandOverReason, Landed, Ledger } from "./run.ts";
import { contextsThat, foldVerdict, judgeLanding, settlesAt, type Context } from "./verdict.ts";

/** Rows 4 to 6 of the decision table: what became of the landed commit. */
export function judgeCi(run: RunObservation, { policy, at }: Observation, limits: Limits): Decision | undefined {
  const { ledger, ci } = run;
  const { landed } = ledger;
  if (landed === undefined || ci === undefined || policy.kind === "faulty") return undefined;
  if (ci.isUndone === true) return answerUndone(landed, at);
  const reading = judgeLanding(ci.landed, ci.descendants, policy.policy.ci);
  // A correction that came to nothing is answered by its outcome, unless CI has turned green without it.
  if (isCorrecting(ledger) && reading.verdict !== "green") return undefined;
  const deadline = Date.parse(ledger.ciSince ?? landed.at) + policy.policy.ci.timeoutMs;
  const waitOr = (reason: HandOverReason, detail: string): Decision =>
    at < deadline ? { kind: "wait", why: "ci-pending", untilMs: deadline } : handOver(reason, detail);
  switch (reading.verdict) {
    case "green": {
      const settled = settlesAt(reading, landed.at, policy.policy.ci.settleMs);
      return at < settled ? { kind: "wait", why: "ci-settling", untilMs: settled } : { kind: "end", end: { kind: "closed" } };
    }
    case "red":
      return answerRed({ ledger, landed, ci, at, limits, red: contextsThat(reading, "red") });
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

/** A replica of the forge may show the branch as it was before the landing. They lag by seconds; a minute is plenty. */
const replicaLagMs = 60_000;

function answerUndone(landed: Landed, at: number): Decision {
  const untilMs = Date.parse(landed.at) + replicaLagMs;
  return at < untilMs ? { kind: "wait", why: "ci-pending", untilMs } : handOver("landing-undone", "");
}

/** A corrective turn was the last one, and did not land. */
function isCorrecting({ turn }: Ledger): boolean {
  return turn !== undefined && turn.outcome?.kind !== "landed";
}

interface RedRun {
  readonly ledger: Ledger;
  readonly landed: Landed;
  readonly ci: CiObservation;
  readonly at: number;
  readonly limits: Limits;
  readonly red: readonly Context[];
}

/** After a re-run was asked for, the forge may show the old failures for a moment. GitHub queues jobs within seconds; a minute is plenty. */
const rerunGraceMs = 60_000;

/** Not ours? A flake? The same again? Only then an agent, within its budget. */
function answerRed({ ledger, landed, ci, at, limits, red }: RedRun): Decision {
  const ours = redByUs(red, ci);
  if (ours.length === 0) return handOver("ci-red-before", names(red));
  const rerunAt = ledger.rerun?.sha === landed.sha ? Date.parse(ledger.rerun.at) : undefined;
  const checks = ours.flatMap(({ check }) => check ?? []);
  if (rerunAt === undefined && ci.mayRerun && checks.length > 0) return { kind: "rerun", checks };
  const isStale = rerunAt !== undefined && ours.every((context) => context.at !== undefined && Date.parse(context.at) <= rerunAt);
  if (isStale && at < rerunAt + rerunGraceMs) return { kind: "wait", why: "ci-rerun", untilMs: rerunAt + rerunGraceMs };
  if (ci.failure !== undefined && ci.failure === ledger.failure) return handOver("ci-red-again", names(ours));
  if (!mayFixForward(ledger, at, limits)) return handOver("ci-red", names(ours));
  return { kind: "turn", turn: "fix-forward", ...(ci.failure === undefined ? {} : { failure: ci.failure }) };
}

/** What was not red already before anything of ours had landed. */
export function redByUs(red: readonly Context[], { before }: Pick<CiObservation, "before">): readonly Context[] {
  if (before === undefined) return red;
  const redBefore = contextsThat(foldVerdict(before.facts, { required: [] }), "red").map(({ name }) => name);
  return red.filter(({ name }) => !redBefore.includes(name));
}

/** The budget of corrective turns: so many, and none that starts too long after CI was first seen red. The implement turn is the first attempt and not one of them. */
function mayFixForward(ledger: Ledger, at: number, limits: Limits): boolean {
  const isInTime = ledger.redSince === undefined || at < Date.parse(ledger.redSince) + limits.fixForwardMaxMs;
  return isInTime && ledger.attempts - 1 < limits.fixForwardMaxAttempts;
}

function names(contexts: readonly Context[]): string {
  return contexts.map((context) => context.name).join(", ");
}
