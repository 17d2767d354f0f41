import { renderAnswers } from "../core/answers.ts";
import { answerMarker, sealDesk, type Desk } from "../core/desk.ts";
import { respond, type Request, type Response } from "../core/requests.ts";
import { repoKey, slugOf, type Ledger } from "../core/run.ts";
import { end } from "./end-run.ts";
import type { Scene } from "./observe.ts";
import type { PassDeps } from "./pass.ts";
import type { PassAnswer } from "./signals.ts";
import { situationOf } from "./situation.ts";
import { stopTurn } from "./take-turn.ts";
import { unlessRefused } from "./unless-refused.ts";
import { withClaim, type Claimed } from "./with-claim.ts";

/**
 * Does what a comment commands, and answers it: the reaction first. What changes the run is saved together with the watermark, what
 * releases an issue together with the answer; so each command is carried out once, whoever finds it.
 */
export async function answer(deps: PassDeps, scene: Scene, request: Request): Promise<PassAnswer> {
  const { repo, run } = scene.observation;
  const { comment, commands } = request;
  if (run?.ledger.issue === comment.issue) await withClaim(deps, scene, (claimed) => answerOnRun(deps, claimed, request));
  else await answerAtDesk(deps, scene, request);
  const fields = { repo: slugOf(repo), issue: comment.issue, comment: comment.id, by: comment.author };
  deps.log.info({ ...fields, commands: commands.map(({ kind }) => kind) }, "commands answered");
  return { againInMs: 0 };
}

async function answerOnRun(deps: PassDeps, { claim, scene, lock: seen }: Claimed, request: Request): Promise<PassAnswer> {
  const { lock } = deps;
  const situation = situationOf(deps, scene, request);
  const respondTo = (saved: Ledger): Response => respond(request, { ...situation, ledger: scene.fold(saved) });
  const taken = (ledger: Ledger): Ledger => ({ ...ledger, commandsThrough: request.comment.id });
  const response = respondTo(lock.ledger(claim));
  await react(deps, scene, request, response);
  if (response.stopsTurn) await stopTurn(deps, claim.repo, "somebody asked AFK to start over");
  // The desk's watermark stays: the ledger's is the one that is saved with what was done.
  const { desk } = request;
  if (response.answers.length > 0) await say(deps, scene, request, response, { ...desk, through: desk?.through ?? 0 });
  const how = response.ledger?.end;
  if (how !== undefined) return end(deps, { claim, scene, lock: seen }, how, taken);
  const content = response.takesContent ? request.issue : undefined;
  await lock.save(claim, (saved) => taken(respondTo(saved).ledger ?? saved), content);
  return {};
}

async function answerAtDesk(deps: PassDeps, scene: Scene, request: Request): Promise<void> {
  const { forge, config, memory, log } = deps;
  const { repo } = scene.observation;
  const { comment, desk } = request;
  const { issue } = comment;
  const response = respond(request, situationOf(deps, scene, request));
  await react(deps, scene, request, response);
  if (response.release !== undefined) await unlessRefused(log, { repo, issue }, forge.addLabel(repo, issue, config.labels.ready));
  if (response.withdraws) await unlessRefused(log, { repo, issue }, forge.removeLabel(repo, issue, config.labels.ready));
  const release = response.release ?? (response.withdraws ? undefined : desk?.release);
  await say(deps, scene, request, response, { through: comment.id, ...(release === undefined ? {} : { release }) });
  // Where the forge takes neither label nor answer, nothing remembers that the command was taken but this process.
  memory.through.set(repoKey(repo), comment.id);
}

async function react(
  { forge, log }: PassDeps,
  { observation: { repo } }: Scene,
  { comment: { id, issue } }: Request,
  { isDone }: Response,
): Promise<void> {
  await unlessRefused(log, { repo, issue }, forge.react(repo, id, isDone ? "+1" : "confused"));
}

async function say(
  deps: PassDeps,
  scene: Scene,
  { comment, answerComment }: Request,
  { answers }: Response,
  { through, release }: Pick<Desk, "through" | "release">,
): Promise<void> {
  const { forge, config, log } = deps;
  const { repo } = scene.observation;
  const { issue } = comment;
  const known = { version: 1, repoId: scene.facts?.id ?? 0, issue, through } as const;
  const desk: Desk = release === undefined ? known : { ...known, release };
  const body = renderAnswers(answers, comment, config.labels, sealDesk(desk, config.stateSecrets));
  const saying = async (): Promise<void> => {
    if (answerComment !== undefined && (await forge.editComment(repo, answerComment, body))) return;
    await forge.createComment(repo, issue, body, answerMarker);
  };
  await unlessRefused(log, { repo, issue }, saying());
}
