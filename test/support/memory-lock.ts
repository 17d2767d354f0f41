import { createHash, randomUUID } from "node:crypto";
import { repoKey, type Repo } from "../../src/core/run.ts";
import { createLock, type LockOptions } from "../../src/forge/lock.ts";
import type { LockCells, SwapAnswer } from "../../src/forge/lock-cells.ts";
import type { LockRecord } from "../../src/forge/lock-record.ts";
import type { Clock, Landing, Lock, Log } from "../../src/ports.ts";

/** The forge's side of the lock, in memory: hand one store to several locks and they are replicas on one forge. */
export interface MemoryLockStore {
  /** By `repoKey`. Tests may look, delete a lock as a person would, or make it unreadable. */
  readonly locks: Map<string, { readonly sha: string; readonly record: LockRecord | "unreadable" }>;
  /** The branch's half of a landing; called when the lock's half holds. Default: `heads` moves when it stands on `expected`. */
  moveBranch(repo: Repo, landing: Landing): "moved" | "base-moved" | { readonly refused: string };
  /** Branch heads by `<repoKey>:<branch>`, for the default `moveBranch`. A branch without an entry stands wherever it is expected. */
  readonly heads: Map<string, string>;
  /** What `probe` answers. */
  ailment: string | undefined;
  /** Called before every exchange with the forge; throw to be unreachable. */
  onExchange(what: "read" | "swap" | "probe"): void;
}

export function createMemoryLockStore(overrides: Partial<MemoryLockStore> = {}): MemoryLockStore {
  const heads = overrides.heads ?? new Map<string, string>();
  function moveBranch(repo: Repo, { branch, expected, commit }: Landing): "moved" | "base-moved" {
    const key = `${repoKey(repo)}:${branch}`;
    if ((heads.get(key) ?? expected) !== expected) return "base-moved";
    heads.set(key, commit);
    return "moved";
  }
  return { locks: new Map(), heads, moveBranch, ailment: undefined, onExchange: () => {}, ...overrides };
}

export interface MemoryLockOptions extends Partial<Omit<LockOptions, "homeId" | "clock">> {
  readonly store: MemoryLockStore;
  readonly clock: Clock;
  /** Two locks with the same home are a process and its successor. */
  readonly home: string;
}

/** The twin of the git lock: the same policy over cells in memory. Without `schedule` nothing is renewed. */
export function createMemoryLock({ store, clock, home, ...rest }: MemoryLockOptions): Lock {
  const defaults = { holderId: randomUUID(), leaseMs: 900_000, log: silent, schedule: () => () => {} };
  return createLock({ ...defaults, ...rest, homeId: home, clock }, createMemoryCells(store));
}

/** The cells of one process: what it prepared and did not swap in is seen by nobody else. */
export function createMemoryCells(store: MemoryLockStore): LockCells {
  const prepared = new Map<string, LockRecord>();

  function swapNow(repo: Repo, from: string | undefined, to: string | undefined, landing: Landing | undefined): SwapAnswer {
    const key = repoKey(repo);
    const lock = store.locks.get(key)?.sha;
    if (lock !== from) return to === undefined && lock === undefined ? { kind: "moved" } : { kind: "lock-moved", lock };
    const branch = landing === undefined ? "moved" : store.moveBranch(repo, landing);
    if (branch === "base-moved") return { kind: "base-moved" };
    if (branch !== "moved") return { kind: "refused", reason: branch.refused };
    const record = to === undefined ? undefined : prepared.get(to);
    if (to === undefined || record === undefined) store.locks.delete(key);
    else store.locks.set(key, { sha: to, record });
    return { kind: "moved" };
  }

  return {
    async read(remote) {
      store.onExchange("read");
      return store.locks.get(repoKey(remote.repo));
    },
    async prepare(_remote, record) {
      const sha = createHash("sha1").update(record.nonce).digest("hex");
      prepared.set(sha, record);
      return sha;
    },
    async swap(remote, { from, to }, landing) {
      store.onExchange("swap");
      return swapNow(remote.repo, from, to, landing);
    },
    async probe() {
      store.onExchange("probe");
      return store.ailment;
    },
  };
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
