import { clip, codeBlock, codeSpan, link, plain } from "./markdown.ts";
import { commitLink, sayCommand } from "./evidence.ts";
import { markerWord, renderWaiting, type Place, type Waiting } from "./messages.ts";
import type { TurnProgress } from "./observation.ts";
import type { Evidence, Ledger, Phase, Time, TurnKind } from "./run.ts";
import { contextsThat, type Reading } from "./verdict.ts";

/** What AFK is doing about a run right now. */
export type Activity =
  | { readonly kind: "preparing" }
  | { readonly kind: "working"; readonly turn: TurnKind; readonly progress: TurnProgress }
  | { readonly kind: "watching-ci"; readonly reading: Reading }
  | { readonly kind: "rerunning"; readonly reading: Reading }
  | { readonly kind: "backing-off"; readonly until: Time }
  | { readonly kind: "parked"; readonly until: Time }
  | { readonly kind: "waiting-for-slot" }
  | { readonly kind: "ended" };

export type StatusView =
  /** No run: the issue waits, or is refused. */
  | { readonly kind: "waiting"; readonly waiting: Waiting; readonly place: Place }
  | { readonly kind: "run"; readonly ledger: Ledger; readonly activity: Activity; readonly place: Place; readonly sealed: string };

/** The lines of the checklist, in order. They are an interface: people and tools look for them. */
const lines = [
  { phase: "workspace", text: "Workspace ready" },
  { phase: "tests-red", text: "New tests fail without the change" },
  { phase: "green", text: "All tests pass with the change" },
  { phase: "landed", text: "Landed" },
  { phase: "ci", text: "CI is green" },
  { phase: "done", text: "Done" },
] as const satisfies readonly { readonly phase: Phase; readonly text: string }[];

type ListedPhase = (typeof lines)[number]["phase"];

/** Forges refuse comments over 65,536 characters; this leaves room for what they count differently. */
const maxLength = 60_000;

/** The one status comment, edited in place. The same view always gives the same text, so that nothing is edited without need. */
export function renderStatusComment(view: StatusView): string {
  if (view.kind === "waiting") return `${statusMarker(undefined)}\n${renderWaiting(view.waiting, view.place.labels)}`;
  const { ledger, activity, place, sealed } = view;
  const head = [`${statusMarker(ledger.run)}\n### ${sayHeading(ledger)}`, renderChecklist(ledger, activity, place)].join("\n\n");
  const extras = [sayActivity(ledger, activity), sayNotes(evidenceOf(ledger, activity)), sayAgentLines(activity)].filter(
    (part) => part !== "",
  );
  const whole = [head, ...extras, sealed].join("\n\n");
  return whole.length <= maxLength ? whole : [head, sealed].join("\n\n");
}

/** Opens every status comment. Without a run it stands for the issue's waiting. */
export function statusMarker(run: string | undefined): string {
  return `<!-- afk:status run=${run === undefined ? "none" : markerWord(run)} -->`;
}

/** Whose status comment this is: `run` is `undefined` while the issue only waits. `undefined` for any other comment. */
export function parseStatusMarker(body: string): { readonly run: string | undefined } | undefined {
  const run = /^<!-- afk:status run=([A-Za-z0-9_.-]{1,64}) -->/.exec(body)?.[1];
  if (run === undefined) return undefined;
  return { run: run === "none" ? undefined : run };
}

/** Whether a comment of ours is the status comment of a run, or (`undefined`) of an issue that waits. */
export function isStatusCommentOf(body: string, run: string | undefined): boolean {
  return body.startsWith(statusMarker(run));
}

function sayHeading({ end }: Ledger): string {
  if (end?.kind === "closed") return "AFK has done this";
  if (end?.kind === "cancelled") return "AFK has stopped";
  if (end?.kind === "handed-over") return "AFK has handed this over";
  return "AFK is at work";
}

function renderChecklist(ledger: Ledger, activity: Activity, place: Place): string {
  const evidence = evidenceOf(ledger, activity);
  const current = ledger.end === undefined ? currentPhase(ledger, activity) : undefined;
  return lines
    .map(({ phase, text }) => {
      const isDone = done[phase](ledger, evidence, activity);
      const said = isDone ? proofs[phase](ledger, evidence, place) : "";
      const mark = phase === current && !isDone ? " ← now" : "";
      return `- [${isDone ? "x" : " "}] ${text}${said === "" ? "" : `: ${said}`}${mark}`;
    })
    .join("\n");
}

/** A running turn knows more than the ledger, which learns when the turn ends. */
function evidenceOf(ledger: Ledger, activity: Activity): Evidence {
  return activity.kind === "working" ? activity.progress.evidence : ledger.evidence;
}

function currentPhase(ledger: Ledger, activity: Activity): Phase | undefined {
  if (activity.kind === "working") return activity.progress.phase;
  if (activity.kind === "preparing") return ledger.landed === undefined ? "workspace" : undefined;
  return ledger.landed === undefined ? undefined : "ci";
}

