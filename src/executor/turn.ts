import type { Evidence, KeptWork, Phase, TurnOutcome } from "../core/run.ts";
import type { Identity } from "../git/store.ts";
import { HaltedError, StaleClaimError, type Claim, type Clock, type Lock, type Log, type TurnOrder } from "../ports.ts";
import type { Agent, AgentOutcome } from "./agents/agent.ts";
import { collectWork, type Collected, type Collecting } from "./collect.ts";
import { findRefusal, gateContext, gatesAgainstPublishing } from "./gates/gates.ts";
import { sayPaths } from "./gates/say-paths.ts";
import { lookAt, placeOfRun } from "./home.ts";
import { judge } from "./judge.ts";
import { keepUnexamined, keepWork } from "./keep-work.ts";
import { headOf, isEmptyRepo, unlessAborted, type Mirror } from "./mirror.ts";
import { cacheEnvironment, openPackageCache } from "./package-cache.ts";
import { prove, type Proof, type TestRecipe } from "./proofs.ts";
import { findRecipe, noteLimits } from "./recipe.ts";
import type { Sandbox } from "./sandbox.ts";
import { redact, type Secrets } from "./tail.ts";
import { closeWorkspace, openWorkspace, writeNotes, type WorkspaceNotes, type WorkspaceSite } from "./workspace.ts";

/** What every turn on this machine shares. */
export interface TurnTools {
  readonly home: string;
  readonly lock: Lock;
  readonly mirror: Mirror;
  readonly sandbox: Sandbox;
  readonly agent: Agent;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly log: Log;
}

export interface TurnRequest {
  readonly order: TurnOrder;
  readonly claim: Claim;
  readonly signal: AbortSignal;
  /** `phase` is the one being worked on; those before it are done. */
  readonly onProgress: (phase: Phase, evidence: Evidence) => void;
  readonly onLine: (line: string) => void;
}

/** A turn under way: the tools, the request, and what its steps need to know. */
interface TurnSite extends TurnTools, TurnRequest, WorkspaceSite {
  readonly now: () => number;
  /** Adds to the evidence, moves on to a phase, and answers all the evidence there is. */
  readonly note: (evidence: Evidence, phase?: Phase) => Evidence;
}

/**
 * One turn, start to end: mirror, workspace, the agent (while the base is being proved), the agent's work, gates, proofs, landing.
 * Expected ends are outcomes; an abort of the signal and faults of this machine are thrown.
 */
export async function runTurn(tools: TurnTools, request: TurnRequest): Promise<TurnOutcome> {
  const { order, signal } = request;
  request.onProgress("workspace", {});
  // Only the first turn of a run can do with a mirror that is some seconds old.
  const isFirst = order.kind === "implement" && (await lookAt(placeOfRun(tools.home, order.run).root)) === undefined;
  const mirrorPath = await unlessAborted(tools.mirror.refresh(order.remote, { fresh: !isFirst }), signal);
  const newest = await headOf(mirrorPath, order.base);
  if (newest === undefined) return { kind: "unworkable", reason: await sayMissingBase(mirrorPath, order.base) };
  const recipe = await findRecipe(mirrorPath, newest, order.plan);
  if (recipe === undefined) return { kind: "unworkable", reason: "no tests found: set `test` in .github/afk.yml" };

  const site = openSite(tools, request, mirrorPath, recipe);
  site.note({
    test: { command: recipe.test, source: recipe.source },
    notes: [...order.plan.notes, ...(await noteLimits(mirrorPath, newest))],
  });
  const workspace = await openWorkspace(site, newest);
  if (workspace.kind === "setup-failed") return { kind: "failed", reason: "setup failed", tail: workspace.record.tail };
  try {
    return await workAndConclude(site, workspace.notes, newest);
  } catch (error) {
    const interruption: unknown = signal.reason;
    if (!(interruption instanceof Interruption && interruption.isForGood)) throw error;
    return keepInterrupted(site, workspace.notes, newest, interruption.why);
  }
}

/** Why a turn's signal is aborted. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  readonly why: string;
  /** The run ends with the turn. */
  readonly isForGood: boolean;

  constructor(why: string, isForGood: boolean) {
    super(why);
    this.why = why;
    this.isForGood = isForGood;
  }
}

