import PQueue from "p-queue";
import type { Log } from "../ports.ts";
import { repoKey, slugOf, type Repo } from "../core/run.ts";
import type { Timers } from "./timers.ts";

/** Why to look at a repo again. A hint, never the truth. */
export type Why = "issue" | "command" | "ci" | "turn" | "timer" | "sweep" | "switch" | "slot" | "again";

export interface Signal {
  readonly repo: Repo;
  readonly why: Why;
}

/** What a pass asks for next: another pass in so many milliseconds, or none until something happens. */
export interface PassAnswer {
  readonly againInMs?: number;
}

export interface SignalsOptions {
  readonly pass: (repo: Repo, why: Why) => Promise<PassAnswer>;
  readonly timers: Timers;
  readonly log: Log;
  /** CI events come in bursts: the first starts a pass at once, the next one comes this long after it. A 50-job matrix is a few passes, not 50. */
  readonly ciSpacingMs: number;
  /** Passes at the same time, over all repos. */
  readonly concurrency: number;
}

/** The keyed, coalescing queue in front of the loop. */
export interface Signals {
  signal(signal: Signal): void;
  /** Resolves when no pass runs and none is due right now; waiting timers do not count. */
  idle(): Promise<void>;
  /** How many repos wait for a pass that is due. */
  queued(): number;
  /** The repos that back off, as `owner/name`. */
  failing(): readonly string[];
  /** Takes no more signals and resolves when the running passes have ended. */
  close(): Promise<void>;
}

/** A failing repo backs off alone: 1 s, doubling, at most 5 minutes. Only the kill switch does not wait for that. */
const firstBackoffMs = 1_000;
const longestBackoffMs = 300_000;

/** The next pass that somebody wants; never, when it is infinitely far away. */
interface Wish {
  readonly why: Why;
  readonly dueInMs: number;
}

interface Entry {
  readonly repo: Repo;
  isPassing: boolean;
  /** When the last pass began; never, when infinitely long ago. */
  passedAt: number;
  /** Came in while a pass ran: that pass may have read the world before it changed. */
  missed: Why | undefined;
  failures: number;
  /** The pass that is planned, and when; `cancel` is missing once it waits in the queue. */
  planned: { readonly dueAt: number; readonly cancel: (() => void) | undefined } | undefined;
}

/**
 * Signals coalesce per repo, one pass per repo runs at a time, and a signal that arrives during a pass starts one more after it.
 * Memory is bounded by the number of repos signalled, which the handlers' guard bounds by the allowlist.
 */
export function createSignals({ pass, timers, log, ciSpacingMs, concurrency }: SignalsOptions): Signals {
  const entries = new Map<string, Entry>();
  const queue = new PQueue({ concurrency });
  let isClosed = false;

  function entryOf(repo: Repo): Entry {
    const key = repoKey(repo);
    const known = entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry = { repo, isPassing: false, passedAt: Number.NEGATIVE_INFINITY, missed: undefined, failures: 0, planned: undefined };
    entries.set(key, entry);
    return entry;
  }

  /** The earlier plan wins; one that already waits in the queue is the earliest there is. */
  function plan(entry: Entry, why: Why, dueInMs: number): void {
    if (isClosed) return;
    const dueAt = timers.now() + dueInMs;
    if (entry.planned !== undefined && (entry.planned.cancel === undefined || entry.planned.dueAt <= dueAt)) return;
    entry.planned?.cancel?.();
    if (dueInMs <= 0) {
      enqueue(entry, why);
      return;
    }
    entry.planned = { dueAt, cancel: timers.after(dueInMs, () => enqueue(entry, why)) };
  }

  function enqueue(entry: Entry, why: Why): void {
    entry.planned = { dueAt: timers.now(), cancel: undefined };
    void queue.add(async () => {
      // Whoever signalled goes on first: a webhook is answered before its pass begins.
      await new Promise((resolve) => setImmediate(resolve));
      await runPass(entry, why);
    });
  }

  async function runPass(entry: Entry, why: Why): Promise<void> {
    entry.planned = undefined;
    if (isClosed) return;
    entry.isPassing = true;
    entry.passedAt = timers.now();
    const wishes: Wish[] = [await passOnce(entry, why)];
    entry.isPassing = false;
    if (entry.missed !== undefined && (entry.failures === 0 || entry.missed === "switch"))
      wishes.push({ why: entry.missed, dueInMs: delayOf(entry, entry.missed) });
    entry.missed = undefined;
    // One plan, not two: a queue with room starts a pass that is due at once, and the second would run beside it.
    const [next] = wishes.toSorted((one, other) => one.dueInMs - other.dueInMs);
    if (next !== undefined && Number.isFinite(next.dueInMs)) plan(entry, next.why, next.dueInMs);
  }

  async function passOnce(entry: Entry, why: Why): Promise<Wish> {
    try {
      const { againInMs = Number.POSITIVE_INFINITY } = await pass(entry.repo, why);
      entry.failures = 0;
      return { why: againInMs > 0 ? "timer" : "again", dueInMs: againInMs };
    } catch (error) {
      entry.failures += 1;
      const backoffMs = Math.min(firstBackoffMs * 2 ** (entry.failures - 1), longestBackoffMs);
      log.error({ err: error, repo: slugOf(entry.repo), failures: entry.failures, backoffMs }, "pass failed");
      return { why: "again", dueInMs: backoffMs };
    }
  }

  function delayOf(entry: Entry, why: Why): number {
    return why === "ci" ? entry.passedAt + ciSpacingMs - timers.now() : 0;
  }

  return {
    signal({ repo, why }) {
      if (isClosed) return;
      const entry = entryOf(repo);
      if (entry.isPassing) entry.missed = why === "switch" || entry.missed === undefined || entry.missed === "ci" ? why : entry.missed;
      else if (entry.failures === 0 || why === "switch") plan(entry, why, delayOf(entry, why));
    },
    idle: () => queue.onIdle(),
    queued: () => queue.size,
    failing: () => [...entries.values()].filter(({ failures }) => failures > 0).map(({ repo }) => slugOf(repo)),
    async close() {
      isClosed = true;
      for (const entry of entries.values()) entry.planned?.cancel?.();
      await queue.onIdle();
    },
  };
}
