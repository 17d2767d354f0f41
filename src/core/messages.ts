import type { ApprovalRefusal } from "./approval.ts";
import type { Standing } from "./dispatch.ts";
import type { LabelNames } from "./labels.ts";
import { commitLink, sayContexts, sayEffort, sayFiles, sayKept, sayPatch, sayProofs, sayTail } from "./evidence.ts";
import { clip, codeBlock, codeSpan, link, plain } from "./markdown.ts";
import type { Obstacle } from "./obstacles.ts";
import type { CancelReason, Gate, HandOverReason, Ledger } from "./run.ts";
import type { Context } from "./verdict.ts";

/** What every message needs to know of the repo. */
export interface Place {
  /** `https://github.com/owner/name`, for links. */
  readonly repoUrl: string;
  readonly labels: LabelNames;
}

/** Finds the comment again, so that it is not made twice. Part of every end comment; a run that people had go on ends once more. */
export function endMarker({ run, continuations }: Pick<Ledger, "run" | "continuations">): string {
  return `<!-- afk:end run=${markerWord(run)}${continuations === 0 ? "" : ` again=${continuations}`} -->`;
}

/** Whether a comment was made with this marker: it stands first or last in it. In between others are quoted, who may know the marker. */
export function carriesMarker(body: string, marker: string): boolean {
  return body.startsWith(marker) || body.trimEnd().endsWith(marker);
}

