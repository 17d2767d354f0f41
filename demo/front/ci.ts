import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gitText } from "./bare-repo.ts";
import type { CiConclusion } from "./events.ts";
import type { Forge } from "./forge.ts";
import { objectOf, parseObject } from "./json.ts";
import type { CheckRun, RepoState } from "./model.ts";
import { killGroup } from "./process-group.ts";
import { createRun, updateRun } from "./routes/checks.ts";

/** A commit, checked out. */
export interface CiCheckout {
  readonly directory: string;
  readonly repo: string;
  readonly branch: string;
  readonly sha: string;
  /** The names in its top folder. */
  readonly files: readonly string[];
}

/** One more time that a commit is checked. */
export interface CiAttempt {
  readonly repo: string;
  readonly branch: string;
  readonly sha: string;
  /** From 1. */
  readonly attempt: number;
}

/** A verdict by script, with what the job is said to have printed. */
export interface CiVerdict {
  readonly conclusion: Exclude<CiConclusion, "none">;
  readonly log: string;
}

export interface CiOptions {
  /** What CI runs, as argv, in the checkout; `undefined` makes no check run. Default: `npm test` when package.json has a test script. */
  readonly command?: (checkout: CiCheckout) => readonly string[] | undefined | Promise<readonly string[] | undefined>;
  /** Default: `run`, always. */
  readonly verdict?: (attempt: CiAttempt) => "run" | CiVerdict;
  /** Default 120 s; then the check run ends `timed_out`. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

export interface Ci {
  /** Queues a run; one at a time per repo. `queued`: its check run is there already. */
  run(repo: RepoState, branch: string, sha: string, queued?: CheckRun): void;
  /** Ends when nothing runs any more. */
  settled(): Promise<void>;
}

interface Outcome {
  readonly conclusion: Exclude<CiConclusion, "none">;
  readonly summary: string;
  readonly output: string;
}

const skipTokens = /\[(skip ci|ci skip|no ci|skip actions|actions skip)\]/i;

/** A small CI: runs the tests of what was pushed as a real process and writes check runs as a third-party app. */
export function createCi(forge: Forge, options: CiOptions): Ci {
  const tails = new Map<RepoState, Promise<void>>();
  return {
    run(repo, branch, sha, queued) {
      const tail = tails.get(repo) ?? Promise.resolve();
      tails.set(
        repo,
        tail.then(() => (options.signal.aborted ? undefined : runOnce(forge, options, { repo, branch, sha, queued }))),
      );
    },
    async settled() {
      await Promise.allSettled(tails.values());
    },
  };
}

interface Job {
  readonly repo: RepoState;
  readonly branch: string;
  readonly sha: string;
  readonly queued: CheckRun | undefined;
}

