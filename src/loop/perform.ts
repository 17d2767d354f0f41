import type { Decision } from "../core/decision.ts";
import type { Selection } from "../core/dispatch.ts";
import { repoKey, type Ledger, type Time } from "../core/run.ts";
import { beginTurn, concludeTurn, continueRun, openLedger } from "../core/run-steps.ts";
import { answer } from "./answer.ts";
import { end, finish } from "./end-run.ts";
import type { Scene } from "./observe.ts";
import type { PassDeps } from "./pass.ts";
import { showQueue, showRun } from "./show.ts";
import type { PassAnswer } from "./signals.ts";
import { beginAndSubmit, orderOf, stopTurn, submit } from "./take-turn.ts";
import { idsOf, withClaim, type Claimed } from "./with-claim.ts";

/** Look again at once: the world was just changed. */
const again: PassAnswer = { againInMs: 0 };

/** The only switch over decisions. Each case is idempotent: cut off anywhere, the next pass sees what is missing and goes on. */
export async function perform(deps: PassDeps, scene: Scene, decision: Decision): Promise<PassAnswer> {
  switch (decision.kind) {
    case "halt":
      return halt(deps, scene);
    case "wait":
      return wait(deps, scene, decision);
    case "start":
      return start(deps, scene, decision.selection);
    case "answer":
      return answer(deps, scene, decision.request);
    case "turn":
      return withClaim(deps, scene, (claimed) => beginAndSubmit(deps, claimed, { ...decision, beginning: "new" }));
    case "retry":
      return withClaim(deps, scene, (claimed) => beginAndSubmit(deps, claimed, decision));
    case "rerun":
      return withClaim(deps, scene, (claimed) => rerun(deps, claimed, decision.checks));
    case "end":
      return withClaim(deps, scene, (claimed) => end(deps, claimed, decision.end));
    case "finish":
      return withClaim(deps, scene, (claimed) => finish(deps, claimed, decision));
    default:
      return decision satisfies never;
  }
}

/** The kill switch is on, or the repo is out of reach: turns end, nothing is written, not even the ledger. What they had begun is begun again afterwards. */
async function halt(deps: PassDeps, { observation: { repo, at, isSwitchedOff } }: Scene): Promise<PassAnswer> {
  const { haltedSince } = deps.memory;
  if (!haltedSince.has(repoKey(repo))) haltedSince.set(repoKey(repo), at);
  await stopTurn(deps, repo, isSwitchedOff ? "the kill switch is on" : "the repository is out of reach");
  return {};
}

async function wait(deps: PassDeps, scene: Scene, decision: Decision & { kind: "wait" }): Promise<PassAnswer> {
  const { observation } = scene;
  const dueInMs = decision.untilMs === undefined ? undefined : Math.max(decision.untilMs - observation.at, 1);
  if (observation.run?.control.kind === "foreign") return answerWith(dueInMs);
  const shown = observation.run === undefined ? {} : await withClaim(deps, scene, (claimed) => saveAndShow(deps, claimed, decision));
  await showQueue(deps, scene, decision);
  return answerWith(dueInMs, shown.againInMs);
}

/** What a turn came to is written down as soon as it is known: backing off is counted from there. */
async function saveAndShow(deps: PassDeps, claimed: Claimed, decision: Decision): Promise<PassAnswer> {
  await deps.lock.save(claimed.claim, claimed.scene.fold);
  return showRun(deps, claimed, decision);
}

function answerWith(...delays: readonly (number | undefined)[]): PassAnswer {
  const known = delays.filter((delay) => delay !== undefined);
  return known.length === 0 ? {} : { againInMs: Math.min(...known) };
}

/** Takes the lock with the first turn already counted in it, and sends the turn off; the next pass puts up label and comment. */
async function start(deps: PassDeps, scene: Scene, selection: Selection): Promise<PassAnswer> {
  const { lock, forge, newId } = deps;
  const { observation, remote, facts } = scene;
  if (facts === undefined) return {};
  const { issue } = selection.candidate;
  const content = { title: issue.title, body: issue.body };
  const opened = openRun(deps, scene, selection);
  // A run that goes on finds out in its next pass what its next turn is.
  const isReady = selection.resumes === undefined && observation.policy.kind === "ok";
  const turn = { id: `${opened.run}-${newId()}`, kind: "implement", startedAt: new Date(forge.now()).toISOString() } as const;
  const ledger = isReady ? beginTurn(opened, turn, "new") : opened;
  const claim = await lock.take(remote, ledger, content);
  if (claim === undefined) return again;
  if (isReady) submit(deps, claim, orderOf(deps, observation, remote, { ledger, content, url: issue.url }));
  return again;
}

function openRun({ forge, newId }: PassDeps, { observation, facts }: Scene, { candidate, approval, resumes, asked }: Selection): Ledger {
  const { issue, details } = candidate;
  const commandsThrough = details?.commandsThrough ?? 0;
  const guidance = asked?.guidance === undefined ? {} : { guidance: asked.guidance };
  if (resumes !== undefined) {
    const at = new Date(forge.now()).toISOString();
    const goesOn = resumes.end === undefined ? { ...withoutTurn(resumes, at), approval } : continueRun(resumes, approval, guidance);
    return { ...goesOn, epoch: resumes.epoch + 1, commandsThrough: Math.max(commandsThrough, resumes.commandsThrough) };
  }
  const base = observation.policy.kind === "ok" ? observation.policy.policy.base : (facts?.defaultBranch ?? "");
  const startedAt = new Date(forge.now()).toISOString();
  const fresh = openLedger({ repoId: facts?.id ?? 0, issue: issue.number, run: `${issue.number}-${newId()}`, approval, base, startedAt });
  return { ...fresh, commandsThrough, ...(asked === undefined ? {} : { asked: guidance }) };
}

/** Whatever the turn of a run came to whose lock is lost: it was written nowhere, and can be no more. */
function withoutTurn(ledger: Ledger, at: Time): Ledger {
  return ledger.turn === undefined ? ledger : concludeTurn(ledger, ledger.turn.id, { kind: "interrupted", why: "the lock was lost" }, at);
}

/** Noted before it is asked for: a re-run that nobody knows of would be asked for again and again. */
async function rerun({ lock, forge, log }: PassDeps, { claim, scene }: Claimed, checks: readonly number[]): Promise<PassAnswer> {
  const at = new Date(forge.now()).toISOString();
  const noting = (ledger: Ledger, since: string): Ledger =>
    ledger.landed === undefined ? ledger : { ...ledger, ciSince: since, rerun: { sha: ledger.landed.sha, at: since } };
  await lock.save(claim, (saved) => noting(scene.fold(saved), at));
  const isRunning = await forge.rerunFailed(claim.repo, checks);
  log.info({ ...idsOf(claim), checks, isRunning }, "failed jobs run again");
  // Where nothing runs again, nothing is waited for.
  if (!isRunning) await lock.save(claim, (saved) => noting(saved, saved.landed?.at ?? at));
  return again;
}
