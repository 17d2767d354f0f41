import type { DemoEvent } from "./tell.ts";

/** What people and fate can do to a run. */
export type Deed = { readonly kind: "say"; readonly by: string; readonly text: string } | { readonly kind: "kill" };

/** A deed, done as soon as something is told whose fields include the cue's. */
export interface Act {
  readonly when: { readonly event: DemoEvent["event"]; readonly line?: string; readonly outcome?: string };
  readonly act: Deed;
}

/** The acts of a story, in order: each is taken once, when it is its time. */
export interface Cues {
  left(): number;
  take(event: DemoEvent): Deed | undefined;
}

export function createCues(acts: readonly Act[]): Cues {
  let taken = 0;
  return {
    left: () => acts.length - taken,
    take(event) {
      const next = acts[taken];
      const told = new Map<string, unknown>(Object.entries(event));
      if (next === undefined || !Object.entries(next.when).every(([field, value]) => told.get(field) === value)) return undefined;
      taken += 1;
      return next.act;
    },
  };
}
