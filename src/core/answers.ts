import type { ApprovalRefusal } from "./approval.ts";
import { sayActivity, type Activity } from "./checklist.ts";
import { commandHelp } from "./commands.ts";
import { answerMarker } from "./desk.ts";
import type { Gate } from "./explain.ts";
import { sayEffort } from "./evidence.ts";
import type { LabelNames } from "./labels.ts";
import { codeSpan, link } from "./markdown.ts";
import { renderWaiting, sayEnd, type Waiting } from "./messages.ts";
import type { Ledger } from "./run.ts";

/** What is going on with an issue. */
export type Status =
  | { readonly kind: "running"; readonly ledger: Ledger; readonly activity: Activity }
  | { readonly kind: "waiting"; readonly waiting: Waiting }
  | { readonly kind: "about-to-start" }
  /** Nobody has released it (again); `previous` is the last run, which has ended. */
  | { readonly kind: "idle"; readonly previous: Ledger | undefined };

/** What AFK answers to a `/afk` command. */
export type Answer =
  | { readonly kind: "help" }
  | { readonly kind: "unknown"; readonly word: string }
  | { readonly kind: "not-allowed"; readonly by: string }
  | { readonly kind: "nothing-to-do"; readonly command: "retry" | "fix" | "cancel"; readonly why: "no-run" | "issue-closed" }
  /** The commenter's approval does not count for the text as it is. */
  | { readonly kind: "not-released"; readonly why: ApprovalRefusal; readonly by: string }
  | { readonly kind: "released" | "continued" | "started-over"; readonly by: string }
  | { readonly kind: "taken-up"; readonly when: "now" | "next-turn" }
  | { readonly kind: "withdrawn" }
  | { readonly kind: "status"; readonly status: Status }
  | { readonly kind: "explanation"; readonly gates: readonly Gate[]; readonly isRunning: boolean };

/** The one answer comment of an issue: it answers the last comment with commands, and carries the sealed desk. */
export function renderAnswers(
  answers: readonly Answer[],
  to: { readonly author: string; readonly url: string },
  labels: LabelNames,
  sealedDesk: string,
): string {
  const head = `In answer to ${link(to.author, to.url)}:`;
  return [`${answerMarker}\n${head}`, ...answers.map((answer) => renderAnswer(answer, labels)), sealedDesk].join("\n\n");
}

export function renderAnswer(answer: Answer, labels: LabelNames): string {
  switch (answer.kind) {
    case "help":
      return `What AFK understands, from people with write access:\n\n${listCommands()}`;
    case "unknown":
      return `AFK does not know ${codeSpan(answer.word)}. It understands:\n\n${listCommands()}`;
    case "not-allowed":
      return `${codeSpan(answer.by)} has no write access here, so AFK leaves that alone. Somebody who has can ask for it.`;
    case "nothing-to-do":
      return answer.why === "issue-closed"
        ? `There is nothing to ${answer.command} on a closed issue. Open it again first.`
        : noRun[answer.command](codeSpan(labels.ready));
    case "not-released":
      return `**Not released.** ${notReleased[answer.why](codeSpan(answer.by))}`;
    case "released":
      return `${codeSpan(answer.by)} has released this: the text as it is now, with fresh attempts and time. ${soon}`;
    case "continued":
      return `${codeSpan(answer.by)} has released this for one more turn on what the last run left. ${soon}`;
    case "started-over":
      return `Starting over for ${codeSpan(answer.by)}, with the text as it is now and fresh attempts and time. What has landed stays.`;
    case "taken-up":
      return answer.when === "now"
        ? "The agent gets one more turn for this, as soon as one is free."
        : "The agent is at work. When this turn has ended, it gets one more for this.";
    case "withdrawn":
      return `Taken off the list. ${codeSpan(labels.ready)} or \`/afk retry\` releases it anew.`;
    case "status":
      return sayStatus(answer.status, labels);
    case "explanation":
      return explain(answer.gates, answer.isRunning);
    default:
      return answer satisfies never;
  }
}

const soon = "AFK takes it up as soon as the repository and an agent are free.";

const noRun = {
  retry: (ready) => `There is nothing to retry: AFK has had no run here. ${ready} starts one.`,
  fix: (ready) => `There is nothing to fix: AFK has no run here that could go on. ${ready} starts a new one.`,
  cancel: (ready) => `There is nothing to cancel: AFK is not at work here, and ${ready} is not set.`,
} as const satisfies Record<"retry" | "fix" | "cancel", (ready: string) => string>;

/** Whoever asks for work by a comment approves the issue's text by it. */
const notReleased = {
  "releaser-unknown": () => "The forge does not say who wrote that comment. Somebody with write access can say it again.",
  "bot-not-trusted": (by) =>
    `${by} is a bot that the operator has not named in \`AFK_TRUSTED_BOTS\`. Somebody with write access can say it.`,
  "releaser-may-not-write": (by) => `${by} has no write access here. Somebody who has can say it.`,
  "edited-since": () =>
    "The issue was edited after that comment, and its author has no write access. Read it again; if it is still what you want, say it again.",
  "edits-unknown": () =>
    "The forge does not say whether the issue was edited after that comment, and its author has no write access. Read it again, then say it again.",
} as const satisfies Record<ApprovalRefusal, (by: string) => string>;

function sayStatus(status: Status, labels: LabelNames): string {
  switch (status.kind) {
    case "running":
      return `AFK has a run on this issue. ${sayActivity(status.ledger, status.activity)}\n\n${sayEffort(status.ledger)}`;
    case "waiting":
      return renderWaiting(status.waiting, labels);
    case "about-to-start":
      return "Released; AFK is about to start.";
    case "idle":
      return status.previous === undefined
        ? `AFK has no run here. ${codeSpan(labels.ready)} starts one.`
        : `${sayEnd(status.previous)} ${codeSpan(labels.ready)} or \`/afk retry\` starts another run${
            status.previous.end?.kind === "closed" ? "" : ", `/afk fix` lets the last one go on"
          }.`;
    default:
      return status satisfies never;
  }
}

function explain(gates: readonly Gate[], isRunning: boolean): string {
  const list = gates.map(({ question, isPassed, answer }) => `- [${isPassed ? "x" : " "}] ${question} ${answer}`).join("\n");
  return `${conclude(gates, isRunning)}\n\n${list}`;
}

function conclude(gates: readonly Gate[], isRunning: boolean): string {
  if (isRunning) return "AFK has a run on this issue. What it asks before it starts one, and the answers now:";
  return gates.every(({ isPassed }) => isPassed)
    ? "Nothing keeps AFK from this issue: it is about to start."
    : "AFK does not work on this issue, because of what is not ticked:";
}

function listCommands(): string {
  return Object.values(commandHelp)
    .map(({ usage, does }) => `- ${codeSpan(usage)}: ${does}`)
    .join("\n");
}