/** Only characters that cannot end an HTML comment. */
export function markerWord(run: string): string {
  return run
    .replace(/[^A-Za-z0-9_.]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
}

/**
 * The one comment that a run's end is worth: edits notify nobody, so this one is new, and mentions whoever set the label. `contexts` are
 * the checks that the run ended on.
 */
export function renderEnd(ledger: Ledger, place: Place, contexts: readonly Context[] = []): string {
  const { end } = ledger;
  if (end === undefined) throw new Error("a run that has not ended has no end comment");
  switch (end.kind) {
    case "closed":
      return assemble(ledger, [sayClosed(ledger, place), sayProofs(ledger), sayFiles(ledger.evidence.files), sayEffort(ledger)]);
    case "cancelled":
      return assemble(ledger, [sayCancelled(ledger, end.reason, place), sayKept(ledger, place), sayEffort(ledger)]);
    case "handed-over":
      return assemble(ledger, [
        sayHandedOver(ledger, end.reason, withoutNames(end.detail, contexts), place),
        sayContexts(contexts),
        sayTail(ledger),
        sayProofs(ledger),
        sayFiles(ledger.evidence.files),
        sayPatch(ledger.turn?.outcome),
        sayKept(ledger, place),
        `**What it needs from you:** ${needs[end.reason](ledger, place)}`,
        sayEffort(ledger),
      ]);
    default:
      return end satisfies never;
  }
}

function assemble(ledger: Ledger, parts: readonly string[]): string {
  return [...parts.filter((part) => part !== ""), endMarker(ledger)].join("\n\n");
}

function sayClosed(ledger: Ledger, place: Place): string {
  const checks = (ledger.checks ?? []).slice(0, 20).map(({ name, url }) => link(name, url));
  const ci = checks.length > 0 ? `CI is green: ${checks.join(", ")}` : "this repository has no CI to wait for";
  return `${mention(ledger)} **Done.** The change is on ${codeSpan(ledger.base)} as ${commitLink(ledger.landed?.sha, place)}, and ${ci}.`;
}

const cancelled = {
  "issue-closed": "the issue was closed",
  "issue-gone": "the issue is gone",
  "label-removed": "the ready label was taken off",
  command: "somebody asked for it by `/afk cancel`",
  "not-enrolled": "this repository is no longer enrolled",
} as const satisfies Record<CancelReason, string>;

function sayCancelled(ledger: Ledger, reason: CancelReason, place: Place): string {
  const landed =
    ledger.landed === undefined
      ? ""
      : ` ${commitLink(ledger.landed.sha, place)} has landed on ${codeSpan(ledger.landed.branch)} and stays.`;
  const isBySomebody = reason === "label-removed" || reason === "command";
  const goingOn = isBySomebody ? ` ${codeSpan(place.labels.ready)} starts it anew, \`/afk fix\` lets it go on.` : "";
  return `**Stopped**, because ${cancelled[reason]}.${landed}${goingOn}`;
}

/** What happened, after "AFK hands this over:". Each is a whole sentence. */
const happened = {
  "gate-refused": ({ turn }) =>
    `AFK's own checks refused the work: ${turn?.outcome?.kind === "refused" ? refusals[turn.outcome.gate] : "it may not land as it is"}.`,
  "base-red": ({ base }) => `The tests of ${codeSpan(base)} fail without any change, so nothing can be proved on it.`,
  conflict: ({ base }) => `The work conflicts with what has landed on ${codeSpan(base)} meanwhile.`,
  blocked: () => "The agent says that it cannot go on.",
  unchanged: ({ landed }) =>
    landed === undefined
      ? "The agent ended without changing anything."
      : "The agent was to correct what has landed, and ended without changing anything.",
  unworkable: () => "This repository cannot be worked on as it is.",
  infrastructure: (ledger) =>
    isLimited(ledger)
      ? `The agent's provider stops it again and again: AFK has waited ${ledger.parks} times.`
      : `Something around the agent failed${retriesSpent(ledger)}.`,
  "timed-out": (ledger) => `The agent ran out of time${retriesSpent(ledger)}.`,
  "proved-not-landed": () => "The change is made and proved. AFK lands nothing here, so this is the diff.",
  "ci-red": ({ attempts }) =>
    attempts > 1
      ? `CI is red, and ${attempts - 1} ${attempts === 2 ? "correction" : "corrections"} did not help.`
      : "CI is red, and no attempt or time is left to correct it.",
  "ci-red-again": () => "CI is red with the very failure that the last correction was to mend, so another one would not help.",
  "ci-red-before": ({ base }) =>
    `CI is red, but it was red on ${codeSpan(base)} in the same way before this change landed, so it is not this change that broke it.`,
  "ci-absent": () => "No check has reported on the commit, and no checks is not green.",
  "ci-unknown": () => "The forge does not say what became of the checks.",
  "ci-timeout": () => "The checks did not finish in time.",
  "landing-undone": ({ landed }) => `What has landed is no longer on ${codeSpan(landed?.branch ?? "")}: somebody has taken it off again.`,
  "bad-repo-config": () => "`.github/afk.yml` cannot be used.",
} as const satisfies Record<HandOverReason, (ledger: Ledger) => string>;

const refusals = {
  committed: "what the agent changed was not committed",
  size: "it is larger than may land unread",
  workflows: "it changes CI workflows, which a human has to do",
  "protected-path": "it changes protected paths",
  secret: "it may contain a secret",
  "tests-weakened": "it weakens tests",
  "runner-configuration": "it changes how tests are run",
  "tests-red": "its tests do not fail without the change, so they prove nothing",
  "tests-green": "the tests fail with the change",
} as const satisfies Record<Gate, string>;

function isLimited({ turn }: Ledger): boolean {
  return turn?.outcome?.kind === "limited";
}

/** Retries are the run's, not the turn's. */
function retriesSpent({ retries }: Ledger): string {
  if (retries === 0) return "";
  return retries === 1 ? ", and the run's one retry is spent" : `, and the run's ${retries} retries are spent`;
}

const oneMore = "`/afk fix` with a hint gives the agent one more turn.";
const byHand = `fix it forward or revert it by hand. ${oneMore}`;

/** What has landed is corrected; a fresh run would do it all anew. */
function again({ landed }: Ledger, { labels }: Place): string {
  return landed === undefined ? `set ${codeSpan(labels.ready)} again` : "say `/afk fix`";
}

/** What a human can do about it, after "What it needs from you:". */
const needs = {
  "gate-refused": () => `finish the work by hand, or say what to do differently: ${oneMore}`,
  "base-red": (ledger, place) => `make ${codeSpan(ledger.base)} pass its own tests, then ${again(ledger, place)}.`,
  conflict: () => "merge the work by hand, or have the agent try once more: `/afk fix`.",
  blocked: (ledger, place) =>
    `say \`/afk fix\` with the answer, or ${
      ledger.landed === undefined ? `put it into the issue's text and ${again(ledger, place)}` : "fix it forward by hand"
    }.`,
  unchanged: (ledger, place) =>
    ledger.landed === undefined ? `say in the issue what is missing, then ${again(ledger, place)}; or close it, if nothing is.` : byHand,
  unworkable: (ledger, place) => `mend that, then ${again(ledger, place)}.`,
  infrastructure: (ledger, place) =>
    `have the operator look at ${isLimited(ledger) ? "what the agent's provider allows" : "AFK's log"}, then ${again(ledger, place)}.`,
  "timed-out": (ledger, place) =>
    `${ledger.landed === undefined ? "split the issue, or " : ""}allow more time (\`turn_timeout_seconds\`), then ${again(ledger, place)}.`,
  "proved-not-landed": () =>
    "apply the diff if you like it. What AFK lands by itself is set by `landing` in `.github/afk.yml` and by `AFK_LANDING`.",
  "ci-red": () => byHand,
  "ci-red-again": () => byHand,
  "ci-red-before": ({ base }) =>
    `mend ${codeSpan(base)}. The change itself is proved and has landed: close this issue if you agree, or say \`/afk fix\` to have the agent look at it.`,
  "ci-absent": () =>
    "see whether CI runs on this branch, and close the issue if all is well. A repository without CI says `ci: none` in `.github/afk.yml`.",
  "ci-unknown": () =>
    "look at the commit, and close the issue if all is well. For the next time, give AFK's installation read access to checks and commit statuses.",
  "ci-timeout": () =>
    "look at the checks, and close the issue once they are green. For the next time, `ci.timeout_minutes` in `.github/afk.yml` allows more.",
  "landing-undone": (_ledger, { labels }) =>
    `close this issue if that was meant. Otherwise \`/afk fix\` or ${codeSpan(labels.ready)} has the change made anew.`,
  "bad-repo-config": (ledger, place) =>
    ledger.landed === undefined
      ? `correct the file on the base branch, then ${again(ledger, place)}.`
      : "correct the file on the base branch, and look at the checks of the commit: AFK watches them no more.",
} as const satisfies Record<HandOverReason, (ledger: Ledger, place: Place) => string>;

function sayHandedOver(ledger: Ledger, reason: HandOverReason, detail: string, place: Place): string {
  const freeze =
    ledger.landed === undefined || reason === "landing-undone"
      ? ""
      : `\n\n${commitLink(ledger.landed.sha, place)} is on ${codeSpan(ledger.landed.branch)}, and AFK reverts nothing.`;
  const said = detail.trim() === "" ? "" : `\n\n${quote(detail)}`;
  return `${mention(ledger)} **AFK hands this over.** ${happened[reason](ledger)}${said}${freeze}`;
}

/** The names of checks that are listed with their links anyway. */
function withoutNames(detail: string, contexts: readonly Context[]): string {
  const listed = contexts.map(({ name }) => name).join(", ");
  return listed !== "" && detail.startsWith(listed) ? detail.slice(listed.length) : detail;
}

/** Foreign words, as a quotation; long or many-lined ones as a block of text. */
function quote(text: string): string {
  const lines = text.trim().split("\n");
  if (text.length > 1_000 || lines.length > 5) return codeBlock(clip(text, 2_000));
  return lines.map((line) => `> ${plain(line, 1_000)}`.trimEnd()).join("\n");
}

/** How the last run ended, in a sentence or two. */
export function sayEnd(ledger: Ledger): string {
  const { end } = ledger;
  if (end === undefined) return "The last run has not ended.";
  if (end.kind === "closed") return "The last run is done.";
  return end.kind === "cancelled"
    ? `The last run was stopped, because ${cancelled[end.reason]}.`
    : `The last run was handed over. ${happened[end.reason](ledger)}`;
}

/** Whoever set the label. Only what is certainly a person's login becomes a mention: a bot's may be a command to it. */
function mention({ approval: { by } }: Pick<Ledger, "approval">): string {
  return /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9])?$/.test(by) ? `@${by}` : codeSpan(by);
}

