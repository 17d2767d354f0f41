import { createHash } from "node:crypto"; // A pure function of its input, as everything in core.
import { clip, clipStart, visible } from "./markdown.ts";
import type { FailureReport } from "./observation.ts";
import type { Context } from "./verdict.ts";

/** A failed context with what the forge shows of why. */
export interface Failure {
  readonly context: Context;
  /** `undefined` for a commit status, which shows nothing but its link. */
  readonly report: FailureReport | undefined;
}

/** Failures told to the agent; a broken matrix fails fifty times for one reason. */
export const maxFailures = 5;
/** Together they fill what the ledger keeps of a report. */
const maxReport = 8_000;

/** Why CI is red, for the agent: each context with its link and the end of its log. Foreign text: the prompt frames it as data. */
export function reportFailures(failures: readonly Failure[], sha: string): string {
  const told = failures.slice(0, maxFailures);
  const each = Math.floor((maxReport - 1_000) / Math.max(1, told.length));
  const rest = failures.length > told.length ? [`… and ${failures.length - told.length} more.`] : [];
  return clip([`CI is red on ${sha}:`, ...told.map((failure) => reportOne(failure, each)), ...rest].join("\n\n"), maxReport);
}

function reportOne({ context, report }: Failure, max: number): string {
  const head = clip(visible(`${context.name}: ${context.word.replaceAll("_", " ")} (${context.url})`).replace(/\s+/g, " "), 300);
  if (report === undefined || report.text.trim() === "") return `${head}\nThe forge shows no more than that.`;
  return `${head}\n${sources[report.from]}:\n${clipStart(visible(report.text).trim(), Math.max(0, max - head.length - 40))}`;
}

const sources = {
  log: "The end of its log",
  annotations: "What it annotated",
  summary: "Its summary",
  nothing: "Nothing",
} as const satisfies Record<FailureReport["from"], string>;

/**
 * Tells failures apart: the names that failed, and what they said without what differs from run to run (numbers, hashes, times, durations).
 * `undefined` when some of them said nothing: then nobody can know that it is the same again.
 */
export function digestFailures(failures: readonly Failure[]): string | undefined {
  if (failures.length === 0 || failures.some(({ report }) => report === undefined || report.text.trim() === "")) return undefined;
  const lines = failures
    .map(({ context, report }) => [context.name, essenceOf(report?.text ?? "")])
    .toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(lines)).digest("hex");
}

/** In this order: a duration is found by its number. */
function essenceOf(text: string): string {
  return text
    .replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, "#")
    .replace(/\b[0-9a-f]{7,}\b/gi, "#")
    .replace(/\d+(?:[.,:]\d+)*/g, "#")
    .replace(/\s+/g, " ")
    .replace(/(?:# ?(?:[nuµm]?s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b ?)+/gi, "# ")
    .trim();
}
