import { decide, type Decision } from "../core/decide.ts";
import type { Selection } from "../core/dispatch.ts";
import { endMarker, renderEnd, sayNotBuilt } from "../core/messages.ts";
import type { Observation } from "../core/observation.ts";
import { renderPrompt } from "../core/prompt.ts";
import {
  beginTurn,
  endRun,
  openLedger,
  repoKey,
  slugOf,
  type Beginning,
  type Content,
  type End,
  type Ledger,
  type Repo,
  type Turn,
  type TurnKind,
} from "../core/run.ts";
import { StaleClaimError, type Claim, type Remote, type TurnOrder } from "../ports.ts";
import { foldOutcome, type Scene } from "./observe.ts";
import type { PassDeps } from "./pass.ts";
import { contextsOf, placeOf, showLabels, showQueue, showRun, showStatus } from "./show.ts";
import type { PassAnswer } from "./signals.ts";
import { unlessRefused } from "./unless-refused.ts";

/** Look again at once: the world was just changed. */
const again: PassAnswer = { againInMs: 0 };

/** A pass with less than this part of its lease left writes nothing: its requests could arrive after the lease. */
const minLeasePart = 0.1;

/** The only switch over decisions. Each case is idempotent: cut off anywhere, the next pass sees what is missing and goes on. */
export async function perform(deps: PassDeps, scene: Scene, decision: Decision): Promise<PassAnswer> {
  switch (decision.kind) {
    case "halt":
      return halt(deps, scene);
    case "wait":
      return wait(deps, scene, decision);
    case "start":
      return start(deps, scene, decision.selection);
    case "turn":
      return withClaim(deps, scene, (claim) => takeTurn(deps, scene, claim, decision.turn));
    case "retry":
      return withClaim(deps, scene, (claim) => beginAndSubmit(deps, scene, claim, decision.turn, decision.counts ? "retry" : "resumption"));
    case "end":
      return withClaim(deps, scene, (claim) => end(deps, scene, claim, decision.end));
    case "finish":
      return withClaim(deps, scene, (claim) => finish(deps, scene, claim, decision));
    default:
      return decision satisfies never;
  }
}

/** Acts as the run's holder, taking control first when nobody has it. When another replica was faster, the next pass sees that. */
async function withClaim({ lock, config }: PassDeps, scene: Scene, act: (claim: Claim) => Promise<PassAnswer>): Promise<PassAnswer> {
  if (scene.lock === undefined || scene.lock.control.kind === "foreign") return again;
  if (scene.lock.control.kind === "held") {
    const { claim } = scene.lock.control;
    if (lock.leaseLeftMs(claim) < config.leaseMs * minLeasePart) throw new StaleClaimError(`the lease on ${slugOf(claim.repo)} runs out`);
    return act(claim);
  }
  const claim = await lock.adopt(scene.remote, scene.lock);
  if (claim === undefined) return again;
  return act(claim);
}

function idsOf(claim: Claim): { readonly repo: string; readonly run: string } {
  return { repo: slugOf(claim.repo), run: claim.run };
}

/** The kill switch: turns end, nothing is written, not even the ledger. What they had begun is begun again when the switch is lifted. */
async function halt(deps: PassDeps, { observation }: Scene): Promise<PassAnswer> {
  await stopTurn(deps, observation.repo, "the kill switch is on");
  return {};
}

async function stopTurn({ executor, memory }: PassDeps, repo: Repo, why: string, forGood = false): Promise<void> {
  const turnId = memory.turns.get(repoKey(repo));
  if (turnId !== undefined) await executor.cancel(turnId, why, { forGood });
}

