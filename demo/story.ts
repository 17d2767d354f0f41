import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Phase } from "../src/core/run.ts";
import { findAgent, locateFiles } from "./check-machine.ts";
import { ciCommandOf } from "./ci-command.ts";
import { startEmbeddedForge, type EmbeddedForge } from "./front/embedded-forge.ts";
import { UsageError, type DemoOptions } from "./options.ts";
import { startAfk, type AfkProcess, type LogLine } from "./start-afk.ts";
import type { DemoEvent, Outcome, Teller } from "./tell.ts";
import { findToolchains } from "./toolchains.ts";
import { showsEnd, watchIssue } from "./watch-issue.ts";

const sample = fileURLToPath(new URL("./sample", import.meta.url));
const person = "ann";
const label = "ready-for-agent";

/** The sample takes seconds; somebody's own work as long as a turn and its proofs may. */
const sampleTimeoutMs = 5 * 60_000;
const ownTimeoutMs = 3 * 60 * 60_000;

/** What the story is about. */
interface Plot {
  readonly slug: string;
  readonly files: Readonly<Record<string, string>> | { readonly copyOf: string };
  readonly title: string;
  readonly body: string;
  readonly agentCommand: string;
  readonly agentEnv: readonly string[];
  readonly readable: readonly string[];
  readonly timeoutMs: number;
}

/** Plays the story and answers how it ended. With `keep` everything stays up until `untilStopped` resolves. */
export async function playStory(options: DemoOptions, tell: Teller, untilStopped: Promise<unknown>): Promise<Outcome> {
  const plot = options.own === undefined ? samplePlot(options) : ownPlot(options, options.own);
  const home = mkdtempSync(join(tmpdir(), "afk-demo-"));
  const [owner = "", name = ""] = plot.slug.split("/");
  const forge = await startEmbeddedForge({
    users: [{ login: owner }, { login: person, permission: "write" }],
    repos: [{ owner, name, files: plot.files }],
    ci: "tests",
    ciCommand: ciCommandOf,
    ciTimeoutMs: plot.timeoutMs,
  });
  const stage = createStage(tell, forge, plot);
  let afk: AfkProcess | undefined;
  try {
    const { path, readable } = findToolchains();
    const settings = { home, allowlist: [plot.slug], landing: options.landing, onLog: stage.onLog, path };
    const { agentCommand, agentEnv } = plot;
    afk = await startAfk(forge, { ...settings, agentCommand, agentEnv, readable: [...readable, ...plot.readable] });
    const outcome = await stage.play(afk, untilStopped);
    if (options.keep) {
      stage.say({ event: "kept", forge: forge.url, afk: afk.url, home });
      await untilStopped;
    }
    return outcome;
  } finally {
    await afk?.stop();
    await forge.close();
    rmSync(home, { recursive: true, force: true });
  }
}

function samplePlot(options: DemoOptions): Plot {
  const agent = join(sample, "agent.mjs");
  const named = options.agentCommand === undefined ? undefined : locateFiles(options.agentCommand);
  return {
    slug: "acme/readable-time",
    files: readFiles(join(sample, "repo")),
    title: "formatDuration should say minutes",
    body: readFileSync(join(sample, "issue.md"), "utf8"),
    agentCommand: named?.command ?? `"${process.execPath}" "${agent}"`,
    agentEnv: [],
    readable: named?.files ?? [agent],
    timeoutMs: sampleTimeoutMs,
  };
}

