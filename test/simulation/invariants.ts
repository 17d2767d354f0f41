import { repoKey, type Ledger, type Repo } from "../../src/core/run.ts";
import type { LockRecord } from "../../src/forge/lock-record.ts";
import type { TurnOrder } from "../../src/ports.ts";
import { judgeBeginning, judgeTaking } from "./judge-commands.ts";
import { judgeBudgets, judgeStepCounts } from "./judge-counts.ts";
import { judgeCorrection, judgeRung, noteEnd } from "./judge-ends.ts";
import type { MachineTurn } from "./machine.ts";
import { marksIn } from "./marks.ts";
import type { ReplicaDeps } from "./watched-ports.ts";
import { issueKey, type LockMove, type RunHistory } from "./witness.ts";

export type Watched = Pick<ReplicaDeps, "config" | "forge" | "store" | "witness" | "tell">;

/** Every move of a lock: who may, what may change in it, and what must never. */
export function onLockMove(deps: Watched, move: LockMove): void {
  const { before, after, by, landing } = move;
  const { witness, tell } = deps;
  witness.writes += 1;
  witness.moves += 1;
  if (!isRenewal(move)) tell(`${by.name} ${sayMove(move)}`);
  if (landing !== undefined) judgeLanding(deps, move);
  if (before === undefined && after !== undefined) judgeTake(deps, move, after);
  if (before !== undefined && after !== undefined) judgeStep(deps, move, before, after);
  if (before !== undefined && after === undefined) judgeRelease(deps, move, before);
  if (after !== undefined) judgeBudgets(deps, after.ledger);
}

function isRenewal({ before, after }: LockMove): boolean {
  return before?.holder?.id === after?.holder?.id && JSON.stringify(before?.ledger) === JSON.stringify(after?.ledger);
}

function sayMove({ repo, before, after, landing }: LockMove): string {
  const ledger = after?.ledger ?? before?.ledger;
  const what = `${repo.name}#${ledger?.issue} (run ${ledger?.run}, epoch ${ledger?.epoch})`;
  if (before === undefined) return `takes the lock for ${what}`;
  if (after === undefined) return `releases the lock of ${what}`;
  if (landing !== undefined) return `lands ${landing.commit.slice(-6)} for ${what}`;
  if (after.holder === undefined) return `lets go of ${what}`;
  if (before.ledger.epoch !== after.ledger.epoch) return `takes over ${what}`;
  const { turn, end } = after.ledger;
  if (end !== undefined && before.ledger.end === undefined) return `ends ${what}: ${end.kind === "closed" ? "closed" : end.reason}`;
  if (after.ledger.approval.at !== before.ledger.approval.at) return `has ${what} start over`;
  if (turn?.id !== before.ledger.turn?.id) return `begins turn ${turn?.id} (${turn?.kind}) of ${what}`;
  return turn?.outcome !== undefined && before.ledger.turn?.outcome === undefined
    ? `notes ${turn.outcome.kind} for ${what}`
    : `saves ${what}`;
}

/** A new run, one whose lock somebody deleted, or one that people let go on. */
function judgeTake(deps: Watched, move: LockMove, { ledger }: LockRecord): void {
  const { witness } = deps;
  const { repo, by } = move;
  const known = witness.runs.get(ledger.run);
  const isExcused = (witness.deletedLocks.get(repoKey(repo)) ?? 0) > 0;
  if (known === undefined && ledger.epoch > 1) witness.accuse(`I9: ${by.name} goes on with run ${ledger.run}, which AFK never began`);
  if (known !== undefined && ledger.continuations <= known.continuations) judgeReturn(deps, move, ledger, known, isExcused);
  const twin = [...witness.runs.values()].find((run) => run !== known && isSameRelease(run, move, ledger));
  if (known === undefined && twin !== undefined && !isExcused)
    witness.accuse(`I2: ${by.name} begins run ${ledger.run} on ${repo.name}#${ledger.issue}, whose release another run has answered`);
  const run = known ?? newHistory(repo, ledger);
  witness.runs.set(ledger.run, run);
  if (known === undefined && ledger.turn !== undefined) run.begun += 1;
  run.continuations = ledger.continuations;
  run.releasedAt.add(ledger.approval.at);
  run.overAt = Number.POSITIVE_INFINITY;
  judgeBeginning(deps, move, ledger);
}

/** The run is as it was, only its lock was not there. */
function judgeReturn(
  { witness }: Watched,
  { repo, by, sentAt }: LockMove,
  { run }: Ledger,
  { overAt }: RunHistory,
  isExcused: boolean,
): void {
  if (overAt <= sentAt) witness.accuse(`I2: ${by.name} begins run ${run} in ${repo.name} again, which has ended`);
  if (!isExcused) witness.accuse(`I2: ${by.name} takes a lock for run ${run}, whose lock nobody deleted`);
}

