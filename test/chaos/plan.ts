import type { Random } from "./random.ts";

/** What the next server finds: all that the killed one had written, or nothing. */
export type Disk = "same" | "empty";

/**
 * When a server is killed. `any`: at a moment of a run's usual duration. The others wait for something to happen: the lock is taken, an agent
 * works, AFK proves what it has done, the branch has just moved, the end is being shown.
 */
export const moments = ["any", "claim", "agent", "proofs", "landing", "end"] as const;
export type Moment = (typeof moments)[number];

export interface Kill {
  readonly moment: Moment;
  /** Where in it, from 0 to 1. */
  readonly part: number;
  /** Where the server after it starts. */
  readonly disk: Disk;
}

export interface RoundPlan {
  /** One issue for each entry. */
  readonly repos: readonly string[];
  readonly kills: readonly Kill[];
}

/** Draws a round: an issue or two, and a kill or a few. */
export function planRound(random: Random, repos: readonly [string, ...string[]], disks: readonly [Disk, ...Disk[]]): RoundPlan {
  const issues = Array.from({ length: random.pick([1, 1, 2]) }, () => random.pick(repos));
  const kills = Array.from({ length: random.pick([1, 1, 2, 3]) }, () => planKill(random, disks));
  return { repos: issues, kills };
}

function planKill(random: Random, disks: readonly [Disk, ...Disk[]]): Kill {
  return { moment: random.pick(["any", "any", ...moments]), part: random.next(), disk: random.pick(disks) };
}

export function sayKill({ moment, part, disk }: Kill): string {
  return `${moment} ${part.toFixed(2)} → ${disk} disk`;
}