/** Packing and pushing what a cancelled agent had committed. */
const keepTimeoutMs = 60_000;

async function keepInterrupted(site: TurnSite, notes: WorkspaceNotes, newest: string, why: string): Promise<TurnOutcome> {
  const quiet = { ...site, signal: AbortSignal.timeout(keepTimeoutMs) };
  const collecting = await collectWork(quiet, { startedFrom: notes.base, newest, known: notes.untracked, now: site.now() });
  const kept = await keep(quiet, collecting);
  await closeWorkspace(site.place, notes);
  return { kind: "interrupted", why, ...(kept === undefined ? {} : { kept }) };
}

async function workAndConclude(site: TurnSite, notes: WorkspaceNotes, newest: string): Promise<TurnOutcome> {
  site.note({}, "tests-red");
  const { agent, base } = await workWhileProvingBase(site, notes);
  site.signal.throwIfAborted();
  const collecting = await collectWork(site, { startedFrom: notes.base, newest, known: notes.untracked, now: site.now() });
  const outcome = await concludeOrFail(site, { notes, agent, base, collecting });
  const ended = await withKeptWork(site, outcome, collecting);
  await closeWorkspace(site.place, notes);
  return ended;
}

function openSite(tools: TurnTools, request: TurnRequest, mirrorPath: string, recipe: TestRecipe): TurnSite {
  const { order } = request;
  let phase: Phase = "workspace";
  let evidence: Evidence = {};
  return {
    ...tools,
    ...request,
    place: placeOfRun(tools.home, order.run),
    landed: tools.lock.ledger(request.claim).landed?.sha,
    mirrorPath,
    recipe,
    cache: openPackageCache(tools.home, order.repo),
    commandTimeoutMs: order.plan.commandTimeoutMs,
    now: () => tools.clock.now(),
    note(more, next) {
      const notes = [...new Set([...(evidence.notes ?? []), ...(more.notes ?? [])])];
      const { notes: _, ...facts } = { ...evidence, ...more };
      evidence = notes.length === 0 ? facts : { ...facts, notes };
      phase = next ?? phase;
      // Who only asks what is known so far has nothing to tell: each word of progress makes somebody look at the repo again.
      if (next !== undefined || Object.keys(more).length > 0) request.onProgress(phase, evidence);
      return evidence;
    },
  };
}

async function sayMissingBase(mirrorPath: string, base: string): Promise<string> {
  if (await isEmptyRepo(mirrorPath)) return "the repository is empty: push a first commit with tests";
  return `the base branch ${JSON.stringify(base)} does not exist`;
}

/**
 * The agent starts at once and the base is proved beside it. A base that does not pass stops the agent: nothing it does could be proved. Once the
 * run's work has landed, a red base is what the agent is there for.
 */
async function workWhileProvingBase(site: TurnSite, notes: WorkspaceNotes): Promise<{ agent: AgentOutcome; base: Proof }> {
  const stop = new AbortController();
  const signal = AbortSignal.any([site.signal, stop.signal]);
  const running = runAgent({ ...site, signal }, notes);
  const proving = proveBase({ ...site, signal }, notes).then((base) => {
    if (!isGoodBase(site, base)) stop.abort();
    return base;
  });
  // Whichever fails ends the other, and both are waited for: nothing of a turn may outlive it.
  for (const part of [running, proving]) part.catch(() => stop.abort());
  const [agent, base] = await Promise.allSettled([running, proving]);
  if (agent.status === "rejected") throw agent.reason;
  if (base.status === "rejected") throw base.reason;
  return { agent: agent.value, base: base.value };
}

function isGoodBase({ landed }: TurnSite, { step, record }: Proof): boolean {
  return step === "test" && (record.exitCode === 0 || landed !== undefined);
}

async function runAgent(site: TurnSite, notes: WorkspaceNotes): Promise<AgentOutcome> {
  const { place, order } = site;
  const cache = await site.cache.copyTo(place.cache);
  site.log.info({ run: order.run, turn: order.id, base: notes.base }, "agent started");
  return site.agent.run({
    prompt: order.prompt,
    workspace: place.workspace,
    home: place.home,
    mail: place.mail,
    readable: [site.mirrorPath],
    writable: [cache],
    env: cacheEnvironment(cache),
    timeoutMs: order.plan.turnTimeoutMs,
    signal: site.signal,
    secrets: site.secrets,
    now: site.now,
    onLine: site.onLine,
    run: (command) => site.sandbox.run(command),
  });
}

