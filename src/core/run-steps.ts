/** What happens to a run, each a step from one ledger to the next. Pure: times and ids are arguments. */
import type { Approval, Evidence, End, Landed, Ledger, Time, Turn, TurnOutcome } from "./run.ts";

/** A run that has just been decided on: nothing counted yet. */
export function openLedger(facts: Pick<Ledger, "repoId" | "issue" | "run" | "approval" | "base" | "startedAt">): Ledger {
  return { version: 1, epoch: 1, ...unspent, continuations: 0, spentUsd: 0, commandsThrough: 0, evidence: {}, ...facts };
}

/** Every budget that counts turns. */
const unspent = { attempts: 0, nudges: 0, retries: 0, parks: 0 } as const;

/** The same run goes on after its end, for the one turn that somebody asked for and approved the text for. */
export function continueRun(ended: Ledger, approval: Approval, asked: NonNullable<Ledger["asked"]>): Ledger {
  const { end, checks: _, ...rest } = ended;
  const left = end?.kind === "handed-over" && end.reason === "landing-undone" ? withoutLanding(rest) : rest;
  return { ...left, approval, asked, continuations: ended.continuations + 1 };
}

/** Nothing of the run is on the branch any more. */
function withoutLanding(ledger: Ledger): Ledger {
  const { landed: _, before: __, ciSince: ___, redSince: ____, ...rest } = ledger;
  return rest;
}

/**
 * The run starts over: fresh budgets, and a turn with the text that was approved just now. What has landed stays landed, and what people have
 * added is still to be heeded.
 */
export function startOver(ledger: Ledger, approval: Approval, asked: NonNullable<Ledger["asked"]>): Ledger {
  const { redSince: _, failure: __, rerun: ___, turn, ...rest } = ledger;
  const guidance = joinGuidance(unheeded(turn), ledger.asked?.guidance, asked.guidance);
  // Once something has landed, the implement turn is the one attempt that was needed.
  const attempts = ledger.landed === undefined ? 0 : 1;
  return { ...rest, ...unspent, attempts, approval, asked: guidance === undefined ? {} : { guidance } };
}

/** Why a turn begins: it is new, infrastructure failed it, AFK itself interrupted it (which counts nothing), or a provider's limit is over. */
export type Beginning = "new" | "retry" | "resumption" | "unparking";

/** Counts the turn and notes it, to be saved *before* it begins. It takes up what people asked for; begun again, it keeps what it was about. */
export function beginTurn(ledger: Ledger, turn: Turn, beginning: Beginning): Ledger {
  const { asked, ...rest } = beginning === "unparking" ? moveDeadlines(ledger, parkedMs(ledger, turn)) : ledger;
  const isNew = beginning === "new";
  const isAttempt = turn.kind === "implement" || turn.kind === "fix-forward";
  const report = isNew ? turn.report : ledger.turn?.report;
  const guidance = joinGuidance(unheeded(ledger.turn), asked?.guidance);
  return {
    ...rest,
    attempts: ledger.attempts + (isNew && isAttempt ? 1 : 0),
    nudges: ledger.nudges + (isNew && (turn.kind === "nudge" || turn.kind === "resolve") ? 1 : 0),
    retries: ledger.retries + (beginning === "retry" ? 1 : 0),
    parks: ledger.parks + (beginning === "unparking" ? 1 : 0),
    turn: { ...turn, ...(report === undefined ? {} : { report }), ...(guidance === undefined ? {} : { guidance }) },
  };
}

function parkedMs({ turn }: Ledger, next: Turn): number {
  return turn?.outcome === undefined ? 0 : Date.parse(next.startedAt) - Date.parse(turn.outcome.at);
}

/** The agent was not let finish: what the turn is about is still to be done. */
export function isUnfinished({ outcome }: Turn): boolean {
  const kind = outcome?.kind;
  return kind === undefined || kind === "failed" || kind === "timed-out" || kind === "limited" || kind === "interrupted";
}

function unheeded(turn: Turn | undefined): string | undefined {
  return turn !== undefined && isUnfinished(turn) ? turn.guidance : undefined;
}

/** The longest guidance that is kept, in characters. */
export const maxGuidance = 4_000;

/** What people added, in the order they did; of too much the last words are kept. */
export function joinGuidance(...parts: readonly (string | undefined)[]): string | undefined {
  const given = parts.filter((part) => part !== undefined && part !== "");
  return given.length === 0 ? undefined : given.join("\n\n").slice(-maxGuidance);
}

/** Notes what the turn came to. Idempotent; an outcome of another turn changes nothing. */
export function concludeTurn(ledger: Ledger, turnId: string, outcome: TurnOutcome, at: Time): Ledger {
  if (ledger.turn === undefined || ledger.turn.id !== turnId || ledger.turn.outcome !== undefined) return ledger;
  const { evidence, ...rest } = { evidence: undefined, ...outcome };
  const known = evidence === undefined ? ledger.evidence : { ...provedBefore(ledger), ...evidence };
  return { ...ledger, evidence: known, turn: { ...ledger.turn, outcome: { ...rest, at } } };
}

/** A correction need not prove red again what its run has proved red and landed. */
function provedBefore({ landed, evidence: { red, redExempt } }: Ledger): Evidence {
  if (landed === undefined) return {};
  return { ...(red === undefined ? {} : { red }), ...(redExempt === undefined ? {} : { redExempt }) };
}

/** Notes the landed commit; pushed atomically with the commit itself. `onto`: the branch's head before it. */
export function recordLanding(ledger: Ledger, turnId: string, landed: Landed, onto: string, evidence: Evidence): Ledger {
  const concluded = concludeTurn(ledger, turnId, { kind: "landed", evidence }, landed.at);
  return { ...concluded, landed, before: ledger.before ?? onto, ciSince: landed.at };
}

/** Time in which nobody could work on the run (parked, the kill switch on, no process there) does not count: its deadlines move on. */
export function moveDeadlines(ledger: Ledger, byMs: number): Ledger {
  const later = (time: Time) => new Date(Date.parse(time) + byMs).toISOString();
  return {
    ...ledger,
    ...(ledger.ciSince === undefined ? {} : { ciSince: later(ledger.ciSince) }),
    ...(ledger.redSince === undefined ? {} : { redSince: later(ledger.redSince) }),
  };
}

/** Sets the run's end. The first end stands. */
export function endRun(ledger: Ledger, end: End, at: Time): Ledger {
  return ledger.end === undefined ? { ...ledger, end: { ...end, at } } : ledger;
}
