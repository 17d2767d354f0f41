import { fetchObject, pushRefs, readRemoteRefs, rehearsePush, type PushAnswer, type RefMove } from "../git/refs.ts";
import { isDescendant, openStore, readBlob, writeCommit } from "../git/store.ts";
import { repoKey, slugOf } from "../core/run.ts";
import type { Landing, Lock, Remote } from "../ports.ts";
import { createLock, type LockOptions } from "./lock.ts";
import type { LockCells, SwapAnswer } from "./lock-cells.ts";
import { lockFileNames, parseLockRecord, renderLockRecord, type LockRecord } from "./lock-record.ts";

export interface GitLockOptions extends LockOptions {
  /** AFK_HOME: the commits of the lock are made in the repo's bare store there. */
  readonly home: string;
  /** Default `refs/afk`; the lock is `<refPrefix>/lock`. */
  readonly refPrefix?: string;
}

/** A run's three files stay far below this: the forge bounds an issue's text (65,536 characters), `renderLedger` the ledger. */
const maxFileBytes = 4 * 1024 * 1024;
/** The lock may move between looking at the ref and fetching it. Each move takes its mover a push, so a few looks catch up. */
const maxLooks = 5;

const identity = { name: "AFK", email: "afk@localhost" };

/**
 * The lock on a git server: the ref `<refPrefix>/lock`, moved only by compare-and-swap, each time to a new orphan commit. The server's
 * receive-pack decides who wins; labels, comments and clocks cannot promise that.
 */
export function createGitLock(options: GitLockOptions): Lock {
  return createLock(options, createGitCells(options));
}

function createGitCells({ home, clock, refPrefix = "refs/afk" }: GitLockOptions): LockCells {
  const lockRef = `${refPrefix}/lock`;
  /** What a sha stands for never changes, so the last one a repo was seen with need not be read again. */
  const lastSeen = new Map<string, { readonly sha: string; readonly record: LockRecord | "unreadable" }>();

  async function read(remote: Remote) {
    const store = await openStore(home, remote.repo);
    for (let looks = 0; looks < maxLooks; looks += 1) {
      const sha = (await readRemoteRefs(store, remote, [lockRef])).get(lockRef);
      if (sha === undefined) return undefined;
      const last = lastSeen.get(repoKey(remote.repo));
      if (last?.sha === sha) return last;
      if (!(await fetchObject(store, remote, lockRef, sha))) continue;
      const found = { sha, record: (await readRecord(store, sha)) ?? ("unreadable" as const) };
      lastSeen.set(repoKey(remote.repo), found);
      return found;
    }
    throw new Error(`the lock of ${slugOf(remote.repo)} moved faster than it could be read`);
  }

  async function prepare(remote: Remote, record: LockRecord, landing?: Landing): Promise<string> {
    const { issue, run, epoch } = record.ledger;
    const sha = await writeCommit(landing?.store ?? (await openStore(home, remote.repo)), {
      tree: renderLockRecord(record),
      parents: [],
      message: `AFK lock: ${slugOf(remote.repo)}#${issue}, run ${run}, epoch ${epoch}\n\n${record.nonce}\n`,
      identity,
      date: clock.now(),
    });
    lastSeen.set(repoKey(remote.repo), { sha, record });
    return sha;
  }

  async function swap(
    remote: Remote,
    { from, to }: { from: string | undefined; to: string | undefined },
    landing?: Landing,
  ): Promise<SwapAnswer> {
    const lockMove: RefMove = { ref: lockRef, from, to };
    if (landing === undefined) return toSwapAnswer(lockMove, await pushRefs(await openStore(home, remote.repo), remote, [lockMove]));
    // The lease would let a commit through that throws the branch's history away.
    const isOnTop = await isDescendant(landing.store, landing.commit, landing.expected);
    if (!isOnTop) throw new Error(`${landing.commit} does not descend from ${landing.expected}`);
    const branchMove: RefMove = { ref: `refs/heads/${landing.branch}`, from: landing.expected, to: landing.commit };
    return toSwapAnswer(lockMove, await pushRefs(landing.store, remote, [lockMove, branchMove]));
  }

  async function probe(remote: Remote): Promise<string | undefined> {
    const store = await openStore(home, remote.repo);
    const commit = await writeCommit(store, { tree: {}, parents: [], message: "AFK probe\n", identity, date: 0 });
    const reason = await rehearsePush(store, remote, [{ ref: `${refPrefix}/probe`, from: undefined, to: commit }]);
    return reason === undefined ? undefined : `AFK cannot push to ${slugOf(remote.repo)}: ${reason}`;
  }

  return { read, prepare, swap, probe };
}

function toSwapAnswer(lock: RefMove, answer: PushAnswer): SwapAnswer {
  if (answer.kind !== "stale") return answer;
  const now = answer.now.get(lock.ref);
  return now === lock.from ? { kind: "base-moved" } : { kind: "lock-moved", lock: now };
}

async function readRecord(store: string, sha: string): Promise<LockRecord | undefined> {
  const texts = await Promise.all(lockFileNames.map(async (name) => [name, await readBlob(store, sha, name, maxFileBytes)] as const));
  return parseLockRecord(Object.fromEntries(texts.filter(([, text]) => text !== undefined)));
}