/** Why an issue with the ready label is not being worked on. */
export type Waiting = Extract<Standing, { readonly kind: "behind" | "blocked" | "refused" | "obstructed" }> | { readonly kind: "no-slot" };

/** One paragraph or a few, for the status comment. */
export function renderWaiting(waiting: Waiting, labels: LabelNames): string {
  switch (waiting.kind) {
    case "behind":
      return `Waiting behind #${waiting.issue}: AFK works on one issue of a repository at a time.`;
    case "blocked":
      return `Waiting, blocked by ${waiting.by.slice(0, 20).map(sayReference).join(", ")}.`;
    case "no-slot":
      return "Waiting for a free agent.";
    case "refused":
      return `**Not started.** ${sayApprovalRefusal(waiting.why, waiting.by, labels)}`;
    case "obstructed":
      return `**Not started**, because AFK cannot do here what is asked of it:\n\n${waiting.obstacles
        .slice(0, 20)
        .map((obstacle) => `- ${sayObstacle(obstacle)}`)
        .join("\n")}`;
    default:
      return waiting satisfies never;
  }
}

/** What is in the way, and what to do about it. */
export function sayObstacle(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case "archived":
      return "The repository is archived: take it out of the archive.";
    case "may-not-push":
      return "AFK's installation may not push here: give it write access to contents.";
    case "may-not-write-issues":
      return "AFK's installation may not write issues here: give it write access to issues.";
    case "base-missing":
      return `There is no branch ${codeSpan(obstacle.branch)}: create it, or name another as \`base\` in \`.github/afk.yml\`.`;
    case "base-protected":
      return `${codeSpan(obstacle.branch)} is protected, and landing by pull request is not part of this version: take the protection off, or say \`landing: none\` in \`.github/afk.yml\`.`;
    case "push-refused":
      return `A rehearsed push was refused: ${plain(obstacle.detail)}`;
    case "unsupported":
      return `Not part of this version: ${clip(obstacle.what, 500)}.`;
    case "disallowed":
      return `Not allowed by the operator: ${clip(obstacle.what, 500)}.`;
    case "lock-unreadable":
      return "AFK's lock on this repository holds something that is none of its own. Delete the ref, if no other version of AFK uses it.";
    default:
      return obstacle satisfies never;
  }
}

