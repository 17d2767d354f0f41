import { randomUUID } from "node:crypto";
import type { Ledger } from "../src/core/run.ts";
import { openLedger } from "../src/core/run-steps.ts";
import { createGitLock } from "../src/forge/lock-git.ts";
import { git } from "../src/git/run-git.ts";
import { openStore, writeCommit } from "../src/git/store.ts";
import { startGitServer } from "../test/support/git-server.ts";
import { timed, type Bench, type Figure, type Stage } from "./bench.ts";

const rounds = 12;
const repo = { owner: "acme", name: "locked" };
const identity = { name: "AFK", email: "afk@example.com" };
const content = { title: "A title", body: "A body of some length. ".repeat(50) };
const silent = { debug() {}, info() {}, warn() {}, error() {} };

export const benchLock: Bench = {
  name: "lock",
  about: "the lock's operations, each at least one round trip to a git server on this machine",
  async run(stage) {
    const world = await prepare(stage);
    const samples: Record<keyof typeof sayings, number[]> = { take: [], read: [], save: [], land: [], release: [] };
    const [asked, pushed]: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round += 1) {
      const took = await world.goRound(round);
      const floor = { asked: await timed(() => world.lsRemote()), pushed: await world.push(round) };
      // The first round warms up.
      if (round === 0) continue;
      for (const name of operations) samples[name].push(took[name]);
      asked.push(floor.asked);
      pushed.push(floor.pushed);
    }
    return operations.map((name): Figure => {
      const floor =
        name === "read"
          ? { name: "git ls-remote", samples: asked }
          : { name: "git push of one made commit (for all but read)", samples: pushed };
      return { name: sayings[name], unit: "ms", samples: samples[name], floor };
    });
  },
};

const sayings = {
  take: "take the free lock",
  read: "read it",
  save: "save a changed ledger",
  land: "land: branch and lock in one push",
  release: "release",
} as const;
const operations = ["take", "read", "save", "land", "release"] as const;

async function prepare(stage: Stage) {
  const server = await startGitServer();
  stage.after(() => server.close());
  await server.createRepo(repo);
  const home = await stage.folder();
  const lock = createGitLock({ home, homeId: "bench", holderId: randomUUID(), clock: { now: Date.now }, leaseMs: 900_000, log: silent });
  stage.after(() => lock.close());
  const remote = server.remote(repo);
  const store = await openStore(home, repo);
  const credential = await remote.credential();

  async function commitOnBase(round: number): Promise<{ readonly expected: string; readonly commit: string }> {
    await git(["fetch", "--quiet", "--", remote.url, "+refs/heads/main:refs/heads/main"], { dir: store, credential });
    const expected = (await server.readRef(repo, "refs/heads/main")) ?? "";
    const tree = { "README.md": `Round ${round}, ${randomUUID()}\n` };
    return { expected, commit: await writeCommit(store, { tree, parents: [expected], message: "Land", identity, date: Date.now() }) };
  }

  return {
    lsRemote: () => git(["ls-remote", "--", remote.url, "refs/afk/lock"], { dir: store, credential }),
    async push(round: number): Promise<number> {
      const { commit } = await commitOnBase(round);
      return timed(() => git(["push", "--quiet", "--", remote.url, `${commit}:refs/heads/floor-${round}`], { dir: store, credential }));
    },
    async goRound(round: number) {
      const { expected, commit } = await commitOnBase(round);
      const [taking, take] = await withTime(() => lock.take(remote, ledgerOf(round), content));
      if (taking === undefined) throw new Error("the free lock was not to be had");
      const read = await timed(() => lock.read(remote));
      const save = await timed(() => lock.save(taking, (ledger) => ({ ...ledger, attempts: ledger.attempts + 1 })));
      const [answer, land] = await withTime(() =>
        lock.land(taking, { store, branch: "main", expected, commit, turnId: `${round}-turn`, evidence: {} }),
      );
      if (answer.kind !== "landed") throw new Error(`landing came to ${answer.kind}`);
      const release = await timed(() => lock.release(taking));
      return { take, read, save, land, release };
    },
  };
}

function ledgerOf(round: number): Ledger {
  const at = new Date().toISOString();
  return openLedger({
    repoId: 1,
    issue: round + 1,
    run: `${round}-bench`,
    approval: { by: "ann", byId: 1, at, contentHash: "0".repeat(64) },
    base: "main",
    startedAt: at,
  });
}

async function withTime<T>(act: () => Promise<T>): Promise<readonly [answer: T, ms: number]> {
  const startedAt = performance.now();
  const answer = await act();
  return [answer, performance.now() - startedAt];
}