/** A push that was under way when the other run ended finds the lock as empty as it left it: nothing can tell the two apart. */
function isSameRelease(run: RunHistory, { repo, sentAt }: LockMove, { issue, approval }: Ledger): boolean {
  return run.repo === repoKey(repo) && run.issue === issue && run.releasedAt.has(approval.at) && run.overAt <= sentAt;
}

function newHistory(repo: Repo, { issue }: Ledger): RunHistory {
  return {
    repo: repoKey(repo),
    issue,
    releasedAt: new Set(),
    continuations: 0,
    begun: 0,
    orders: 0,
    asked: 0,
    interruptions: 0,
    resumptions: 0,
    landed: [],
    overAt: Number.POSITIVE_INFINITY,
  };
}

function judgeStep(deps: Watched, move: LockMove, before: LockRecord, after: LockRecord): void {
  const { witness } = deps;
  const { by } = move;
  const [old, now] = [before.ledger, after.ledger];
  if (old.run !== now.run) return witness.accuse(`I1: ${by.name} replaces the live run ${old.run} by ${now.run}`);
  if (now.epoch < old.epoch) witness.accuse(`I3: ${by.name} saves run ${now.run} with epoch ${now.epoch} after epoch ${old.epoch}`);
  const isSameHand = before.holder?.id === by.holderId;
  if (now.epoch === old.epoch && !isSameHand)
    witness.accuse(`I3: ${by.name} writes into the lock of ${before.holder?.id ?? "nobody"} without taking it over`);
  judgeStepCounts(deps, move, old, now);
  judgeTaking(deps, move, old, now);
  judgeCorrection(deps, move, old, now);
  if (old.end === undefined && now.end !== undefined) noteEnd(deps, move, now);
  if (old.end !== undefined && JSON.stringify(old.end) !== JSON.stringify(now.end))
    witness.accuse(`I2: ${by.name} gives run ${now.run} another end`);
}

function judgeRelease(deps: Watched, { by, repo }: LockMove, { ledger, holder }: LockRecord): void {
  const { witness } = deps;
  judgeRung(deps, by.name, repo, ledger);
  const known = witness.runs.get(ledger.run);
  if (known !== undefined) known.overAt = witness.moves;
  if (ledger.end === undefined) witness.accuse(`I2: ${by.name} releases run ${ledger.run}, which has not ended`);
  if (holder?.id !== by.holderId) witness.accuse(`I3: ${by.name} releases the lock of ${holder?.id ?? "nobody"}`);
  if (by.disk.has(ledger.run)) witness.accuse(`I13: ${by.name} releases run ${ledger.run} and leaves its workspace behind`);
}

/** Only the turn that the lock names may land, and only while its run lives. */
function judgeLanding({ witness }: Watched, { by, before, landing }: LockMove): void {
  if (landing === undefined || before === undefined) return witness.accuse(`I3: ${by.name} lands without a lock`);
  const { run, turn, end } = before.ledger;
  if (turn?.id !== landing.turnId) witness.accuse(`I3: ${by.name} lands for turn ${landing.turnId}, but the lock names ${turn?.id}`);
  if (end !== undefined) witness.accuse(`I2: ${by.name} lands for run ${run}, which has ended`);
  witness.runs.get(run)?.landed.push(landing.commit);
}

/** A turn is sent off: nothing else runs here, its text was released, and there are not too many of them. */
export function onOrder({ witness, tell }: Watched, name: string, order: TurnOrder, live: readonly MachineTurn[]): void {
  tell(`${name} sends turn ${order.id} (${order.kind}) off`);
  const other = live.find((turn) => repoKey(turn.order.repo) === repoKey(order.repo));
  if (other !== undefined) witness.accuse(`I1: ${name} starts turn ${order.id} while turn ${other.order.id} of the same repo still runs`);
  const approved = witness.approved.get(issueKey(order.repo, order.issue.number));
  const foreign = marksIn(order.prompt).find((mark) => approved?.has(mark) !== true);
  if (foreign !== undefined) witness.accuse(`I8: the prompt of turn ${order.id} holds ${foreign}, which nobody released`);
  const run = witness.runs.get(order.run);
  if (run === undefined) return;
  run.orders += 1;
  if (run.orders > run.begun) witness.accuse(`I10: run ${order.run} has sent ${run.orders} turns off, and noted ${run.begun}`);
}
