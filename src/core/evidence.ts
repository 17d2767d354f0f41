import { clip, clipStart, codeBlock, codeSpan, duration, htmlCode, link, visible } from "./markdown.ts";
import type { CommandRecord, Concluded, Evidence, FileChange, KeptWork, Ledger } from "./run.ts";
import type { Context } from "./verdict.ts";

/** Where links lead: `repoUrl` is `https://github.com/owner/name`. */
interface Where {
  readonly repoUrl: string;
}

/** A commit by its short name, linked. */
export function commitLink(sha: string | undefined, { repoUrl }: Where): string {
  return sha === undefined ? "a commit" : link(sha.slice(0, 7), `${repoUrl}/commit/${urlPart(sha)}`);
}

/** Lone surrogates, which no URL can have, are gone before they are encoded. */
function urlPart(text: string): string {
  return encodeURIComponent(visible(text));
}

/** The checks that matter, one a line with the forge's word. */
export function sayContexts(contexts: readonly Context[]): string {
  return contexts
    .slice(0, 20)
    .map(({ name, word, url }) => `- ${link(name, url)}: ${codeSpan(word.replaceAll("_", " "))}`)
    .join("\n");
}

/** The end of the output that tells most about why the run ended. */
export function sayTail({ turn, evidence }: Ledger): string {
  const outcome = turn?.outcome;
  if (outcome === undefined) return "";
  const record = tellingRecord(outcome, evidence);
  const tail = record?.tail ?? ("tail" in outcome ? outcome.tail : "");
  if (tail.trim() === "") return "";
  const title = record === undefined ? "The last output" : `The last output of ${htmlCode(record.command)} (${sayExit(record)})`;
  return details(title, codeBlock(clipStart(tail, 3_000)));
}

/** The command whose output says why the turn came to this. */
export function tellingRecord(outcome: Concluded, evidence: Evidence): CommandRecord | undefined {
  if (outcome.kind === "base-red") return evidence.base;
  if (outcome.kind !== "refused") return undefined;
  if (outcome.gate === "tests-red") return evidence.red;
  return outcome.gate === "tests-green" ? evidence.green : undefined;
}

function details(summary: string, content: string): string {
  return `<details><summary>${summary}</summary>\n\n${content}\n\n</details>`;
}

/** What AFK proved by itself: commands, exit codes, durations. */
export function sayProofs({ evidence: { red, redExempt, green } }: Pick<Ledger, "evidence">): string {
  const lines: string[] = [];
  if (red !== undefined)
    lines.push(`- Without the change its tests fail: ${sayCommand(red)}${red.how === "did-not-load" ? ", they do not load" : ""}`);
  if (redExempt === true) lines.push("- The change needs no failing test: every path of it is exempt");
  if (green !== undefined)
    lines.push(
      `- With the change ${green.exitCode === 0 ? "all tests pass" : "the tests fail"}: ${sayCommand(green)}${green.flaky ? ", at the second try" : ""}`,
    );
  return lines.join("\n");
}

/** `npm test`, exit 0 in 4.2 s. */
export function sayCommand(record: CommandRecord): string {
  return `${codeSpan(record.command)}, ${sayExit(record)} in ${duration(record.durationMs)}`;
}

function sayExit(record: CommandRecord): string {
  if (record.exitCode !== null) return `exit ${record.exitCode}`;
  return record.endedBy === "time-limit" ? "stopped at the time limit" : "ended by a signal";
}

/** Named one by one; the rest is in the commit. */
const maxFilesNamed = 20;

export function sayFiles(files: readonly FileChange[] = []): string {
  if (files.length === 0) return "";
  const total = (field: "added" | "removed") => files.reduce((sum, file) => sum + file[field], 0);
  const lines = files.slice(0, maxFilesNamed).map(({ path, added, removed }) => `- ${codeSpan(path)} +${added} −${removed}`);
  const rest = files.length > maxFilesNamed ? [`- … and ${files.length - maxFilesNamed} more`] : [];
  const title = `${files.length} ${files.length === 1 ? "file" : "files"} changed, +${total("added")} −${total("removed")}`;
  return details(title, [...lines, ...rest].join("\n"));
}

export function sayPatch(outcome: Concluded | undefined): string {
  return outcome?.kind === "proved" ? details("The diff", codeBlock(clip(outcome.patch, 30_000), "diff")) : "";
}

export function sayKept(ledger: Ledger, where: Where): string {
  const outcome = ledger.turn?.outcome;
  const kept = outcome !== undefined && "kept" in outcome ? outcome.kept : undefined;
  return kept === undefined ? "" : `**The work is kept** ${sayWhere(kept, where)}.`;
}

function sayWhere(kept: KeptWork, { repoUrl }: Where): string {
  if (kept.where === "bundle") return `as a git bundle on AFK's machine: ${codeSpan(kept.path, 500)} (${codeSpan(kept.sha.slice(0, 12))})`;
  const branch = kept.branch.split("/").map(urlPart).join("/");
  return `on the branch ${link(kept.branch, `${repoUrl}/tree/${branch}`)} (${codeSpan(kept.sha.slice(0, 12))})`;
}

function count(number: number, one: string, many: string): string[] {
  return number === 0 ? [] : [`${number} ${number === 1 ? one : many}`];
}

/** Attempts, time and cost. */
export function sayEffort({ attempts, nudges, retries, startedAt, end, spentUsd }: Ledger): string {
  const took = end === undefined ? [] : [duration(Date.parse(end.at) - Date.parse(startedAt))];
  const cost = spentUsd > 0 ? `$${spentUsd.toFixed(2)}` : "cost not reported by the agent";
  const effort = [...count(attempts, "attempt", "attempts"), ...count(nudges, "nudge", "nudges"), ...count(retries, "retry", "retries")];
  return `<sub>${[...effort, ...took, cost].join(" · ")}</sub>`;
}
