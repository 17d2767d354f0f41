/** Timers as an argument, so that scenarios run on a virtual clock. */
export interface Timers {
  /** Monotonic milliseconds; only differences mean something. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds, unless the returned function is called first. */
  after(ms: number, fn: () => void): () => void;
}

/** setTimeout's own limit, 2^31-1 ms (24.8 days); longer waits fire early, which a level-triggered loop does not mind. */
const longestMs = 2_147_483_647;

/** The process's own timers. They keep no process alive: a server lives by its socket, `afk tick` by its work. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(ms, 0), longestMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