async function wait(deps: PassDeps, scene: Scene, decision: Decision & { kind: "wait" }): Promise<PassAnswer> {
  const { observation } = scene;
  const dueInMs = decision.untilMs === undefined ? undefined : Math.max(decision.untilMs - observation.at, 1);
  if (observation.run?.control.kind === "foreign") {
    await stopTurn(deps, observation.repo, "another replica holds the lock");
    return answerWith(dueInMs);
  }
  const shown = observation.run === undefined ? {} : await withClaim(deps, scene, (claim) => saveAndShow(deps, scene, claim, decision));
  await showQueue(deps, scene, decision);
  return answerWith(dueInMs, shown.againInMs);
}

/** What a turn came to is written down as soon as it is known: backing off is counted from there. */
async function saveAndShow(deps: PassDeps, scene: Scene, claim: Claim, decision: Decision): Promise<PassAnswer> {
  await deps.lock.save(claim, (saved) => foldOutcome(deps.executor, saved, deps.forge.now()));
  return showRun(deps, scene, claim, decision);
}

function answerWith(...delays: readonly (number | undefined)[]): PassAnswer {
  const known = delays.filter((delay) => delay !== undefined);
  return known.length === 0 ? {} : { againInMs: Math.min(...known) };
}

/** Takes the lock with the first turn already counted in it, and sends the turn off; the next pass puts up label and comment. */
async function start(deps: PassDeps, scene: Scene, { candidate, approval, resumes }: Selection): Promise<PassAnswer> {
  const { lock, forge, newId } = deps;
  const { observation, remote, facts } = scene;
  if (facts === undefined) return {};
  const { issue } = candidate;
  const content = { title: issue.title, body: issue.body };
  const base = observation.policy.kind === "ok" ? observation.policy.policy.base : facts.defaultBranch;
  const at = new Date(forge.now()).toISOString();
  const fresh = openLedger({ repoId: facts.id, issue: issue.number, run: `${issue.number}-${newId()}`, approval, base, startedAt: at });
  const turn = { id: `${fresh.run}-${newId()}`, kind: "implement", startedAt: at } as const;
  const isWorkable = resumes === undefined && observation.policy.kind === "ok";
  const ledger =
    resumes === undefined ? (isWorkable ? beginTurn(fresh, turn, "new") : fresh) : { ...resumes, approval, epoch: resumes.epoch + 1 };
  const claim = await lock.take(remote, ledger, content);
  if (claim === undefined) return again;
  if (isWorkable) submit(deps, claim, writeOrder(deps, observation, remote, { ledger, content, url: issue.url }, turn));
  return again;
}

/** Turns that this version does not run end the run in the words of their exhausted budget, and say so. */
async function takeTurn(deps: PassDeps, scene: Scene, claim: Claim, kind: TurnKind): Promise<PassAnswer> {
  if (kind === "implement") return beginAndSubmit(deps, scene, claim, kind, "new");
  const exhausted = decide(scene.observation, { ...deps.limits, nudgeMax: 0, fixForwardMaxAttempts: 0 });
  if (exhausted.kind !== "end" || exhausted.end.kind !== "handed-over")
    throw new Error(`a ${kind} turn without budget decided ${exhausted.kind}`);
  const detail = [exhausted.end.detail, sayNotBuilt(kind)].filter((part) => part !== "").join("\n\n");
  return end(deps, scene, claim, { ...exhausted.end, detail });
}

async function beginAndSubmit(deps: PassDeps, scene: Scene, claim: Claim, kind: TurnKind, beginning: Beginning): Promise<PassAnswer> {
  const { lock, forge, executor, newId } = deps;
  const { observation, remote } = scene;
  if (scene.lock === undefined || observation.run?.issue === undefined) throw new Error("a turn was decided without a run");
  const turn = { id: `${claim.run}-${newId()}`, kind, startedAt: new Date(forge.now()).toISOString() };
  const ledger = await lock.save(claim, (saved) => beginTurn(foldOutcome(executor, saved, forge.now()), turn, beginning));
  submit(deps, claim, writeOrder(deps, observation, remote, { ledger, content: scene.lock.content, url: observation.run.issue.url }, turn));
  return again;
}

