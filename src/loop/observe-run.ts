import { digestFailures, maxFailures, reportFailures, type Failure } from "../core/failure.ts";
import { redByUs } from "../core/judge-ci.ts";
import { isSameLabel } from "../core/labels.ts";
import type { CiObservation, Control, IssueFacts, RepoFacts, RunObservation } from "../core/observation.ts";
import { repoKey, type Landed, type Ledger } from "../core/run.ts";
import { concludeTurn, moveDeadlines } from "../core/run-steps.ts";
import { contextsThat, foldVerdict, type CommitReading, type Context } from "../core/verdict.ts";
import type { Executor, Forge, LockView } from "../ports.ts";
import type { LoopDeps } from "./loop-deps.ts";

/** What is kept of red commits between passes: a log is long, and does not change. */
export interface FailureMemory {
  /** By repo: the failures last read, and of which checks they are. */
  readonly failures: Map<string, { readonly of: string; readonly report: string; readonly digest: string | undefined }>;
}

/** A run with what this pass has learned about it. */
export interface SeenRun {
  readonly run: RunObservation;
  /** Adds what this pass has learned to the ledger that is about to be saved. Idempotent. */
  readonly fold: (saved: Ledger) => Ledger;
}

/** Reads everything about the run that the lock names. `pausedMs`: how long nobody could work on it until now. */
export async function observeRun(
  deps: LoopDeps,
  memory: FailureMemory,
  facts: RepoFacts,
  lock: LockView,
  listed: readonly IssueFacts[],
  pausedMs: number,
): Promise<SeenRun> {
  const { forge, executor, config } = deps;
  const { turn } = lock.ledger;
  const status = turn === undefined ? ({ kind: "unknown" } as const) : executor.inspect(turn.id);
  const learned = moveDeadlines(foldOutcome(executor, lock.ledger, forge.now()), pausedMs);
  // While a turn runs CI decides nothing: what it said is either what the turn is about, or of a commit that the turn has landed this moment.
  const isTurnLive = status.kind === "running" || status.kind === "queued";
  const isWatching = learned.landed !== undefined && learned.end === undefined && !isTurnLive;
  const issue = listed.find(({ number }) => number === learned.issue) ?? (await forge.readIssue(facts.repo, learned.issue));
  const ci = isWatching ? await readCi(deps, memory, facts, learned, learned.landed) : undefined;
  const ledger = ci === undefined || !isRed(ci.landed) ? learned : { ...learned, redSince: learned.redSince ?? timeOf(forge.now()) };
  const isReady = issue?.labels.some((label) => isSameLabel(label, config.labels.ready)) ?? false;
  return {
    run: { ledger, control: controlOf(lock), issue, isReady, turn: status, ci },
    fold: (saved) => withDeadlines(foldOutcome(executor, saved, forge.now()), ledger),
  };
}

/** The ledger with what its turn came to, when the executor knows. `at` in milliseconds of the forge's clock. */
export function foldOutcome(executor: Executor, ledger: Ledger, at: number): Ledger {
  if (ledger.turn === undefined) return ledger;
  const status = executor.inspect(ledger.turn.id);
  return status.kind === "ended" ? concludeTurn(ledger, ledger.turn.id, status.outcome, timeOf(at)) : ledger;
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}

/** Unless another commit has landed since it was seen. */
function withDeadlines(saved: Ledger, seen: Ledger): Ledger {
  if (saved.landed?.sha !== seen.landed?.sha) return saved;
  return {
    ...saved,
    ...(seen.ciSince === undefined ? {} : { ciSince: seen.ciSince }),
    ...(seen.redSince === undefined ? {} : { redSince: seen.redSince }),
  };
}

function controlOf({ control }: LockView): Control {
  return control.kind === "held" ? { kind: "held" } : control;
}

function isRed({ facts }: CommitReading): boolean {
  return foldVerdict(facts, { required: [] }).verdict === "red";
}