/** Why a release does not count, and the remedy. */
export function sayApprovalRefusal(why: ApprovalRefusal, by: string | undefined, labels: LabelNames): string {
  return approvalRefused[why](by === undefined ? "somebody" : codeSpan(by), codeSpan(labels.ready));
}

const approvalRefused = {
  "releaser-unknown": (_by, ready) => `The forge does not say who set ${ready}. Take it off and set it again.`,
  "bot-not-trusted": (by, ready) =>
    `${ready} was set by ${by}, a bot that the operator has not named in \`AFK_TRUSTED_BOTS\`. Somebody with write access can set it again.`,
  "releaser-may-not-write": (by, ready) => `${ready} was set by ${by}, who has no write access here. Somebody who has can set it again.`,
  "edited-since": (_by, ready) =>
    `The issue was edited after ${ready} was set, and its author has no write access. Read it again; if it is still what you want, take ${ready} off and set it again.`,
  "edits-unknown": (_by, ready) =>
    `The forge does not say whether the issue was edited after ${ready} was set, and its author has no write access. Take ${ready} off and set it again.`,
} as const satisfies Record<ApprovalRefusal, (by: string, ready: string) => string>;

/** `#3` as a reference, anything else as code. */
export function sayReference(text: string): string {
  return /^(?:[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+)?#\d+$/.test(text) ? text : codeSpan(text);
}
