import type { Approval } from "./run.ts";

export interface CommitMessageFacts {
  /** The agent's commit messages, newest first: hostile text. */
  readonly messages: readonly string[];
  readonly issue: { readonly number: number; readonly title: string };
  readonly run: string;
  readonly approval: Pick<Approval, "by" | "byId">;
  /** The forge's host, for the co-author's address. Default `github.com`. */
  readonly host?: string;
}

/** What `git log --oneline` and the forges show without cutting. */
const maxSubject = 72;
const maxBody = 4000;
/** Of a longer history the first commits tell what it is about; more than these does not fit the body. */
const maxMessages = 20;
/** Ordinary messages are clean after two rounds. */
const maxRounds = 10;

/**
 * The message of the one commit AFK lands: the agent's words, cleaned of everything that makes a forge or a CI *do* something, then AFK's trailers. Only AFK closes
 * issues, so closing keywords go; CI must speak, so its skip tokens go; nobody is notified by a commit, so mentions go.
 */
export function commitMessage({ messages, issue, run, approval, host = "github.com" }: CommitMessageFacts): string {
  const cleaned = messages
    .slice(-maxMessages)
    .map(clean)
    .filter((text) => text !== "");
  const first = cleaned.at(-1) ?? "";
  const [line = "", ...rest] = first.split("\n");
  const subject = cut(line.trim() || clean(issue.title).replaceAll("\n", " ") || `Work on #${issue.number}`, maxSubject);
  const others = cleaned.slice(0, -1).toReversed();
  const body = cut([rest.join("\n").trim(), ...others].filter(Boolean).join("\n\n"), maxBody);
  // `Refs` has no colon, so git would not take a paragraph with it for trailers.
  const trailers = [`AFK-Run: ${run}`, `Co-authored-by: ${approval.by} <${approval.byId}+${approval.by}@users.noreply.${host}>`];
  return [subject, body, `Refs #${issue.number}`, trailers.join("\n")].filter(Boolean).join("\n\n") + "\n";
}

const closing =
  /\b(?:close[sd]?|closing|fix(?:e[sd]|ing)?|resolve[sd]?|resolving|implement(?:s|ed|ing)?)\b(?=:?\s*(?:(?:[\w.-]+\/[\w.-]+)?[#!]|gh-)\d|:?\s*https?:\/\/\S+\/(?:issues|pull|pulls)\/\d)/gi;
const ciSkip =
  /\[\s*(?:skip[ -]?ci|ci[ -]?skip|no[ -]?ci|skip[ -]?actions|actions[ -]?skip|skip[ -]?\w+|\w+[ -]skip)\s*\]|\*{3}\s*no_ci\s*\*{3}|^skip-checks:.*$|\bskip-checks\s*:\s*true\b/gim;
/** A trailer is AFK's word about a run or a person's; an agent's own claims about either are dropped. */
const forgedTrailer = /^[^\S\n]*(?:afk-[\w-]*|refs|[\w-]+-by|change-id|reverts?|git-[\w-]+)\s*[:#].*$/gim;

/**
 * What is taken out may join what stood around it to something that must go too, so it is done until nothing changes. A text that is still not clean after
 * many rounds was made to be that way, and nothing of it is used.
 */
function clean(text: string): string {
  let before = text.slice(0, maxBody);
  for (let round = 0; round < maxRounds; round += 1) {
    const after = cleanOnce(before);
    if (after === before) return after;
    before = after;
  }
  return "";
}

function cleanOnce(text: string): string {
  return text
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(/[^\P{C}\n]/gu, "")
    .replaceAll(forgedTrailer, "")
    .replaceAll(ciSkip, "")
    .replaceAll(closing, "see")
    .replaceAll(/@(?=[\p{L}\p{N}_-])/gu, "")
    .replaceAll(/(?<![ \t])[ \t]+$/gm, "")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}

/** Counts UTF-16 units, and never cuts a surrogate pair in two. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${text
    .slice(0, length - 1)
    .replace(/[\uD800-\uDBFF]$/, "")
    .trimEnd()}…`;
}