async function runOnce(forge: Forge, options: CiOptions, job: Job): Promise<void> {
  const { repo, branch, sha } = job;
  const started = performance.now();
  const directory = await mkdtemp(join(tmpdir(), "forge-ci-"));
  let conclusion: CiConclusion = "none";
  try {
    const command = await prepare(options, repo, branch, sha, directory);
    if (command !== undefined) {
      const run = begin(forge, job);
      const verdict = options.verdict?.({ repo: repo.fullName, branch, sha, attempt: attemptsOf(repo, run) }) ?? "run";
      const outcome = verdict === "run" ? await runCommand(command, directory, options) : sayVerdict(verdict);
      conclusion = outcome.conclusion;
      const output = { title: command.join(" "), summary: outcome.summary, text: outcome.output.slice(-outputChars) };
      updateRun(forge, repo, run, { conclusion, output, log: jobLog(command, outcome) });
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  forge.events.emit({ kind: "ci", repo: repo.fullName, sha, conclusion, durationMs: Math.round(performance.now() - started) });
}

function begin(forge: Forge, { repo, branch, sha, queued }: Job): CheckRun {
  if (queued === undefined) return createRun(forge, repo, forge.ciApp, sha, { name: "tests", status: "in_progress" }, branch);
  updateRun(forge, repo, queued, { status: "in_progress", started_at: new Date().toISOString() });
  return queued;
}

/** How often the commit has been checked, this time included. */
function attemptsOf({ suites }: RepoState, { app, sha, name }: CheckRun): number {
  const runs = suites.filter((suite) => suite.sha === sha && suite.app.id === app.id).flatMap((suite) => suite.runs);
  return runs.filter((run) => run.name === name).length;
}

function sayVerdict({ conclusion, log }: CiVerdict): Outcome {
  const summary = conclusion === "success" ? "The tests passed." : `The tests failed.\n\n${lastLines(log)}`;
  return { conclusion, summary, output: log };
}

/** In the manner of GitHub Actions: a time before every line, and marks. */
function jobLog(command: readonly string[], { conclusion, output }: Outcome): string {
  const at = new Date().toISOString().replace(/Z$/, "0000Z");
  const end = {
    success: [],
    failure: ["##[error]Process completed with exit code 1."],
    timed_out: ["##[error]The operation was canceled."],
  };
  const lines = [`##[group]Run ${command.join(" ")}`, "##[endgroup]", ...output.trimEnd().split("\n"), ...end[conclusion]];
  return `\uFEFF${lines.map((line) => `${at} ${line}\n`).join("")}`;
}

async function prepare(
  options: CiOptions,
  repo: RepoState,
  branch: string,
  sha: string,
  directory: string,
): Promise<readonly string[] | undefined> {
  if (skipTokens.test(await gitText(repo.gitDir, ["show", "--no-patch", "--format=%B", sha]))) return undefined;
  await gitText(repo.gitDir, ["clone", "--quiet", "--shared", "--no-checkout", "--", repo.gitDir, directory]);
  await gitText(directory, ["checkout", "--quiet", "--detach", sha]);
  const checkout = { directory, repo: repo.fullName, branch, sha, files: await readdir(directory) };
  return (options.command ?? npmTest)(checkout);
}

/** The default command. */
export async function npmTest({ directory, files }: CiCheckout): Promise<readonly string[] | undefined> {
  if (!files.includes("package.json")) return undefined;
  const text = await readFile(join(directory, "package.json"), "utf8");
  return hasTestScript(text) ? ["npm", "test"] : undefined;
}

/** A manifest that does not parse counts: npm says so, and CI is red. */
function hasTestScript(manifest: string): boolean {
  try {
    return objectOf(parseObject(manifest)["scripts"])["test"] !== undefined;
  } catch {
    return true;
  }
}

/** As much of the output as a check run is good for, and as a log is. */
const outputChars = 8_000;
const logChars = 1_000_000;

function runCommand(command: readonly string[], directory: string, { timeoutMs = 120_000, signal }: CiOptions): Promise<Outcome> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: directory,
      // A group of its own, so that whatever the tests start ends with them.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: directory,
        CI: "true",
        LC_ALL: "C.UTF-8",
        npm_config_update_notifier: "false",
        npm_config_fund: "false",
        npm_config_audit: "false",
      },
    });
    let output = "";
    let isLate = false;
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-logChars);
    };
    const end = (): void => killGroup(child.pid);
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    const finish = (outcome: Outcome): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      end();
      resolve(outcome);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    signal.addEventListener("abort", end, { once: true });
    child.once("error", (error) => finish({ conclusion: "failure", summary: `The command did not start: ${error.message}`, output }));
    // What the tests left in the background is ended with them; something that fled the group may still hold the pipes, and is not waited for.
    child.once("exit", () => {
      end();
      setTimeout(() => child.stdout.destroy(), 1_000).unref();
      setTimeout(() => child.stderr.destroy(), 1_000).unref();
    });
    child.once("close", (code, by) => {
      if (isLate) finish({ conclusion: "timed_out", summary: `The tests did not end within ${timeoutMs} ms.`, output });
      else if (code === 0) finish({ conclusion: "success", summary: "The tests passed.", output });
      else
        finish({
          conclusion: "failure",
          summary: `The tests failed (${code === null ? String(by) : `exit ${code}`}).\n\n${lastLines(output)}`,
          output,
        });
    });
  });
}

function lastLines(output: string): string {
  return `\`\`\`\n${output.trim().split("\n").slice(-40).join("\n")}\n\`\`\``;
}
