import type { ApprovalRefusal } from "./approval.ts";
import { commandHelp } from "./commands.ts";
import type { Standing } from "./dispatch.ts";
import type { LabelNames } from "./labels.ts";
import { commitLink, sayContexts, sayEffort, sayFiles, sayKept, sayPatch, sayProofs, sayTail } from "./evidence.ts";
import { clip, codeBlock, codeSpan, link, plain } from "./markdown.ts";
import type { Obstacle } from "./obstacles.ts";
import type { CancelReason, Gate, HandOverReason, Ledger, TurnKind } from "./run.ts";
import type { Context } from "./verdict.ts";

/** What every message needs to know of the repo. */
export interface Place {
  /** `https://github.com/owner/name`, for links. */
  readonly repoUrl: string;
  readonly labels: LabelNames;
}

/** Finds the comment again, so that it is not made twice. Part of every end comment. */
export function endMarker(run: string): string {
  return `<!-- afk:end run=${markerWord(run)} -->`;
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
  return [...parts.filter((part) => part !== ""), endMarker(ledger.run)].join("\n\n");
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
  return `**Stopped**, because ${cancelled[reason]}.${landed}`;
}

/** What happened, after "AFK hands this over:". Each is a whole sentence. */
const happened = {
  "gate-refused": ({ turn }) =>
    `AFK's own checks refused the work: ${turn?.outcome?.kind === "refused" ? refusals[turn.outcome.gate] : "it may not land as it is"}.`,
  "base-red": ({ base }) => `The tests of ${codeSpan(base)} fail without any change, so nothing can be proved on it.`,
  conflict: ({ base }) => `The work conflicts with what has landed on ${codeSpan(base)} meanwhile.`,
  blocked: () => "The agent says that it cannot go on.",
  unchanged: () => "The agent ended without changing anything.",
  unworkable: () => "This repository cannot be worked on as it is.",
  infrastructure: ({ retries }) => `Something around the agent failed${retries > 0 ? `, ${times(retries + 1)}` : ""}.`,
  "timed-out": ({ retries }) => `The agent ran out of time${retries > 0 ? `, ${times(retries + 1)}` : ""}.`,
  "proved-not-landed": () => "The change is made and proved. AFK lands nothing here, so this is the diff.",
  "ci-red": ({ attempts }) =>
    `CI is red${attempts > 1 ? `, and ${attempts - 1} ${attempts === 2 ? "correction" : "corrections"} did not help` : ""}.`,
  "ci-absent": () => "No check has reported on the commit, and no checks is not green.",
  "ci-unknown": () => "The forge does not say what became of the checks.",
  "ci-timeout": () => "The checks did not finish in time.",
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

const again = ({ labels }: Place) => `set ${codeSpan(labels.ready)} again`;

/** What a human can do about it, after "What it needs from you:". */
const needs = {
  "gate-refused": (_ledger, place) => `finish the work by hand, or say in the issue what to do differently and ${again(place)}.`,
  "base-red": ({ base }, place) => `make ${codeSpan(base)} pass its own tests, then ${again(place)}.`,
  conflict: (_ledger, place) => `merge the kept work by hand, or ${again(place)} to have it done anew.`,
  blocked: (_ledger, place) => `answer it in the issue's text, then ${again(place)}.`,
  unchanged: (_ledger, place) => `say in the issue what is missing, then ${again(place)}; or close it, if nothing is.`,
  unworkable: (_ledger, place) => `mend that, then ${again(place)}.`,
  infrastructure: (_ledger, place) => `have the operator look at AFK's log, then ${again(place)}.`,
  "timed-out": (_ledger, place) => `split the issue, or allow more time (\`turn_timeout_seconds\`), then ${again(place)}.`,
  "proved-not-landed": () =>
    "apply the diff if you like it. What AFK lands by itself is set by `landing` in `.github/afk.yml` and by `AFK_LANDING`.",
  "ci-red": (_ledger, place) => `fix it forward or revert it by hand; ${again(place)} for a fresh run.`,
  "ci-absent": () => "look whether CI runs on this branch. A repository without CI says `ci: none` in `.github/afk.yml`.",
  "ci-unknown": () => "give AFK's installation read access to checks and commit statuses, and look at the commit yourself.",
  "ci-timeout": () => "look at the checks that are still missing; `ci.timeout_minutes` allows more time.",
  "bad-repo-config": (_ledger, place) => `correct the file on the base branch, then ${again(place)}.`,
} as const satisfies Record<HandOverReason, (ledger: Ledger, place: Place) => string>;

function sayHandedOver(ledger: Ledger, reason: HandOverReason, detail: string, place: Place): string {
  const freeze =
    ledger.landed === undefined
      ? ""
      : `\n\n${commitLink(ledger.landed.sha, place)} stays on ${codeSpan(ledger.landed.branch)} as it is: nothing is reverted.`;
  const said = detail.trim() === "" ? "" : `\n\n${quote(detail)}`;
  return `${mention(ledger)} **AFK hands this over.** ${happened[reason](ledger)}${said}${freeze}`;
}

/** Part of a hand-over's detail where another turn would have come next, were it part of this version. */
export function sayNotBuilt(turn: TurnKind): string {
  return nextTurns[turn];
}

const nextTurns = {
  implement: "Another try is not part of this version.",
  nudge: "Having the agent correct its work is not part of this version.",
  "fix-forward": "Having the agent fix this forward is not part of this version.",
  resolve: "Having the agent resolve the conflict is not part of this version.",
  revise: "Having the agent answer a review is not part of this version.",
} as const satisfies Record<TurnKind, string>;

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

function times(count: number): string {
  return count === 2 ? "twice" : `${count} times`;
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
      return `Waiting, blocked by ${waiting.by.slice(0, 20).map(reference).join(", ")}.`;
    case "no-slot":
      return "Waiting for a free agent.";
    case "refused":
      return `**Not started.** ${approvalRefused[waiting.why](waiting.by === undefined ? "somebody" : codeSpan(waiting.by), codeSpan(labels.ready))}`;
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
function sayObstacle(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case "archived":
      return "The repository is archived.";
    case "may-not-push":
      return "AFK's installation may not push here: give it write access to contents.";
    case "may-not-write-issues":
      return "AFK's installation may not write issues here: give it write access to issues.";
    case "base-missing":
      return `There is no branch ${codeSpan(obstacle.branch)}.`;
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

function reference(text: string): string {
  return /^(?:[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+)?#\d+$/.test(text) ? text : codeSpan(text);
}

/** What AFK answers to a `/afk` command when there is something to say. */
export type Answer =
  | { readonly kind: "help" }
  | { readonly kind: "unknown"; readonly word: string }
  | { readonly kind: "not-allowed"; readonly by: string }
  | { readonly kind: "nothing-to-do"; readonly command: string; readonly why: string }
  | { readonly kind: "said"; readonly text: string };

export function renderAnswer(answer: Answer): string {
  switch (answer.kind) {
    case "help":
      return `What AFK understands, from people with write access:\n\n${listCommands()}`;
    case "unknown":
      return `AFK does not know ${codeSpan(answer.word)}. It understands:\n\n${listCommands()}`;
    case "not-allowed":
      return `${codeSpan(answer.by)} has no write access here, so AFK leaves that command alone.`;
    case "nothing-to-do":
      return `There is nothing to ${codeSpan(answer.command)}: ${plain(answer.why)}`;
    case "said":
      return plain(answer.text, 2_000);
    default:
      return answer satisfies never;
  }
}

function listCommands(): string {
  return Object.values(commandHelp)
    .map(({ usage, does }) => `- ${codeSpan(usage)}: ${does}`)
    .join("\n");
}