type Done = (ledger: Ledger, evidence: Evidence, activity: Activity) => boolean;

/** A line is ticked by evidence, never by how far things should be. */
const done = {
  workspace: (ledger, evidence, activity) =>
    ledger.landed !== undefined ||
    evidence.test !== undefined ||
    evidence.base !== undefined ||
    (activity.kind === "working" && activity.progress.phase !== "workspace"),
  "tests-red": (_ledger, { red, redExempt }) => redExempt === true || (red !== undefined && red.exitCode !== null && red.exitCode !== 0),
  green: (_ledger, { green }) => green?.exitCode === 0,
  landed: ({ landed }) => landed !== undefined,
  ci: ({ end }) => end?.kind === "closed",
  done: ({ end }) => end?.kind === "closed",
} as const satisfies Record<ListedPhase, Done>;

const proofs = {
  workspace: (_ledger, { test }) =>
    test === undefined
      ? ""
      : `tests run by ${codeSpan(test.command)} (${test.source === "config" ? "from `.github/afk.yml`" : "detected"})`,
  "tests-red": (_ledger, { red }) =>
    red === undefined ? "not needed, every path is exempt" : `${sayCommand(red)}${red.how === "did-not-load" ? ", they do not load" : ""}`,
  green: (_ledger, { green }) => (green === undefined ? "" : `${sayCommand(green)}${green.flaky ? ", at the second try" : ""}`),
  landed: ({ landed }, _evidence, place) => (landed === undefined ? "" : `${commitLink(landed.sha, place)} on ${codeSpan(landed.branch)}`),
  ci: ({ checks }) => {
    const links = (checks ?? []).slice(0, 20).map(({ name, url }) => link(name, url));
    return links.length === 0 ? "this repository has none" : links.join(", ");
  },
  done: () => "",
} as const satisfies Record<ListedPhase, (ledger: Ledger, evidence: Evidence, place: Place) => string>;

const turns = {
  implement: "The agent is at work.",
  nudge: "A check refused the work; the agent is correcting it.",
  "fix-forward": "CI was red; the agent is fixing it forward.",
  resolve: "The base has moved; the agent is resolving the conflict.",
  revise: "The agent is doing what the review asks for.",
} as const satisfies Record<TurnKind, string>;

/** What is going on, in one line. */
export function sayActivity(ledger: Ledger, activity: Activity): string {
  switch (activity.kind) {
    case "preparing":
      return "The next turn is about to start.";
    case "working":
      return `${sayTurn(ledger, activity.turn)}${ledger.attempts > 1 ? ` Attempt ${ledger.attempts}.` : ""}`;
    case "watching-ci":
      return sayReading(activity.reading);
    case "rerunning":
      return `${sayReading(activity.reading)}${sayRerun(activity.reading)}`;
    case "parked":
      return `The agent's provider allows no more for now; AFK goes on at ${clock(activity.until)}.`;
    case "backing-off":
      return `Something failed around the agent; the next try is at ${clock(activity.until)}.`;
    case "waiting-for-slot":
      return "Waiting for a free agent.";
    case "ended":
      return "";
    default:
      return activity satisfies never;
  }
}

/** A person may ask for a correction though CI is not red; then there is no report of CI's. */
function sayTurn({ turn }: Ledger, kind: TurnKind): string {
  return kind === "fix-forward" && turn?.report === undefined ? "The agent is making a further change to what has landed." : turns[kind];
}

/** Once the jobs that ran again are green there is nothing to say of them. */
function sayRerun({ verdict }: Reading): string {
  return verdict === "red" || verdict === "pending" ? " The failed jobs run once more, in case it was a flake." : "";
}

function sayReading(reading: Reading): string {
  const name = (state: "pending" | "red" | "inconclusive") =>
    contextsThat(reading, state)
      .slice(0, 10)
      .map((context) => link(context.name, context.url))
      .join(", ");
  switch (reading.verdict) {
    case "green":
      return "All checks are green; waiting a moment for late ones.";
    case "red":
      return `Red: ${name("red")}.`;
    case "pending":
      return reading.inconclusive
        ? `Cancelled: ${name("inconclusive")}. Waiting for a newer commit's checks.`
        : `Waiting for ${name("pending")}.`;
    case "absent":
      return "No check has reported yet.";
    case "unknown":
      return "The forge does not say how the checks are.";
    default:
      return reading.verdict satisfies never;
  }
}

function sayNotes({ notes = [] }: Evidence): string {
  return notes
    .slice(0, 10)
    .map((note) => `- ${plain(note, 300)}`)
    .join("\n");
}

/** The agent's last words are foreign: shown as code, so that nothing in them acts. */
function sayAgentLines(activity: Activity): string {
  if (activity.kind !== "working" || activity.progress.lines.length === 0) return "";
  return codeBlock(
    activity.progress.lines
      .slice(-10)
      .map((line) => clip(line, 300))
      .join("\n"),
  );
}

function clock(time: Time): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? "an unknown time" : `${at.toISOString().slice(11, 16)} UTC`;
}
