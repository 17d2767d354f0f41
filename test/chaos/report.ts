import { moments, sayKill, type Disk, type Kill, type RoundPlan } from "./plan.ts";
import type { Recovery, Round } from "./round.ts";

/** The sample that so much of all are not above; `undefined` without any. */
export function quantile(samples: readonly number[], part: number): number | undefined {
  return samples.toSorted((one, other) => one - other)[Math.max(0, Math.ceil(samples.length * part) - 1)];
}

export function sayRound(number: number, plan: RoundPlan, { kills, recoveries }: Round): string {
  const last = recoveries.at(-1)?.closedMs;
  const missed = plan.kills.length - kills.length;
  const said = [
    `${plan.repos.length} ${plan.repos.length === 1 ? "issue" : "issues"}`,
    ...kills.map(sayKill),
    missed > 0 && `${missed} not reached`,
    last !== undefined && `closed ${saySeconds(last)} after the last start`,
  ];
  return `${String(number).padStart(4)}  ${said.filter((part) => part !== false).join("; ")}\n`;
}

/** The recoveries by disk: median, 90 % and the longest. */
export function renderRecoveries(rounds: readonly Round[]): string {
  const recoveries = rounds.flatMap((round) => round.recoveries);
  const kills = rounds.flatMap((round) => round.kills);
  const rows = (["same", "empty"] as const).flatMap((disk) => rowsOf(disk, recoveries));
  return [`${rounds.length} rounds, ${kills.length} kills (${countKills(kills)}), nothing amiss`, "", ...rows, ""].join("\n");
}

function rowsOf(disk: Disk, all: readonly Recovery[]): readonly string[] {
  const recoveries = all.filter((recovery) => recovery.disk === disk);
  return [
    rowOf(
      `${disk} disk, start to claim`,
      recoveries.map(({ aliveMs }) => aliveMs),
    ),
    rowOf(
      `${disk} disk, start to closed`,
      recoveries.map(({ closedMs }) => closedMs),
    ),
  ];
}

function rowOf(name: string, samples: readonly (number | undefined)[]): string {
  const known = samples.filter((sample) => sample !== undefined);
  const figures = [0.5, 0.9, 1].map((part) => quantile(known, part));
  const [median, p90, max] = figures.map((figure) => (figure === undefined ? "–" : saySeconds(figure)).padStart(7));
  return `${name.padEnd(28)} median ${median}  90 % ${p90}  max ${max}  (${known.length})`;
}

function countKills(kills: readonly Kill[]): string {
  const counts = moments.map((moment) => ({ moment, count: kills.filter((kill) => kill.moment === moment).length }));
  return counts.map(({ moment, count }) => `${count} ${moment}`).join(", ");
}

function saySeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
