/** A forge's clock and the process's timers, both moved by hand. */
export interface ManualClock {
  now(): number;
  readonly schedule: (fn: () => void, ms: number) => () => void;
  /** Moves on and fires what is due, in order. What a timer starts may still be under way afterwards. */
  advance(ms: number): void;
  /** When the next timer is due; `undefined` without any. */
  nextAt(): number | undefined;
}

export function createManualClock(start = Date.parse("2026-01-05T09:00:00Z")): ManualClock {
  let now = start;
  const timers = new Set<{ readonly at: number; readonly fn: () => void }>();
  return {
    now: () => now,
    schedule(fn, ms) {
      const timer = { at: now + ms, fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.at <= end).toSorted((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.fn();
      }
      now = end;
    },
    nextAt: () => (timers.size === 0 ? undefined : Math.min(...[...timers].map(({ at }) => at))),
  };
}
