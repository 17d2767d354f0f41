import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commitFiles, gitText } from "../../demo/front/bare-repo.ts";
import type { Repo } from "../../src/core/run.ts";
import { createGitLock } from "../../src/forge/lock-git.ts";
import { git } from "../../src/git/run-git.ts";
import { openStore, writeCommit } from "../../src/git/store.ts";
import type { Lock, Log } from "../../src/ports.ts";
import { leaseMs, type LockWorld } from "../contracts/lock.ts";
import { startGitServer, type GitServer } from "./git-server.ts";
import { createManualClock } from "./manual-clock.ts";

export const repo: Repo = { owner: "acme", name: "widgets" };
export const lockRef = "refs/afk/lock";

/** The lock contract's world on a real git server; its faults are the server's. */
export interface GitWorld extends LockWorld {
  readonly server: GitServer;
  readonly logged: string[];
}

export async function createGitWorld(): Promise<GitWorld> {
  const server = await startGitServer();
  await server.createRepo(repo);
  const clock = createManualClock();
  const homes = await mkdtemp(join(tmpdir(), "afk-homes-"));
  const remote = server.remote(repo);
  const locks: Lock[] = [];
  const logged: string[] = [];
  const lost: string[] = [];
  const note = (_fields: object, message: string): void => void logged.push(message);
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const readBase = async (): Promise<string> => (await server.readRef(repo, "refs/heads/main")) ?? "";
  const directory = server.directory(repo);

  async function makeCommit() {
    const store = await openStore(join(homes, "landing"), repo);
    await git(["fetch", "--quiet", "--", directory, "+refs/heads/main:refs/heads/main"], { dir: store });
    const expected = await readBase();
    const identity = { name: "AFK", email: "afk@localhost" };
    const tree = { "greet.txt": `bonjour ${randomUUID()}\n` };
    return {
      store,
      branch: "main",
      expected,
      commit: await writeCommit(store, { tree, parents: [expected], message: "Greet", identity, date: clock.now() }),
    };
  }

  return {
    server,
    logged,
    lost,
    clock,
    remote,
    makeCommit,
    readBase,
    startProcess(home) {
      const lock = createGitLock({
        home: join(homes, home),
        homeId: home,
        holderId: randomUUID(),
        clock,
        leaseMs,
        log,
        schedule: clock.schedule,
        onLost: () => void lost.push(home),
      });
      locks.push(lock);
      return lock;
    },
    moveBase: async () =>
      void (await commitFiles(directory, { branch: "main", files: { "other.txt": randomUUID() }, message: "Other", author: "bob" })),
    protectBase: async (message) => void (server.protectedRef = { ref: "refs/heads/main", message }),
    deleteLock: async () => void (await gitText(directory, ["update-ref", "-d", lockRef])),
    spoilLock: async () => void (await gitText(directory, ["update-ref", lockRef, "refs/heads/main"])),
    readLockSha: () => server.readRef(repo, lockRef),
    async close() {
      for (const lock of locks) lock.close();
      await server.close();
      await rm(homes, { recursive: true, force: true });
    },
  };
}
