import type { Clock } from "../ports.ts";

/** The forge's clock, learnt from the `Date` headers of its answers; the local clock until the first one. */
export interface ServerClock extends Clock {
  /** `sentAtMs` is the monotonic time at which the request left. A missing or unreadable header teaches nothing. */
  learn(dateHeader: string | undefined, sentAtMs: number): void;
  /** Milliseconds that only ever grow, for measuring how long something took. */
  monotonicMs(): number;
}

/** `Date` has whole seconds: the forge's clock was somewhere inside that second when it answered. */
const headerGranularityMs = 1000;

/**
 * Keeps the offset between the local monotonic clock and the forge's. Every answer bounds the offset from both sides
 * (the forge wrote its `Date` after the request left and before the answer came); the offset moves only when it leaves those bounds,
 * so that time does not jump back and forth by the header's rounding.
 */
export function createServerClock(localMs: () => number = Date.now, monotonicMs: () => number = () => performance.now()): ServerClock {
  let offset = localMs() - monotonicMs();
  return {
    monotonicMs,
    now: () => Math.round(monotonicMs() + offset),
    learn(dateHeader, sentAtMs) {
      const date = Date.parse(dateHeader ?? "");
      if (Number.isNaN(date)) return;
      const least = date - monotonicMs();
      const most = date + headerGranularityMs - 1 - sentAtMs;
      offset = Math.max(least, Math.min(most, offset));
    },
  };
}