function submit({ executor, memory, slots, log }: PassDeps, claim: Claim, order: TurnOrder): void {
  executor.submit(order, claim);
  slots.taken(claim.repo);
  memory.turns.set(repoKey(claim.repo), order.id);
  log.info({ ...idsOf(claim), issue: order.issue.number, turn: order.id, kind: order.kind }, "turn started");
}

interface Subject {
  readonly ledger: Ledger;
  readonly content: Content;
  readonly url: string;
}

function writeOrder(
  deps: PassDeps,
  { policy, repo }: Observation,
  remote: Remote,
  { ledger, content, url }: Subject,
  turn: Turn,
): TurnOrder {
  if (policy.kind === "faulty") throw new Error("a turn was decided without a policy");
  const { base, setup, test, tests, exempt, protectedPaths, landing, turnTimeoutMs, instructions, notes } = policy.policy;
  if (turn.kind !== "implement") throw new Error(`a ${turn.kind} turn was ordered`);
  if (landing === "pull-request") throw new Error("a turn that lands by pull request was decided");
  return {
    id: turn.id,
    kind: turn.kind,
    run: ledger.run,
    repo,
    remote,
    issue: { number: ledger.issue, title: content.title, url },
    approval: ledger.approval,
    base,
    prompt: renderPrompt({
      turn: { kind: "implement" },
      repo,
      issue: ledger.issue,
      content,
      base,
      instructions,
      testCommand: test,
      guidance: undefined,
      nonce: deps.newId() + deps.newId(),
    }),
    plan: { setup, test, tests, exempt, protectedPaths, landing, turnTimeoutMs, commandTimeoutMs: deps.config.commandTimeoutMs, notes },
  };
}

async function end(deps: PassDeps, scene: Scene, claim: Claim, how: End): Promise<PassAnswer> {
  const { lock, forge, executor, log } = deps;
  await stopTurn(deps, claim.repo, `the run ends: ${how.kind}`, true);
  const at = new Date(forge.now()).toISOString();
  const isFirstToEnd = lock.ledger(claim).end === undefined;
  const checks = contextsOf(scene, "passed").map(({ name, url }) => ({ name, url }));
  const ledger = await lock.save(claim, (saved) => ({
    ...endRun(foldOutcome(executor, saved, forge.now()), how, at),
    ...(checks.length === 0 ? {} : { checks }),
  }));
  const reason = how.kind === "closed" ? undefined : how.reason;
  log.info({ ...idsOf(claim), issue: ledger.issue, end: how.kind, reason, landed: ledger.landed?.sha }, "run ended");
  return finish(deps, scene, claim, { kind: "end", end: how }, isFirstToEnd);
}

/**
 * Shows the end: comment, labels, close, lock, in this order. The lock goes last, so that a crash anywhere here is finished by the next pass.
 * `isUntold`: the ledger learned of the end in this very pass, so nobody can have told of it yet.
 */
async function finish(deps: PassDeps, scene: Scene, claim: Claim, decision: Decision, isUntold = false): Promise<PassAnswer> {
  const { forge, lock, executor, memory } = deps;
  const { observation } = scene;
  const ledger = lock.ledger(claim);
  const issue = observation.run?.issue;
  if (issue !== undefined && observation.isEnrolled) {
    const telling = contextsOf(scene, "red");
    await showStatus(deps, scene, claim, decision);
    const body = renderEnd(ledger, placeOf(deps, scene), telling);
    const saying = forge.createComment(claim.repo, ledger.issue, body, endMarker(ledger.run), { isMissing: isUntold });
    await unlessRefused(deps.log, { repo: claim.repo, issue: ledger.issue }, saying);
    await showLabels(deps, scene, claim);
    if (ledger.end?.kind === "closed" && issue.isOpen) await forge.closeIssue(claim.repo, ledger.issue);
  }
  await executor.dispose(claim.repo, claim.run);
  await lock.release(claim);
  memory.turns.delete(repoKey(claim.repo));
  return again;
}
