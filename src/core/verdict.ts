import type { Time } from "./run.ts";

/** CI's word on one commit. */
export type Verdict = "unknown" | "absent" | "pending" | "green" | "red";

/** One check run, whichever app made it. */
export interface CheckRun {
  readonly id: number;
  readonly app: string;
  readonly name: string;
  /** `undefined` while it has not completed. */
  readonly conclusion: string | undefined;
  readonly startedAt: Time | undefined;
  readonly completedAt: Time | undefined;
  readonly url: string;
}

/** One commit status. */
export interface CommitStatus {
  readonly id: number;
  readonly context: string;
  readonly state: "error" | "failure" | "pending" | "success";
  readonly at: Time;
  readonly url: string;
}

/** Everything the forge says about a commit's checks; `unknown` when it would not say (403, 404). */
export type CommitFacts =
  | { readonly kind: "known"; readonly checks: readonly CheckRun[]; readonly statuses: readonly CommitStatus[] }
  | { readonly kind: "unknown"; readonly why: string };

/** What one check or status contributes. `inconclusive`: it ended without a word on the commit, as a superseded job does. */
export type ContextState = "passed" | "skipped" | "red" | "pending" | "inconclusive";

/** The latest word under one name. `url` is empty for a required context that has not shown up. */
export interface Context {
  readonly name: string;
  readonly state: ContextState;
  /** The forge's own word: `failure`, `timed_out`, `error`, `missing`, … */
  readonly word: string;
  readonly url: string;
  /** When the forge last said something under this name. */
  readonly at?: Time;
  /** The check run behind it, which can be asked why it failed and be re-run; a status has none. */
  readonly check?: number;
}

/** A verdict with what it rests on. */
export interface Reading {
  readonly verdict: Verdict;
  /** Every name once, sorted. */
  readonly contexts: readonly Context[];
  /** Nothing is red or still running, but something was cancelled or went stale: this commit will not turn green by waiting. */
  readonly inconclusive: boolean;
  /** The newest change of any check or status; green counts once this is settled. */
  readonly lastChange: Time | undefined;
  /** Why the verdict is `unknown`. */
  readonly why?: string;
}

/** Conclusions as GitHub documents them. One it adds later is inconclusive: never green, never a reason to change code. */
const stateOfConclusion: Readonly<Record<string, ContextState>> = {
  success: "passed",
  neutral: "passed",
  skipped: "skipped",
  failure: "red",
  timed_out: "red",
  action_required: "red",
  startup_failure: "red",
  cancelled: "inconclusive",
  stale: "inconclusive",
};

const stateOfStatus = { success: "passed", pending: "pending", failure: "red", error: "red" } as const satisfies Record<
  CommitStatus["state"],
  ContextState
>;

/** Folds all check runs (latest per app and name) and statuses (latest per context) into one verdict. The order of the facts does not matter. */
export function foldVerdict(facts: CommitFacts, ci: { readonly required: readonly string[] }): Reading {
  if (facts.kind === "unknown") return { verdict: "unknown", contexts: [], inconclusive: false, lastChange: undefined, why: facts.why };
  const checks = latestBy(facts.checks, (check) => JSON.stringify([check.app, check.name]));
  const statuses = latestBy(facts.statuses, (status) => status.context);
  const present = [...checks.map(contextOfCheck), ...statuses.map(contextOfStatus)];
  const missing = ci.required.filter((name) => !present.some((context) => context.name === name)).map(missingContext);
  const contexts = [...present, ...new Map(missing.map((context) => [context.name, context])).values()].toSorted(byName);
  const has = (state: ContextState) => contexts.some((context) => context.state === state);
  return {
    verdict: judge(present, has),
    contexts,
    inconclusive: has("inconclusive") && !has("red") && !has("pending"),
    lastChange: newest([...checks.flatMap((check) => [check.startedAt, check.completedAt]), ...statuses.map((status) => status.at)]),
  };
}