function ownPlot(options: DemoOptions, own: NonNullable<DemoOptions["own"]>): Plot {
  if (!isGitRepo(own.repo)) throw new UsageError(`--repo: ${own.repo} is no git repository with a commit`);
  const agent = findAgent(options.agentCommand);
  const { command, files } = locateFiles(agent.command);
  const name =
    basename(own.repo)
      .replace(/[^A-Za-z0-9_.-]/g, "-")
      .replace(/^[-.]+|(?:\.git)+$/g, "") || "repo";
  return {
    slug: `acme/${name}`,
    files: { copyOf: own.repo },
    title: own.title,
    body: own.body,
    agentCommand: command,
    agentEnv: agent.env,
    readable: files,
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

/** Texts of the checklist, by the phase that follows once they are ticked. */
const phaseAfter: readonly (readonly [text: string, phase: Phase])[] = [
  ["Workspace ready", "tests-red"],
  ["New tests fail without the change", "green"],
  ["All tests pass with the change", "landed"],
  ["Landed", "ci"],
  ["CI is green", "done"],
];

/** Tells what happens on the forge and in AFK's log, and knows when the story is over. */
function createStage(tell: Teller, forge: EmbeddedForge, plot: Plot) {
  const startedAt = performance.now();
  const ticked = new Set<string>();
  let phase: Phase | null = null;
  let issue: number | null = null;
  let landed: string | null = null;
  let sandbox = "bubblewrap";
  /** What AFK says the run came to. */
  let ended: Outcome | undefined;
  let look = (): void => {};

  function say(event: DemoEvent): void {
    tell({ ...event, phase, at: new Date().toISOString(), afterMs: Math.round(performance.now() - startedAt) });
  }

  function onLog(line: LogLine): void {
    if (line["sandbox"] === "none") sandbox = "none: bubblewrap is missing or does not work here";
    if (line.msg === "claim taken" && issue !== null) {
      phase = "workspace";
      say({ event: "claimed", issue, run: String(line["run"]) });
    }
    if (line.msg === "run ended") ended = line["end"] as Outcome;
    if (line.msg === "agent line") say({ event: "agent", line: String(line["line"]) });
  }

  function onChecklist(body: string): void {
    for (const [, text = "", rest = ""] of body.matchAll(/^- \[x\] ([^:\n]+)(.*)$/gm)) {
      const next = phaseAfter.find(([known]) => known === text);
      if (issue === null || next === undefined || ticked.has(text)) continue;
      ticked.add(text);
      say({ event: "phase", issue, text: `${text}${rest}` });
      phase = next[1];
    }
  }

  forge.onEvent((event) => {
    if (event.kind === "push" && event.ref === "refs/heads/main" && issue !== null) {
      landed = event.after;
      say({ event: "landed", issue, sha: event.after, branch: "main" });
    }
    if (event.kind === "ci") say({ event: "ci", sha: event.sha, conclusion: event.conclusion });
    if (event.kind === "api" && event.write) look();
  });

  async function openIssue(): Promise<number> {
    const opened = (await forge.api(person, "POST", `/repos/${plot.slug}/issues`, { title: plot.title, body: plot.body })) as {
      number: number;
      html_url: string;
    };
    issue = opened.number;
    say({ event: "issue", issue, title: plot.title, url: opened.html_url });
    say({ event: "released", issue, label, by: person });
    await forge.api(person, "POST", `/repos/${plot.slug}/issues/${issue}/labels`, { labels: [label] });
    return issue;
  }

  async function watch(number: number, stopped: AbortSignal): Promise<Outcome> {
    const lookAt = watchIssue(forge, person, plot.slug, number);
    stopped.addEventListener("abort", () => look(), { once: true });
    while (!stopped.aborted) {
      const changed = new Promise<void>((resolve) => (look = resolve));
      const state = await lookAt();
      for (const { url, change, lines, body } of state.changes) {
        onChecklist(body);
        say({ event: "comment", issue: number, url, change, lines });
      }
      if (ended !== undefined && showsEnd(state, ended)) return ended;
      await changed;
    }
    return "failed";
  }

  return {
    say,
    onLog,
    async play(afk: AfkProcess, untilStopped: Promise<unknown>): Promise<Outcome> {
      say({ event: "ready", forge: forge.url, afk: afk.url, sandbox });
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort("the story takes too long"), plot.timeoutMs);
      void untilStopped.then(() => stop.abort("stopped by hand"));
      afk.child.once("exit", () => stop.abort("AFK ended"));
      const outcome = await watch(await openIssue(), stop.signal);
      clearTimeout(timer);
      if (landed !== null) say({ event: "diff", sha: landed, text: showCommit(forge, plot.slug, landed) });
      const reason = outcome === "failed" ? { reason: String(stop.signal.reason) } : {};
      if (outcome === "closed") phase = "done";
      say({ event: "end", outcome, issue, landed, ...reason });
      return outcome;
    },
  };
}

function showCommit(forge: EmbeddedForge, slug: string, sha: string): string {
  return execFileSync("git", ["-C", forge.gitDir(slug), "show", "--stat", "--patch", "--format=%an%n%n%B", sha], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
}

/** Whether the story ended as it was to end: closed, or with `landing: none` handed over with the diff. */
export function isAsTold(options: DemoOptions, outcome: Outcome): boolean {
  return outcome === (options.landing === "none" ? "handed-over" : "closed");
}