async function proveBase(site: TurnSite, notes: WorkspaceNotes): Promise<Proof> {
  const proof: Proof =
    notes.proved === undefined ? await prove(site, "base", site.mirrorPath, notes.base) : { step: "test", record: notes.proved };
  if (proof.step === "test") site.note({ base: proof.record });
  if (isGoodBase(site, proof)) await writeNotes(site.place, { ...notes, proved: proof.record });
  return proof;
}

interface Ended {
  readonly notes: WorkspaceNotes;
  readonly agent: AgentOutcome;
  readonly base: Proof;
  readonly collecting: Collecting;
}

/** From here on there may be work worth keeping, so a fault of this machine is an outcome too. */
async function concludeOrFail(site: TurnSite, ended: Ended): Promise<TurnOutcome> {
  try {
    return await conclude(site, ended);
  } catch (error) {
    if (site.signal.aborted || error instanceof StaleClaimError || error instanceof HaltedError) throw error;
    site.log.error({ run: site.order.run, turn: site.order.id, err: error }, "turn failed");
    return { kind: "failed", reason: redact(error instanceof Error ? error.message : String(error), site.secrets), tail: "" };
  }
}

/** What the turn came to, first match wins. */
async function conclude(site: TurnSite, { notes, agent, base, collecting }: Ended): Promise<TurnOutcome> {
  if (base.step === "setup") return { kind: "failed", reason: "setup failed in a fresh checkout of the base", tail: base.record.tail };
  if (!isGoodBase(site, base)) return { kind: "base-red", evidence: site.note({}) };
  if (agent.kind === "stopped") throw new Error("the agent was stopped and nobody says why");
  if (agent.kind !== "finished") return agent;
  const untidy = sayUntidy(collecting);
  if (untidy !== undefined) return { kind: "refused", ...untidy, evidence: site.note({}) };
  if (collecting.kind !== "work") return { kind: "unchanged" };
  const { change } = collecting.collected;
  if (change.base !== notes.base) {
    const moved = await proveBase(site, { ...notes, base: change.base, proved: undefined });
    if (!isGoodBase(site, moved)) return { kind: "base-red", evidence: site.note({}) };
  }
  return judge({ ...site, proofs: site }, change);
}

function sayUntidy(collecting: Collecting): { readonly gate: "committed" | "size"; readonly reason: string } | undefined {
  if (collecting.kind === "unreadable")
    return { gate: "committed", reason: `the workspace is no longer a usable git repository: ${collecting.why}` };
  if (collecting.kind === "too-large") return { gate: "size", reason: "the commits hold far more than may land (over 64 MiB)" };
  if (collecting.uncommitted.length === 0) return undefined;
  return {
    gate: "committed",
    reason: `not committed: ${sayPaths(collecting.uncommitted)}. Commit what belongs to the change and remove the rest`,
  };
}

/** Committed work is never thrown away, however the turn ended. */
async function withKeptWork(site: TurnSite, outcome: TurnOutcome, collecting: Collecting): Promise<TurnOutcome> {
  if (outcome.kind === "landed" || outcome.kind === "proved" || outcome.kind === "unchanged" || outcome.kind === "interrupted")
    return outcome;
  site.signal.throwIfAborted();
  const kept = await keep(site, collecting);
  return kept === undefined ? outcome : { ...outcome, kept };
}

async function keep(site: TurnSite, collecting: Collecting): Promise<KeptWork | undefined> {
  if (collecting.kind === "too-large" && collecting.bundle !== undefined) return keepUnexamined(site, collecting.bundle, collecting.head);
  if (collecting.kind !== "work") return undefined;
  return keepWork(site, collecting.collected, await mayPublish(site, collecting.collected));
}

async function mayPublish({ order, recipe, secrets }: TurnSite, { change }: Collected): Promise<boolean> {
  return (await findRefusal(change, gateContext(order.repo, order.plan, recipe.test, secrets), gatesAgainstPublishing)) === undefined;
}