/** First match wins. Nothing at all is absent, never green. */
function judge(present: readonly Context[], has: (state: ContextState) => boolean): Verdict {
  if (present.every((context) => context.state === "skipped")) return "absent";
  if (has("red")) return "red";
  if (has("pending") || has("inconclusive")) return "pending";
  return "green";
}

/** One commit's facts. */
export interface CommitReading {
  readonly sha: string;
  readonly facts: CommitFacts;
}

/**
 * CI's word on what landed. Concurrency groups cancel the checks of superseded commits, so where the landed commit's own checks ended
 * inconclusive, the first green descendant of it on the same branch counts instead. A red or running commit is judged by itself: a green
 * descendant may just as well be its revert. `sha` names the commit that was counted.
 */
export function judgeLanding(
  landed: CommitReading,
  descendants: readonly CommitReading[],
  ci: { readonly required: readonly string[] },
): Reading & { readonly sha: string } {
  const own = { ...foldVerdict(landed.facts, ci), sha: landed.sha };
  if (!own.inconclusive) return own;
  const readings = descendants.map(({ sha, facts }) => ({ ...foldVerdict(facts, ci), sha }));
  return readings.find((reading) => reading.verdict === "green") ?? own;
}

/** When a green verdict may be believed, in milliseconds since the epoch: jobs that start late must have had time to show up. */
export function settlesAt(reading: Reading, landedAt: Time, settleMs: number): number {
  return Math.max(Date.parse(landedAt), reading.lastChange === undefined ? 0 : Date.parse(reading.lastChange)) + settleMs;
}

/** The contexts of one state, for the sentences that name them. */
export function contextsThat(reading: Reading, state: ContextState): readonly Context[] {
  return reading.contexts.filter((context) => context.state === state);
}

function contextOfCheck(check: CheckRun): Context {
  const { id, name, conclusion, url } = check;
  const at = check.completedAt ?? check.startedAt;
  const rest = { url, check: id, ...(at === undefined ? {} : { at }) };
  if (conclusion === undefined) return { name, state: "pending", word: "running", ...rest };
  const state = Object.hasOwn(stateOfConclusion, conclusion) ? (stateOfConclusion[conclusion] ?? "inconclusive") : "inconclusive";
  return { name, state, word: conclusion, ...rest };
}

function contextOfStatus(status: CommitStatus): Context {
  return { name: status.context, state: stateOfStatus[status.state], word: status.state, url: status.url, at: status.at };
}

function missingContext(name: string): Context {
  return { name, state: "pending", word: "missing", url: "" };
}

/** Forges number check runs and statuses upwards, and a re-run is a new number; an app may put any time on its checks. */
function latestBy<Fact extends { readonly id: number }>(facts: readonly Fact[], nameOf: (fact: Fact) => string): readonly Fact[] {
  const latest = new Map<string, Fact>();
  for (const fact of facts) {
    const name = nameOf(fact);
    const seen = latest.get(name);
    if (seen === undefined || isLater(fact, seen)) latest.set(name, fact);
  }
  return [...latest.values()];
}

/** The same number twice (a list that moved between two pages) is decided by content, so that the order read does not matter. */
function isLater(one: { readonly id: number }, other: { readonly id: number }): boolean {
  if (one.id !== other.id) return one.id > other.id;
  return JSON.stringify(one, sortedKeys(one)) > JSON.stringify(other, sortedKeys(other));
}

function sortedKeys(value: object): string[] {
  return Object.keys(value).toSorted();
}

function byName(one: Context, other: Context): number {
  const [a, b] = [sortKey(one), sortKey(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}

function sortKey({ name, word, url, at, check }: Context): string {
  return [name, word, url, at, check].join("\n");
}

function newest(times: readonly (Time | undefined)[]): Time | undefined {
  const known = times.filter((time) => time !== undefined).filter((time) => !Number.isNaN(Date.parse(time)));
  return known.toSorted((one, other) => Date.parse(other) - Date.parse(one) || (one < other ? -1 : 1))[0];
}
