import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCues, type Cues, type Deed } from "./acts.ts";
import { findSandbox } from "./check-machine.ts";
import { differences, readEnding } from "./ending.ts";
import { startEmbeddedForge, type EmbeddedForge } from "./front/embedded-forge.ts";
import type { Plot } from "./plot.ts";
import { createStage, type Stage } from "./stage.ts";
import { createAfk, type AfkProcess } from "./start-afk.ts";
import type { Outcome, Teller } from "./tell.ts";
import { findToolchains } from "./toolchains.ts";

/** Everything that a plot is played with. */
interface Company {
  readonly plot: Plot;
  readonly forge: EmbeddedForge;
  readonly stage: Stage;
  readonly afk: AfkProcess;
  readonly cues: Cues;
  /** Ends the play before its end. */
  readonly stop: AbortController;
}

/** Plays a plot, and answers whether it ended as it should. With `keep` everything stays up until `untilStopped` resolves. */
export async function playStory(plot: Plot, keep: boolean, tell: Teller, untilStopped: Promise<unknown>): Promise<boolean> {
  const home = mkdtempSync(join(tmpdir(), "afk-demo-"));
  const company = assemble(plot, await startForge(plot), home, tell);
  const { forge, stage, afk, stop } = company;
  void untilStopped.then(() => stop.abort("stopped by hand"));
  try {
    const isAsTold = await play(company);
    if (keep) {
      stage.say({ event: "kept", forge: forge.url, afk: afk.url(), home });
      await untilStopped;
    }
    return isAsTold;
  } finally {
    await afk.stop();
    await forge.close();
    rmSync(home, { recursive: true, force: true });
  }
}

function startForge({ slug, person, files, forge, timeoutMs }: Plot): Promise<EmbeddedForge> {
  const [owner = "", name = ""] = slug.split("/");
  return startEmbeddedForge({
    users: [{ login: owner }, { login: person, permission: "write" }],
    repos: [{ owner, name, files }],
    ci: "tests",
    ciTimeoutMs: timeoutMs,
    ...forge,
  });
}

function assemble(plot: Plot, forge: EmbeddedForge, home: string, tell: Teller): Company {
  const cues = createCues(plot.acts);
  const stop = new AbortController();
  const stage = createStage(tell, forge, plot, (event) => {
    const deed = cues.take(event);
    if (deed !== undefined) perform(company, deed).catch((error: unknown) => stop.abort(`${deed.kind} failed: ${String(error)}`));
  });
  const { path, readable } = findToolchains();
  const { agentCommand, agentEnv, landing, settings } = plot;
  const afk = createAfk(forge, {
    home,
    path,
    allowlist: [plot.slug],
    readable: [...readable, ...plot.readable],
    agentCommand,
    agentEnv,
    landing,
    settings,
    onLog: stage.onLog,
    onGone: () => stop.abort("AFK ended"),
  });
  const company = { plot, forge, stage, afk, cues, stop };
  return company;
}

async function perform({ stage, afk }: Company, deed: Deed): Promise<void> {
  switch (deed.kind) {
    case "say":
      return stage.comment(deed.by, deed.text);
    case "kill":
      await afk.kill();
      stage.say({ event: "killed" });
      await afk.start();
      return stage.say({ event: "restarted", afk: afk.url() });
    default:
      return deed satisfies never;
  }
}

async function play(company: Company): Promise<boolean> {
  const { plot, forge, stage, afk, stop } = company;
  const { story } = plot;
  if (story !== undefined) stage.say({ event: "story", ...story });
  await afk.start();
  stage.say({ event: "ready", forge: forge.url, afk: afk.url(), sandbox: findSandbox() });
  const timer = setTimeout(() => stop.abort("the story takes too long"), plot.timeoutMs);
  const issue = await stage.openIssue();
  const outcome = await untilOver(company, issue);
  clearTimeout(timer);
  const landed = stage.landed();
  for (const sha of landed) stage.say({ event: "diff", sha, text: showCommit(forge, plot.slug, sha) });
  const differing = differences(plot.ending, await readEnding(forge, plot, issue, outcome));
  const reason = outcome === "failed" ? { reason: String(stop.signal.reason) } : {};
  const checked = story === undefined ? {} : { story: story.name, differences: differing };
  stage.say({ event: "end", outcome, issue, landed: landed.at(-1) ?? null, ...reason, ...checked });
  return differing.length === 0;
}

/** A run that ends may be the cue for what comes next; else it was the last. */
async function untilOver({ stage, cues, stop }: Company, issue: number): Promise<Outcome> {
  for (;;) {
    const outcome = await stage.untilEnd(stop.signal);
    const left = cues.left();
    if (left === 0 || outcome === "failed") return outcome;
    stage.say({ event: "run-ended", issue, outcome });
    if (cues.left() === left) return outcome;
  }
}

function showCommit(forge: EmbeddedForge, slug: string, sha: string): string {
  return execFileSync("git", ["-C", forge.gitDir(slug), "show", "--stat", "--patch", "--format=%an%n%n%B", sha], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
}
