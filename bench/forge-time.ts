import type { EmbeddedForge } from "../demo/front/embedded-forge.ts";

/** When the forge was busy answering, on the clock of `Date.now()`. */
export interface ForgeTime {
  /** Milliseconds between two moments in which the forge worked on at least one request. */
  busyBetween(from: number, to: number): number;
}

/** Listens from now on. A git request counts from its arrival to the end of its answer, so it holds the client's share of the talk as well. */
export function watchForgeTime(forge: EmbeddedForge): ForgeTime {
  const spans: { readonly from: number; readonly to: number }[] = [];
  forge.onEvent((event) => {
    if (event.kind !== "api" && event.kind !== "git") return;
    const to = epochMs();
    spans.push({ from: to - event.durationMs, to });
  });
  return {
    busyBetween(from, to) {
      const inside = spans
        .map((span) => ({ from: Math.max(span.from, from), to: Math.min(span.to, to) }))
        .filter((span) => span.from < span.to);
      let busyMs = 0;
      let seenTo = from;
      for (const span of inside.toSorted((one, other) => one.from - other.from)) {
        busyMs += Math.max(0, span.to - Math.max(span.from, seenTo));
        seenTo = Math.max(seenTo, span.to);
      }
      return busyMs;
    },
  };
}

/** `Date.now()` with fractions. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
