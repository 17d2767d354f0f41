import type { Kill } from "./plan.ts";
import type { Happening, Stage } from "./stage.ts";

/** How long things take when nobody is killed, in milliseconds. */
export interface Pace {
  readonly runMs: number;
  readonly proofsMs: number;
}

/** An agent takes a moment to get to work. */
const agentMs = 300;
/** What AFK writes once CI is green: two comments, two labels, the issue. */
const endWrites = 5;

/** Calls `fire` at the kill's moment, from now on. The answered function calls it off. */
export function armKill(stage: Stage, { moment, part }: Kill, pace: Pace, fire: () => void): () => void {
  const timers: NodeJS.Timeout[] = [];
  const later = (ms: number): void => void timers.push(setTimeout(fire, ms));
  let writesLeft = Math.ceil(part * endWrites);
  let hasLanded = false;

  function onHappening(happening: Happening): void {
    hasLanded ||= isPush(happening, "refs/heads/main");
    switch (moment) {
      case "any":
        return;
      case "claim":
        return isPush(happening, "refs/afk/lock") ? fire() : undefined;
      case "agent":
        return isAgent(happening, "arrived") ? later(part * agentMs) : undefined;
      case "proofs":
        return isAgent(happening, "answered") ? later(part * pace.proofsMs) : undefined;
      case "landing":
        return isPush(happening, "refs/heads/main") ? fire() : undefined;
      case "end":
        if (!hasLanded || happening.kind !== "api" || !happening.write) return;
        return (writesLeft -= 1) <= 0 ? fire() : undefined;
      default:
        moment satisfies never;
    }
  }

  if (moment === "any") later(part * pace.runMs);
  const unwatch = stage.watch(onHappening);
  return () => {
    unwatch();
    for (const timer of timers) clearTimeout(timer);
  };
}

function isPush(happening: Happening, ref: string): boolean {
  return happening.kind === "push" && happening.ref === ref;
}

function isAgent(happening: Happening, step: "arrived" | "answered"): boolean {
  return happening.kind === "agent" && happening.step === step;
}
