import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Act } from "./acts.ts";
import { findAgent, locateFiles } from "./check-machine.ts";
import { ciCommandOf } from "./ci-command.ts";
import type { Ending } from "./ending.ts";
import type { EmbeddedForgeOptions } from "./front/embedded-forge.ts";
import { UsageError, type DemoOptions, type OwnWork } from "./options.ts";
import { stories, type Story, type StoryName } from "./stories/stories.ts";

/** The sample takes seconds; somebody's own work as long as a turn and its proofs may. */
const sampleTimeoutMs = 5 * 60_000;
const storyTimeoutMs = 2 * 60_000;
const ownTimeoutMs = 3 * 60 * 60_000;

const sample = fileURLToPath(new URL("./sample", import.meta.url));
const told = fileURLToPath(new URL("./stories", import.meta.url));

/** What is played. */
export interface Plot {
  /** Whoever releases the issue. */
  readonly person: string;
  readonly slug: string;
  readonly files: Readonly<Record<string, string>> | { readonly copyOf: string };
  readonly title: string;
  readonly body: string;
  readonly agentCommand: string;
  readonly agentEnv: readonly string[];
  readonly readable: readonly string[];
  readonly landing: DemoOptions["landing"];
  readonly forge: Pick<EmbeddedForgeOptions, "ciCommand" | "ciVerdict" | "appPermissions">;
  /** Further variables of AFK's environment. */
  readonly settings: Readonly<Record<string, string>>;
  readonly story: { readonly name: StoryName; readonly about: string } | undefined;
  readonly acts: readonly Act[];
  readonly ending: Ending;
  readonly timeoutMs: number;
}

/** Throws `UsageError` or `MissingError` when it cannot be played. */
export function plotOf(options: DemoOptions): Plot {
  const { landing } = options;
  const usual = {
    person: "ann",
    landing,
    forge: { ciCommand: ciCommandOf },
    settings: {},
    story: undefined,
    acts: [],
    ending: { outcome: landing === "none" ? "handed-over" : "closed" },
  } as const;
  if (options.own !== undefined) return { ...usual, ...ownWork(options.own, options.agentCommand) };
  const agent = options.agentCommand === undefined ? scripted(sample, "agent.mjs") : named(options.agentCommand);
  const plot: Plot = { ...usual, ...sampleIssue(), ...agent, timeoutMs: sampleTimeoutMs };
  return options.story === undefined ? plot : withStory(plot, options.story, stories[options.story]);
}

function withStory(plot: Plot, name: StoryName, { about, agent, repo, forge, settings, acts, ending }: Story): Plot {
  return {
    ...plot,
    ...(agent === undefined ? {} : scripted(join(told, "agents"), agent)),
    files: { ...plot.files, ...(repo === undefined ? {} : readFiles(join(told, repo))) },
    forge: { ...plot.forge, ...forge },
    settings: settings ?? {},
    story: { name, about },
    acts: acts ?? [],
    ending,
    timeoutMs: storyTimeoutMs,
  };
}

function sampleIssue(): Pick<Plot, "slug" | "files" | "title" | "body"> {
  return {
    slug: "acme/readable-time",
    files: readFiles(join(sample, "repo")),
    title: "formatDuration should say minutes",
    body: readFileSync(join(sample, "issue.md"), "utf8"),
  };
}

type PlayedBy = Pick<Plot, "agentCommand" | "agentEnv" | "readable">;

/** The scripts import from each other, so the sandbox shows the folders. */
function scripted(folder: string, script: string): PlayedBy {
  return { agentCommand: `"${process.execPath}" "${join(folder, script)}"`, agentEnv: [], readable: [sample, told] };
}

function named(command: string): PlayedBy {
  const located = locateFiles(command);
  return { agentCommand: located.command, agentEnv: [], readable: located.files };
}

type OwnPlot = Pick<Plot, "slug" | "files" | "title" | "body" | "timeoutMs"> & PlayedBy;

function ownWork({ repo, title, body }: OwnWork, agentCommand: string | undefined): OwnPlot {
  if (!isGitRepo(repo)) throw new UsageError(`--repo: ${repo} is no git repository with a commit`);
  const agent = findAgent(agentCommand);
  const name =
    basename(repo)
      .replace(/[^A-Za-z0-9_.-]/g, "-")
      .replace(/^[-.]+|(?:\.git)+$/g, "") || "repo";
  return {
    slug: `acme/${name}`,
    files: { copyOf: repo },
    title,
    body,
    ...named(agent.command),
    agentEnv: agent.env,
    timeoutMs: ownTimeoutMs,
  };
}

function isGitRepo(path: string): boolean {
  if (!existsSync(path) || !statSync(path).isDirectory()) return false;
  try {
    execFileSync("git", ["-C", path, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"], { stdio: "ignore" });
    return true;
  } catch {
    return false; // git's answer to "is there a commit here".
  }
}

function readFiles(root: string): Record<string, string> {
  const paths = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    paths.map((entry) => join(entry.parentPath, entry.name)).map((path) => [path.slice(root.length + 1), readFileSync(path, "utf8")]),
  );
}
