import { createHash } from "node:crypto";
import { repoKey, type Repo } from "../../src/core/run.ts";
import type { Remote } from "../../src/ports.ts";
import { describeLockContract, leaseMs, type LockWorld } from "../contracts/lock.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { createMemoryLock, createMemoryLockStore } from "../support/memory-lock.ts";

const repo: Repo = { owner: "acme", name: "widgets" };
const remote: Remote = { repo, url: "https://forge.example/acme/widgets.git", credential: async () => ({ username: "x", token: "t" }) };

async function createMemoryWorld(): Promise<LockWorld> {
  const clock = createManualClock();
  const base = `${repoKey(repo)}:main`;
  const lost: string[] = [];
  let commits = 0;
  const makeSha = (): string =>
    createHash("sha1")
      .update(String((commits += 1)))
      .digest("hex");
  const store = createMemoryLockStore();
  store.heads.set(base, makeSha());
  const readBase = async (): Promise<string> => store.heads.get(base) ?? "";
  return {
    clock,
    remote,
    lost,
    startProcess: (home) => createMemoryLock({ store, clock, home, leaseMs, schedule: clock.schedule, onLost: () => void lost.push(home) }),
    makeCommit: async () => ({ store: "", branch: "main", expected: await readBase(), commit: makeSha() }),
    readBase,
    moveBase: async () => void store.heads.set(base, makeSha()),
    protectBase: async (message) => void (store.moveBranch = () => ({ refused: message })),
    deleteLock: async () => void store.locks.delete(repoKey(repo)),
    spoilLock: async () => void store.locks.set(repoKey(repo), { sha: makeSha(), record: "unreadable" }),
    readLockSha: async () => store.locks.get(repoKey(repo))?.sha,
    close: async () => {},
  };
}

describeLockContract("the lock in memory", createMemoryWorld);
