import { readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { parseArgs } from "node:util";
import { isStoryName, stories, storyNames, type StoryName } from "./stories/stories.ts";

/** What the demo plays with: the sample, or a person's own repository and issue. */
export interface DemoOptions {
  readonly json: boolean;
  readonly keep: boolean;
  /** `undefined`: the main path. */
  readonly story: StoryName | undefined;
  readonly own: OwnWork | undefined;
  /** `undefined`: the sample's scripted agent, or for own work one that is found on this machine. */
  readonly agentCommand: string | undefined;
  readonly landing: "push" | "none";
}

export interface OwnWork {
  /** A local git repository; it is copied, never touched. */
  readonly repo: string;
  readonly title: string;
  readonly body: string;
}

/** Wrong usage, in words that say what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const usage = `Usage: npm run demo -- [options]

Plays AFK's main path on an embedded forge: an issue is labelled, claimed, implemented, proved, landed, checked and closed.

  --story NAME           play another way for a run to go, see below
  --repo PATH            use a copy of your own local repository (the original is never touched), with
    --title TEXT           the issue's title, and
    --body-file FILE       the issue's text
  --agent-command TEXT   the agent: it works in its current folder, reads the prompt on standard input, and commits
  --landing push|none    land the work (default), or prove it and show the diff only
  --keep                 leave forge and AFK running at the end, with their addresses
  --json                 one JSON event a line (with npm: npm run --silent demo -- --json)
  --help

Stories:

${storyNames.map((name) => `  ${name.padEnd(13)}${stories[name].about}`).join("\n")}

Exit codes: 0 the story ended as told, 1 it did not, 2 wrong usage, 3 something is missing on this machine.
`;

/** Reads the command line. `undefined`: help was asked for. Throws `UsageError`. */
export function readOptions(args: readonly string[]): DemoOptions | undefined {
  const { values, help } = parse(args);
  if (help) return undefined;
  const landing = values.landing ?? "push";
  if (landing !== "push" && landing !== "none") throw new UsageError(`--landing is push or none, not ${JSON.stringify(landing)}`);
  if (values["agent-command"]?.trim() === "") throw new UsageError("--agent-command is empty");
  return {
    json: values.json ?? false,
    keep: values.keep ?? false,
    story: readStory(values),
    own: readOwnWork(values),
    agentCommand: values["agent-command"],
    landing,
  };
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        story: { type: "string" },
        repo: { type: "string" },
        title: { type: "string" },
        "body-file": { type: "string" },
        "agent-command": { type: "string" },
        landing: { type: "string" },
        keep: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    return { values, help: values.help === true };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** A story is told with its own repository, agent and settings. */
function readStory({ story, ...values }: Readonly<Partial<Record<string, string | boolean>>>): StoryName | undefined {
  if (typeof story !== "string") return undefined;
  if (!isStoryName(story)) throw new UsageError(`--story is one of ${storyNames.join(", ")}, not ${JSON.stringify(story)}`);
  const foreign = ["repo", "title", "body-file", "agent-command", "landing"].filter((name) => values[name] !== undefined);
  if (foreign.length > 0)
    throw new UsageError(`--story has its own repository, issue, agent and landing: leave out --${foreign.join(", --")}`);
  return story;
}

function readOwnWork(values: { readonly repo?: string; readonly title?: string; readonly "body-file"?: string }): OwnWork | undefined {
  const { repo, title, "body-file": bodyFile } = values;
  if (repo === undefined) {
    if (title !== undefined || bodyFile !== undefined) throw new UsageError("--title and --body-file go with --repo");
    return undefined;
  }
  if (title === undefined || title.trim() === "") throw new UsageError("--repo needs --title: the issue's title");
  if (bodyFile === undefined) throw new UsageError("--repo needs --body-file: a file with the issue's text");
  return { repo: fromHere(repo), title, body: readText(fromHere(bodyFile)) };
}

/** npm runs scripts in the package's folder; people name paths from where they are. */
function fromHere(path: string): string {
  return isAbsolute(path) ? path : resolve(process.env["INIT_CWD"] ?? process.cwd(), path);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`--body-file: ${path} cannot be read`, { cause: error });
  }
}
