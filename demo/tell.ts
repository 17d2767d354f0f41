import type { Phase } from "../src/core/run.ts";
import type { StoryName } from "./stories/stories.ts";

/** What the demo tells, one event at a time. The fields are an interface: `--json` prints them as they are. */
export type DemoEvent =
  | { readonly event: "ready"; readonly forge: string; readonly afk: string; readonly sandbox: string }
  /** Which story it is, and what will be seen. */
  | { readonly event: "story"; readonly name: StoryName; readonly about: string }
  | { readonly event: "issue"; readonly issue: number; readonly title: string; readonly url: string }
  | { readonly event: "released"; readonly issue: number; readonly label: string; readonly by: string }
  | { readonly event: "claimed"; readonly issue: number; readonly run: string }
  | { readonly event: "phase"; readonly issue: number; readonly text: string }
  | { readonly event: "agent"; readonly line: string }
  | {
      readonly event: "comment";
      readonly issue: number;
      readonly url: string;
      readonly change: "created" | "edited";
      readonly lines: readonly string[];
    }
  /** Somebody comments. */
  | { readonly event: "said"; readonly issue: number; readonly by: string; readonly text: string }
  /** AFK's process, by force. */
  | { readonly event: "killed" }
  /** On the same `AFK_HOME`. */
  | { readonly event: "restarted"; readonly afk: string }
  /** A run ended, and the story goes on. */
  | { readonly event: "run-ended"; readonly issue: number; readonly outcome: Outcome }
  | { readonly event: "landed"; readonly issue: number; readonly sha: string; readonly branch: string }
  | { readonly event: "ci"; readonly sha: string; readonly conclusion: string }
  | { readonly event: "diff"; readonly sha: string; readonly text: string }
  | { readonly event: "kept"; readonly forge: string; readonly afk: string; readonly home: string }
  | {
      readonly event: "end";
      readonly outcome: Outcome;
      readonly issue: number | null;
      readonly landed: string | null;
      readonly reason?: string;
      /** Only of a story, with what is not as it should be. */
      readonly story?: StoryName;
      readonly differences?: readonly string[];
    };

/** `failed`: the story did not come to an end of AFK's. */
export type Outcome = "closed" | "handed-over" | "cancelled" | "failed";

export interface Told {
  /** The phase the run is in; `null` before the claim. */
  readonly phase: Phase | null;
  /** ISO 8601. */
  readonly at: string;
  /** Milliseconds since the demo began. */
  readonly afterMs: number;
}

export type Teller = (event: DemoEvent & Told) => void;

/** One JSON object a line. */
export const tellJson: Teller = (event) => void process.stdout.write(`${JSON.stringify(event)}\n`);

/** For people: a line with its time, and what belongs to it below. */
export const tellPeople: Teller = (event) => {
  const [head, ...rest] = say(event);
  const time = `${(event.afterMs / 1000).toFixed(1).padStart(5)} s  `;
  process.stdout.write(`${time}${head}\n${rest.map((line) => `${" ".repeat(time.length)}${line}\n`).join("")}`);
};

function say(event: DemoEvent): readonly string[] {
  switch (event.event) {
    case "ready":
      return [`A forge listens on ${event.forge}, AFK on ${event.afk} (sandbox: ${event.sandbox}).`];
    case "story":
      return [`The story ${event.name}: ${event.about}`];
    case "issue":
      return [`Issue #${event.issue} is opened: ${event.title}`];
    case "released":
      return [`${event.by} labels it ${event.label} and walks away from the keyboard.`];
    case "claimed":
      return [`AFK claims #${event.issue}: run ${event.run}.`];
    case "phase":
      return [`✓ ${event.text}`];
    case "agent":
      return [`agent │ ${event.line}`];
    case "comment":
      return [
        `AFK ${event.change === "created" ? "comments on" : "edits its comment on"} #${event.issue}:`,
        ...event.lines.map((line) => `│ ${line}`),
      ];
    case "said":
      return [`${event.by} comments: ${event.text}`];
    case "killed":
      return ["AFK is killed (SIGKILL)."];
    case "restarted":
      return [`AFK is started again on the same disk, and listens on ${event.afk}.`];
    case "run-ended":
      return [`#${event.issue} ${outcomes[event.outcome]}. The story goes on.`];
    case "landed":
      return [`Landed on ${event.branch}: ${event.sha.slice(0, 12)}`];
    case "ci":
      return [`CI checked ${event.sha.slice(0, 12)}: ${event.conclusion}`];
    case "diff":
      return [
        "What landed:",
        ...event.text
          .trimEnd()
          .split("\n")
          .map((line) => `│ ${line}`),
      ];
    case "kept":
      return [`Still running. Forge: ${event.forge}  AFK: ${event.afk}/health  AFK_HOME: ${event.home}`, "Press Ctrl-C to end."];
    case "end":
      return [sayEnd(event), ...sayStory(event)];
    default:
      return event satisfies never;
  }
}

const outcomes = {
  closed: "is closed",
  "handed-over": "is handed to a human",
  cancelled: "was cancelled",
  failed: "did not come to an end",
} as const satisfies Record<Outcome, string>;

function sayEnd({ outcome, issue, landed, reason }: DemoEvent & { event: "end" }): string {
  const about = issue === null ? "The story" : `#${issue}`;
  return `${about} ${outcomes[outcome]}${landed === null ? "" : `, landed as ${landed.slice(0, 12)}`}${reason === undefined ? "." : `: ${reason}`}`;
}

function sayStory({ story, differences = [] }: DemoEvent & { event: "end" }): readonly string[] {
  if (story === undefined) return [];
  if (differences.length === 0) return [`The story ${story} ended as it should.`];
  return [`The story ${story} did not end as it should:`, ...differences.map((line) => `- ${line}`)];
}
