import { repoKey, type Repo } from "../core/run.ts";
import { tryRemote } from "../git/refs.ts";
import { git, GitError, tryGit } from "../git/run-git.ts";
import { openStore } from "../git/store.ts";
import type { Remote } from "../ports.ts";

/** A bare copy of each repo's branches and tags. Workspaces borrow its objects; nothing is ever written to it but by fetching. */
export interface Mirror {
  /**
   * Brings the mirror up to date and answers its path. Calls in a burst share one fetch, and within the debounce time the last one counts.
   * `fresh` insists on a fetch that begins after the call.
   */
  refresh(remote: Remote, options?: { readonly fresh?: boolean }): Promise<string>;
  /** Ends every fetch. */
  close(): void;
}

/** Faults of old, real histories that hurt nobody; everything else a fetched object may be wrong in is refused. */
const tolerated = ["zeroPaddedFilemode", "missingSpaceBeforeDate", "badTimezone", "badEmail", "missingEmail", "missingNameBeforeEmail"];
const tolerance = Object.fromEntries([
  ["GIT_CONFIG_COUNT", String(tolerated.length)],
  ...tolerated.flatMap((fault, index) => [
    [`GIT_CONFIG_KEY_${index}`, `fetch.fsck.${fault}`],
    [`GIT_CONFIG_VALUE_${index}`, "warn"],
  ]),
]);
const refspecs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

interface Entry {
  fetchedAt: number;
  current: Promise<string> | undefined;
  next: Promise<string> | undefined;
}

/** `nowMs` is a monotonic clock. */
export function createMirror(home: string, debounceMs: number, nowMs: () => number = () => performance.now()): Mirror {
  const entries = new Map<string, Entry>();
  const stop = new AbortController();

  function start(entry: Entry, remote: Remote): Promise<string> {
    entry.current = fetchAll(home, remote, stop.signal).finally(() => (entry.current = undefined));
    return entry.current.then((path) => {
      entry.fetchedAt = nowMs();
      return path;
    });
  }

  /** Everyone who insists while a fetch is under way shares the one after it. */
  function startNext(entry: Entry, remote: Remote): Promise<string> {
    if (entry.current === undefined) return start(entry, remote);
    entry.next ??= entry.current
      // Whoever waits for that fetch hears of its failure; this one is about the next.
      .catch(() => undefined)
      .then(() => {
        entry.next = undefined;
        return start(entry, remote);
      });
    return entry.next;
  }

  return {
    async refresh(remote, options = {}) {
      const entry = entryOf(entries, remote.repo);
      if (options.fresh === true) return startNext(entry, remote);
      if (entry.current !== undefined) return entry.current;
      if (nowMs() - entry.fetchedAt < debounceMs) return openStore(home, remote.repo);
      return start(entry, remote);
    },
    close: () => stop.abort(),
  };
}

function entryOf(entries: Map<string, Entry>, repo: Repo): Entry {
  const key = repoKey(repo);
  const entry = entries.get(key) ?? { fetchedAt: Number.NEGATIVE_INFINITY, current: undefined, next: undefined };
  entries.set(key, entry);
  return entry;
}

async function fetchAll(home: string, remote: Remote, signal: AbortSignal): Promise<string> {
  const dir = await openStore(home, remote.repo);
  const quiet = ["--quiet", "--no-tags", "--no-write-fetch-head"];
  const args = ["fetch", "--prune", ...quiet, "--", remote.url, ...refspecs];
  const { exitCode, stderr } = await tryRemote(remote, args, { dir, signal, env: tolerance });
  if (exitCode !== 0) throw new GitError("fetch", exitCode, stderr);
  return dir;
}

/** The mirror belongs to every turn of the repo, so one that is cancelled stops waiting for it, and the fetch goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    if (signal.aborted) stop();
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The head of a branch in a store; `undefined` when it has no such branch. The name may be hostile: it is only ever compared. */
export async function headOf(dir: string, branch: string): Promise<string | undefined> {
  const { exitCode, stdout } = await tryGit(["show-ref", "--verify", "--hash", "--", `refs/heads/${branch}`], { dir });
  return exitCode === 0 ? stdout.trim() : undefined;
}

/** Whether a store has no branch at all. */
export async function isEmptyRepo(dir: string): Promise<boolean> {
  return (await git(["for-each-ref", "--count=1", "refs/heads/"], { dir })).trim() === "";
}
