import type { Answer, Status } from "../core/answers.ts";
import { decide } from "../core/decide.ts";
import { rankCandidates, type Standing } from "../core/dispatch.ts";
import { explainDispatch } from "../core/explain.ts";
import { isSameLabel } from "../core/labels.ts";
import type { Candidate, RunObservation } from "../core/observation.ts";
import type { Request, Situation } from "../core/requests.ts";
import type { Scene } from "./observe.ts";
import type { PassDeps } from "./pass.ts";
import { activityOf, waitingOf } from "./show.ts";

/** What a request finds: the run on its issue, and what could be said about it. */
export function situationOf(deps: PassDeps, scene: Scene, request: Request): Situation {
  const { at, run } = scene.observation;
  const mine = run?.ledger.issue === request.comment.issue ? run : undefined;
  const isReady = request.issue?.labels.some((label) => isSameLabel(label, deps.config.labels.ready)) ?? false;
  return {
    ledger: mine?.ledger,
    isTurnLive: mine?.turn.kind === "running" || mine?.turn.kind === "queued",
    isReady,
    // Forges count in whole seconds: what happens right after a release must not seem to come before it.
    at: new Date(Math.floor(at / 1000) * 1000).toISOString(),
    trustedBots: deps.config.trustedBots,
    status: { kind: "status", status: statusOf(deps, scene, request, mine, isReady) },
    explanation: explain(deps, scene, request, isReady),
  };
}

function statusOf(deps: PassDeps, scene: Scene, request: Request, mine: RunObservation | undefined, isReady: boolean): Status {
  const next = decide({ ...scene.observation, request: undefined }, deps.limits);
  if (mine !== undefined) return { kind: "running", ledger: mine.ledger, activity: activityOf(scene, mine.ledger, next) };
  const { previous } = request.details;
  if (!isReady) return { kind: "idle", previous };
  const standing = standingOf(deps, scene, request);
  if (standing === undefined || standing.kind === "over") return { kind: "idle", previous };
  const waiting = waitingOf(standing, next);
  return waiting === undefined ? { kind: "about-to-start" } : { kind: "waiting", waiting };
}

/** Where the issue stands among those that wait. */
function standingOf({ limits }: PassDeps, { observation }: Scene, { issue, details, comment }: Request): Standing | undefined {
  const { candidates, obstacles, run } = observation;
  const others = candidates.filter((candidate) => candidate.issue.number !== comment.issue);
  const all: readonly Candidate[] = issue === undefined ? others : [...others, { issue, details }];
  const ranked = rankCandidates(all, { trustedBots: limits.trustedBots, obstacles }, run?.ledger.issue);
  return ranked.find(([candidate]) => candidate.issue.number === comment.issue)?.[1];
}

function explain(deps: PassDeps, scene: Scene, request: Request, isReady: boolean): Answer {
  const { issue, details } = request;
  const { obstacles, run, slots } = scene.observation;
  const running = run?.ledger.issue;
  if (issue === undefined) return { kind: "explanation", gates: [], isRunning: false };
  const standing = standingOf(deps, scene, request);
  const gates = explainDispatch({
    issue,
    isReady,
    labels: deps.config.labels,
    details,
    trustedBots: deps.limits.trustedBots,
    obstacles,
    running,
    ahead: standing?.kind === "behind" && standing.issue !== running ? standing.issue : undefined,
    freeSlots: slots.free,
  });
  return { kind: "explanation", gates, isRunning: running === issue.number };
}
