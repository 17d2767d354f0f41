import type { Answer } from "./answers.ts";
import { judgeRelease, mayWrite } from "./approval.ts";
import type { Command } from "./commands.ts";
import type { CommandRelease, Desk } from "./desk.ts";
import type { CandidateDetails, IssueFacts, Permission, Release, RepoComment } from "./observation.ts";
import type { Approval, Ledger, Time } from "./run.ts";
import { endRun, joinGuidance, startOver } from "./run-steps.ts";

/** A comment with commands that nobody has answered yet, with everything that decides about it. */
export interface Request {
  readonly comment: RepoComment;
  /** In the order they stand in the comment; at least one. */
  readonly commands: readonly Command[];
  /** The commenter's, as the forge answered it just now. */
  readonly permission: Permission;
  /** `undefined`: deleted, transferred, or no issue. */
  readonly issue: IssueFacts | undefined;
  /** Whether the issue's text was edited after the comment was written. */
  readonly editedSince: Release["editedSince"];
  readonly details: CandidateDetails;
  /** The answer comment that is there already. */
  readonly answerComment: number | undefined;
  /** What the desk remembers. */
  readonly desk: Desk | undefined;
}

/** What is going on with the issue that a request stands on. */
export interface Situation {
  /** The live run's ledger, when the run is on this issue. */
  readonly ledger: Ledger | undefined;
  readonly isTurnLive: boolean;
  readonly isReady: boolean;
  readonly at: Time;
  readonly trustedBots: readonly string[];
  /** What `/afk status` and `/afk explain` say. */
  readonly status: Answer;
  readonly explanation: Answer;
}

/** What a request comes to. All of it is saved together with the watermark, so that it happens once. */
export interface Response {
  /** In the order of the commands; empty when the run itself shows what was done. */
  readonly answers: readonly Answer[];
  readonly isDone: boolean;
  /** The live run's ledger as it should be. */
  readonly ledger: Ledger | undefined;
  /** The run works from the text as it is now. */
  readonly takesContent: boolean;
  /** The turn under way is of no use any more. */
  readonly stopsTurn: boolean;
  /** The issue is released to the next run; `undefined`: as it was. */
  readonly release: CommandRelease | undefined;
  /** The ready label comes off: nobody wants the issue worked on. */
  readonly withdraws: boolean;
}

/** Carries a comment's commands out, in order. */
export function respond(request: Request, situation: Situation): Response {
  const start: Response = {
    answers: [],
    isDone: true,
    ledger: situation.ledger,
    takesContent: false,
    stopsTurn: false,
    release: undefined,
    withdraws: false,
  };
  if (!mayWrite(request.permission)) return { ...start, isDone: false, answers: [{ kind: "not-allowed", by: request.comment.author }] };
  return request.commands.reduce((sofar, command) => carryOut(command, sofar, request, situation), start);
}

function carryOut(command: Command, sofar: Response, request: Request, situation: Situation): Response {
  const say = (answer: Answer, isDone = true): Response => ({
    ...sofar,
    isDone: sofar.isDone && isDone,
    answers: [...sofar.answers, answer],
  });
  switch (command.kind) {
    case "help":
      return say({ kind: "help" });
    case "unknown":
      return say({ kind: "unknown", word: command.word }, false);
    case "status":
      return say(situation.status);
    case "explain":
      return say(situation.explanation);
    case "cancel":
      return cancel(sofar, say, situation);
    case "retry":
      return retry(command.guidance, sofar, say, request, situation);
    case "fix":
      return fix(command.guidance, sofar, say, request, situation);
    default:
      return command satisfies never;
  }
}

type Say = (answer: Answer, isDone?: boolean) => Response;

/** A run that a command before this one in the same comment has ended goes on. */
function liveLedger({ ledger }: Response): Ledger | undefined {
  if (ledger === undefined) return undefined;
  const { end: _, ...live } = ledger;
  return live;
}

function cancel(sofar: Response, say: Say, { isReady, at }: Situation): Response {
  const { ledger } = sofar;
  if (ledger !== undefined) return { ...sofar, ledger: endRun(ledger, { kind: "cancelled", reason: "command" }, at) };
  if (!isReady && sofar.release === undefined) return say({ kind: "nothing-to-do", command: "cancel", why: "no-run" }, false);
  return { ...say({ kind: "withdrawn" }), withdraws: true, release: undefined };
}

function retry(guidance: string | undefined, sofar: Response, say: Say, request: Request, situation: Situation): Response {
  const approved = approve(request, situation);
  if (approved.kind === "refused") return say(approved.answer("retry"), false);
  const ledger = liveLedger(sofar);
  if (ledger === undefined)
    return { ...say({ kind: "released", by: approved.approval.by }), ...releaseBy(request, approved.approval, guidance, false) };
  const next = startOver(ledger, approved.approval, guidance === undefined ? {} : { guidance });
  return { ...say({ kind: "started-over", by: approved.approval.by }), ledger: next, takesContent: true, stopsTurn: true };
}

function fix(guidance: string | undefined, sofar: Response, say: Say, request: Request, situation: Situation): Response {
  // "Close with comment" closes first: a live run is about to be cancelled then.
  if (request.issue?.isOpen !== true) return say({ kind: "nothing-to-do", command: "fix", why: "issue-closed" }, false);
  const ledger = liveLedger(sofar);
  if (ledger !== undefined) {
    const asked = joinGuidance(ledger.asked?.guidance, guidance);
    const answer = { kind: "taken-up", when: situation.isTurnLive ? "next-turn" : "now" } as const;
    return { ...say(answer), ledger: { ...ledger, asked: asked === undefined ? {} : { guidance: asked } } };
  }
  const { previous } = request.details;
  if (previous?.end === undefined || previous.end.kind === "closed")
    return say({ kind: "nothing-to-do", command: "fix", why: "no-run" }, false);
  const approved = approve(request, situation);
  if (approved.kind === "refused") return say(approved.answer("fix"), false);
  return {
    ...say({ kind: "continued", by: approved.approval.by }),
    ...releaseBy(request, approved.approval, joinGuidance(sofar.release?.guidance, guidance), true),
  };
}

function releaseBy(
  { comment }: Request,
  { by, byId, at, contentHash }: Approval,
  guidance: string | undefined,
  continues: boolean,
): Pick<Response, "release" | "withdraws"> {
  const asked = guidance === undefined ? {} : { guidance };
  return { release: { by, byId, byIsBot: comment.authorIsBot, at, contentHash, continues, ...asked }, withdraws: false };
}

type Approved =
  | { readonly kind: "approved"; readonly approval: Approval }
  | { readonly kind: "refused"; readonly answer: (command: "retry" | "fix") => Answer };

/** Whoever commands it approves the text as it is now, by the rules that hold for the label. */
function approve(request: Request, { at, trustedBots }: Situation): Approved {
  const { issue, comment, permission, editedSince, details } = request;
  if (issue === undefined || !issue.isOpen) {
    return { kind: "refused", answer: (command) => ({ kind: "nothing-to-do", command, why: "issue-closed" }) };
  }
  const release = { by: comment.author, byId: comment.authorId, byIsBot: comment.authorIsBot, at: comment.createdAt, editedSince };
  const { authorPermission } = details;
  const answer = judgeRelease({ issue, release, releaserPermission: permission, authorPermission, trustedBots });
  if (answer.kind === "approved") return { kind: "approved", approval: { ...answer.approval, at } };
  const { why } = answer;
  return { kind: "refused", answer: () => ({ kind: "not-released", why, by: comment.author }) };
}
