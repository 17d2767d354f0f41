import { renderStatusComment, type Activity } from "../core/checklist.ts";
import type { Decision } from "../core/decision.ts";
import { rankCandidates, type Standing } from "../core/dispatch.ts";
import { labelChanges, labelsFor, type LabelChange, type LabelNames, type LabelState } from "../core/labels.ts";
import { sealLedger } from "../core/ledger.ts";
import type { Place, Waiting } from "../core/messages.ts";
import type { Ledger } from "../core/run.ts";
import { contextsThat, judgeLanding, type Context, type ContextState, type Reading } from "../core/verdict.ts";
import type { Scene } from "./observe.ts";
import type { PassDeps } from "./pass.ts";
import type { PassAnswer } from "./signals.ts";
import { unlessRefused } from "./unless-refused.ts";
import type { Claimed } from "./with-claim.ts";

/** Issues told that they wait behind another, nearest first. The rest hears of it when it moves up: telling a long queue at every step would flood it. */
const maxTold = 10;

/** Links and label names, for everything said about the repo. */
export function placeOf({ config }: PassDeps, { remote }: Scene): Place {
  return { repoUrl: remote.url.replace(/\.git$/, ""), labels: config.labels };
}

/** Brings the run's labels and status comment to what the ledger says. Changes nothing when they already are. */
export async function showRun(deps: PassDeps, claimed: Claimed, decision: Decision): Promise<PassAnswer> {
  await showLabels(deps, claimed);
  return showStatus(deps, claimed, decision);
}

/** Brings the status comment to what the ledger says; the first one of a run takes over what was said while the issue waited. */
export async function showStatus(deps: PassDeps, { claim, scene }: Claimed, decision: Decision): Promise<PassAnswer> {
  const { lock, config, statusComments } = deps;
  const issue = scene.observation.run?.issue;
  if (issue === undefined) return {};
  const ledger = scene.fold(lock.ledger(claim));
  const activity = activityOf(scene, ledger, decision);
  const sealed = sealLedger(ledger, config.stateSecrets);
  const body = renderStatusComment({ kind: "run", ledger, activity, place: placeOf(deps, scene), sealed });
  const isUncommented = issue.commentCount === 0;
  const text = { repo: claim.repo, issue: ledger.issue, run: ledger.run, body, headline: headlineOf(activity, ledger), isUncommented };
  return (await unlessRefused(deps.log, text, statusComments.show(text))) ?? {};
}

/**
 * Puts AFK's labels on and takes them off, as the ledger says. Nobody looks at an ended run again, and what was read may be older than the
 * labels AFK has just set: an end sets them whatever the issue seems to carry.
 */
export async function showLabels({ lock, forge, config }: PassDeps, { claim, scene }: Claimed): Promise<void> {
  const current = scene.observation.run?.issue?.labels;
  if (current === undefined) return;
  const ledger = lock.ledger(claim);
  const state: LabelState = ledger.end?.kind ?? "running";
  const { on, off } = state === "running" ? labelChanges(state, config.labels, current) : endChanges(state, config.labels, current);
  for (const label of on) await forge.addLabel(claim.repo, ledger.issue, label);
  for (const label of off) await forge.removeLabel(claim.repo, ledger.issue, label);
}

function endChanges(state: LabelState, names: LabelNames, current: readonly string[]): LabelChange {
  return { on: labelsFor(state, names).on, off: labelChanges(state, names, [...current, names.ready, names.inProgress]).off };
}

export function activityOf(scene: Scene, ledger: Ledger, decision: Decision): Activity {
  const { run, at } = scene.observation;
  if (ledger.end !== undefined) return { kind: "ended" };
  if (decision.kind === "wait" && decision.why === "no-slot") return { kind: "waiting-for-slot" };
  if (decision.kind === "wait" && (decision.why === "backing-off" || decision.why === "parked"))
    return { kind: decision.why, until: new Date(decision.untilMs ?? at).toISOString() };
  if (run?.turn.kind === "running" && ledger.turn !== undefined)
    return { kind: "working", turn: ledger.turn.kind, progress: run.turn.progress };
  const reading = readingOf(scene);
  if (reading === undefined) return { kind: "preparing" };
  return { kind: isRerunning(ledger) ? "rerunning" : "watching-ci", reading };
}

/** A re-run that the forge did not make is noted at the time of the landing. */
function isRerunning({ rerun, landed }: Ledger): boolean {
  return rerun !== undefined && rerun.sha === landed?.sha && rerun.at !== landed.at;
}

/**
 * Checks come and go while CI runs; only a new phase is worth an edit at once. Landing takes a push, and what comes after it is shown at once.
 * So is every end, however soon after another: nobody comes back to an edit that was put off then.
 */
function headlineOf(activity: Activity, { continuations, commandsThrough }: Ledger): string {
  if (activity.kind === "ended") return `ended ${continuations}`;
  // Should the lock be lost, only the seal knows which commands were taken.
  return `${phaseOf(activity)} ${commandsThrough}`;
}

function phaseOf(activity: Activity): string {
  if (activity.kind !== "working") return activity.kind;
  return activity.progress.phase === "landed" ? "green" : activity.progress.phase;
}

/** The landed commit's checks of one state, as they were read in this pass. */
export function contextsOf(scene: Scene, state: ContextState): readonly Context[] {
  const reading = readingOf(scene);
  return reading === undefined ? [] : contextsThat(reading, state);
}

function readingOf({ observation: { run, policy } }: Scene): Reading | undefined {
  if (run?.ci === undefined || policy.kind === "faulty") return undefined;
  return judgeLanding(run.ci.landed, run.ci.descendants, policy.policy.ci);
}

/** Says on each issue that has to wait, or is refused, why. */
export async function showQueue(deps: PassDeps, scene: Scene, decision: Decision): Promise<void> {
  const { observation } = scene;
  const rules = { trustedBots: deps.limits.trustedBots, obstacles: observation.obstacles };
  const ranked = rankCandidates(observation.candidates, rules, observation.run?.ledger.issue);
  const place = placeOf(deps, scene);
  const told = ranked.flatMap(([{ issue }, standing]) => {
    const waiting = waitingOf(standing, decision);
    return waiting === undefined ? [] : [{ issue, waiting }];
  });
  for (const { issue, waiting } of told.slice(0, maxTold)) {
    const body = renderStatusComment({ kind: "waiting", waiting, place });
    const isUncommented = issue.commentCount === 0;
    const text = { repo: observation.repo, issue: issue.number, run: undefined, body, headline: body, isUncommented };
    await unlessRefused(deps.log, text, deps.statusComments.show(text));
  }
}

export function waitingOf(standing: Standing, decision: Decision): Waiting | undefined {
  switch (standing.kind) {
    case "behind":
    case "blocked":
    case "refused":
    case "obstructed":
      return standing;
    case "dispatchable":
      return decision.kind === "wait" && decision.why === "no-slot" ? { kind: "no-slot" } : undefined;
    case "over":
    case "unexamined":
      return undefined;
    default:
      return standing satisfies never;
  }
}
