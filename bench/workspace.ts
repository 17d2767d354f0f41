import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { placeOfRun } from "../src/executor/home.ts";
import { createMirror, headOf } from "../src/executor/mirror.ts";
import { openPackageCache } from "../src/executor/package-cache.ts";
import { checkBubblewrap, createBubblewrap, createNoSandbox } from "../src/executor/sandbox.ts";
import { openWorkspace, type WorkspaceSite } from "../src/executor/workspace.ts";
import type { Remote } from "../src/ports.ts";
import { timed, type Bench, type Stage } from "./bench.ts";
import { largeRepo, makeLargeRepo } from "./large-repo.ts";

const rounds = 3;
const repo = { owner: "acme", name: "large" };

export const benchWorkspace: Bench = {
  name: "workspace",
  about: `a workspace of ${largeRepo.files} files, the mirror being warm`,
  async run(stage) {
    const { mirrorPath, newest, siteOf } = await prepare(stage);
    const floorPath = join(await stage.folder(), "clone");
    const [samples, floor]: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round += 1) {
      const site = siteOf(round);
      const took = await timed(() => openWorkspace(site, newest));
      const floorTook = await timed(() => cloneLocal(mirrorPath, floorPath));
      await rm(site.place.root, { recursive: true });
      await rm(floorPath, { recursive: true });
      // The first round warms up.
      if (round === 0) continue;
      samples.push(took);
      floor.push(floorTook);
    }
    return [{ name: "ready for the agent", unit: "ms", samples, floor: { name: floorName, samples: floor }, aim: { times: 1 } }];
  },
};

export const floorName = "git clone --local of the mirror, with its checkout";

/** As a person would: without the operator's own configuration, which is not part of what is measured. */
export async function cloneLocal(from: string, into: string): Promise<void> {
  const env = { PATH: process.env["PATH"], HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" };
  await promisify(execFile)("git", ["clone", "--quiet", "--local", "--", from, into], { env });
}

async function prepare(stage: Stage) {
  const home = await stage.folder();
  const remote: Remote = {
    repo,
    url: await makeLargeRepo(await stage.folder()),
    credential: async () => ({ username: "nobody", token: "none" }),
  };
  const mirrorPath = await createMirror(home, 0).refresh(remote);
  const newest = await headOf(mirrorPath, "main");
  if (newest === undefined) throw new Error("the mirror has no main");
  const sandboxDeps = { home, read: [], agentArgv: [] };
  const ailment = await checkBubblewrap(sandboxDeps);
  if (ailment !== undefined) stage.say(`without bubblewrap objects are copied, not shared: ${ailment}`);
  const sandbox = ailment === undefined ? createBubblewrap(sandboxDeps) : createNoSandbox(sandboxDeps);
  const siteOf = (round: number): WorkspaceSite => {
    const run = `${round}-bench`;
    return {
      home,
      place: placeOfRun(home, run),
      mirrorPath,
      sandbox,
      cache: openPackageCache(home, repo),
      recipe: { setup: undefined, test: "true", source: "config" },
      commandTimeoutMs: 60_000,
      secrets: () => [],
      signal: new AbortController().signal,
      landed: undefined,
      identity: { name: "AFK", email: "afk@example.com" },
      order: orderOf(run, remote),
    };
  };
  return { mirrorPath, newest, siteOf };
}

function orderOf(run: string, remote: Remote): WorkspaceSite["order"] {
  return {
    id: `${run}-turn`,
    kind: "implement",
    run,
    repo,
    remote,
    issue: { number: 1, title: "Bench", url: "https://forge.test/acme/large/issues/1" },
    approval: { by: "ann", byId: 1, at: "2026-01-01T00:00:00Z", contentHash: "" },
    base: "main",
    prompt: "",
    plan: {
      setup: undefined,
      test: "true",
      tests: undefined,
      exempt: [],
      protectedPaths: [],
      notes: [],
      landing: "push",
      turnTimeoutMs: 60_000,
      commandTimeoutMs: 60_000,
    },
  };
}