/** More descendants than this are not looked at: the oldest that counts is enough. */
const maxDescendants = 10;

/** The landed commit's checks. Only when these ended without a word (superseded, cancelled) those of what came after it, and only when they are red why. */
async function readCi(
  deps: LoopDeps,
  memory: FailureMemory,
  facts: RepoFacts,
  ledger: Ledger,
  { sha, branch }: Landed,
): Promise<CiObservation> {
  const { forge } = deps;
  const landed: CommitReading = { sha, facts: await forge.readCommit(facts.repo, sha) };
  const known = { landed, descendants: [], mayRerun: facts.mayRerunJobs };
  const { verdict, inconclusive } = foldVerdict(landed.facts, { required: [] });
  if (verdict === "unknown" || (verdict === "pending" && !inconclusive)) return known;
  const later = await readLater(forge, facts, sha, branch);
  if (later === "undone") return { ...known, isUndone: true };
  if (verdict === "red") return { ...known, ...(await readRed(deps, memory, facts, ledger, landed)) };
  if (!inconclusive) return known;
  const descendants = await Promise.all(
    later.slice(0, maxDescendants).map(async (descendant) => ({ sha: descendant, facts: await forge.readCommit(facts.repo, descendant) })),
  );
  return { ...known, descendants };
}

/**
 * What came onto the branch after the landed commit. That is the branch's head most of the time, which costs next to nothing to know. A
 * default branch with a new name is the same branch.
 */
async function readLater(
  forge: Forge,
  { repo, defaultBranch }: RepoFacts,
  sha: string,
  landedOn: string,
): Promise<readonly string[] | "undone"> {
  for (const branch of new Set([landedOn, defaultBranch])) {
    const head = (await forge.readBranch(repo, branch))?.sha;
    if (head === sha) return [];
    if (head === undefined) continue;
    const later = await forge.listCommitsSince(repo, sha, branch);
    return later.length === 0 ? "undone" : later;
  }
  return "undone";
}

type Red = Pick<CiObservation, "before" | "report" | "failure">;

/** Was it red before? If not, why is it now? Not asked while the failed jobs can still be run again. */
async function readRed(deps: LoopDeps, memory: FailureMemory, facts: RepoFacts, ledger: Ledger, landed: CommitReading): Promise<Red> {
  const { before: sha } = ledger;
  const before = sha === undefined ? undefined : { sha, facts: await deps.forge.readCommit(facts.repo, sha) };
  const red = before === undefined ? {} : { before };
  const ours = redByUs(contextsThat(foldVerdict(landed.facts, { required: [] }), "red"), red);
  const isForAgent = !facts.mayRerunJobs || ledger.rerun?.sha === landed.sha || ours.every(({ check }) => check === undefined);
  if (ours.length === 0 || !isForAgent) return red;
  const { report, digest } = await readFailures(deps, memory, facts, landed.sha, ours);
  return { ...red, report, ...(digest === undefined ? {} : { failure: digest }) };
}

async function readFailures(
  { forge }: LoopDeps,
  { failures: known }: FailureMemory,
  { repo }: RepoFacts,
  sha: string,
  contexts: readonly Context[],
): Promise<{ readonly report: string; readonly digest: string | undefined }> {
  const of = JSON.stringify([sha, contexts.map(({ name, check, at }) => [name, check, at])]);
  const read = known.get(repoKey(repo));
  if (read?.of === of) return read;
  const failures = await Promise.all(
    contexts.map(async (context, index): Promise<Failure> => {
      const isAsked = context.check !== undefined && index < maxFailures;
      return { context, report: isAsked ? await forge.readFailure(repo, context.check) : undefined };
    }),
  );
  const answer = { of, report: reportFailures(failures, sha), digest: digestFailures(failures.slice(0, maxFailures)) };
  known.set(repoKey(repo), answer);
  return answer;
}
