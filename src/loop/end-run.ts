import type { Decision } from "../core/decision.ts";
import { endMarker, renderEnd } from "../core/messages.ts";
import { noticeOf } from "../core/notice.ts";
import { repoKey, type End, type Ledger } from "../core/run.ts";
import { endRun } from "../core/run-steps.ts";
import type { PassDeps } from "./pass.ts";
import { contextsOf, placeOf, showLabels, showStatus } from "./show.ts";
import type { PassAnswer } from "./signals.ts";
import { stopTurn } from "./take-turn.ts";
import { unlessRefused } from "./unless-refused.ts";
import { idsOf, type Claimed } from "./with-claim.ts";

/** Writes the run's end down, and shows it. `noting`: what else is to be saved in the same breath. */
export async function end(
  deps: PassDeps,
  claimed: Claimed,
  how: End,
  noting: (ledger: Ledger) => Ledger = (ledger) => ledger,
): Promise<PassAnswer> {
  const { lock, forge, log } = deps;
  const { claim, scene } = claimed;
  await stopTurn(deps, claim.repo, `the run ends: ${how.kind}`, true);
  const at = new Date(forge.now()).toISOString();
  const isFirstToEnd = lock.ledger(claim).end === undefined;
  const checks = contextsOf(scene, "passed").map(({ name, url }) => ({ name, url }));
  const ledger = await lock.save(claim, (saved) => ({
    ...endRun(noting(scene.fold(saved)), how, at),
    ...(checks.length === 0 ? {} : { checks }),
  }));
  const reason = how.kind === "closed" ? undefined : how.reason;
  log.info({ ...idsOf(claim), issue: ledger.issue, end: how.kind, reason, landed: ledger.landed?.sha }, "run ended");
  return finish(deps, claimed, { kind: "end", end: how }, isFirstToEnd);
}

/**
 * Shows the end: comment, labels, close, doorbell, lock, in this order. The lock goes last, so that a crash anywhere here is finished by the
 * next pass. `isUntold`: the ledger learned of the end in this very pass, so nobody can have told of it yet.
 */
export async function finish(deps: PassDeps, claimed: Claimed, decision: Decision, isUntold = false): Promise<PassAnswer> {
  const { forge, lock, executor, memory, doorbell } = deps;
  const { claim, scene } = claimed;
  const { observation } = scene;
  const ledger = lock.ledger(claim);
  const issue = observation.run?.issue;
  if (issue !== undefined) {
    const telling = contextsOf(scene, "red");
    await showStatus(deps, claimed, decision);
    const body = renderEnd(ledger, placeOf(deps, scene), telling);
    const saying = forge.createComment(claim.repo, ledger.issue, body, endMarker(ledger), { isMissing: isUntold });
    await unlessRefused(deps.log, { repo: claim.repo, issue: ledger.issue }, saying);
    await showLabels(deps, claimed);
    if (ledger.end?.kind === "closed" && issue.isOpen) await forge.closeIssue(claim.repo, ledger.issue);
    const notice = noticeOf(ledger, claim.repo, { number: issue.number, title: issue.title, url: issue.url });
    if (notice !== undefined) doorbell.ring(notice);
  }
  await executor.dispose(claim.repo, claim.run);
  await lock.release(claim);
  memory.turns.delete(repoKey(claim.repo));
  return { againInMs: 0 };
}
