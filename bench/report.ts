import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import { isMet, ratioOf, summarize, type Bench, type Figure } from "./bench.ts";

export interface Measured {
  readonly bench: Bench;
  readonly figures: readonly Figure[];
}

const columns = ["", "median", "from", "to", "floor", "ratio", "aim", ""] as const;

/** One bench as a table; the floors are named below it. */
export function renderTable({ bench, figures }: Measured): string {
  const rows = [columns, ...figures.map(rowOf)];
  const widths = columns.map((_column, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  const floors = [...new Set(figures.flatMap(({ floor }) => (floor === undefined ? [] : [floor.name])))];
  return [`${bench.name}: ${bench.about}`, ...lines.map((line) => `  ${line}`), ...floors.map((floor) => `  floor: ${floor}`), ""].join(
    "\n",
  );
}

function rowOf(figure: Figure): readonly string[] {
  const { name, unit, samples, floor, aim } = figure;
  const { median, min, max } = summarize(samples);
  const ratio = ratioOf(figure);
  const [isMetNow] = [isMet(figure)];
  return [
    `${name}, ${unit}`,
    ...[median, min, max].map(sayNumber),
    floor === undefined ? "–" : sayNumber(summarize(floor.samples).median),
    ratio === undefined ? "–" : ratio.toFixed(2),
    aim === undefined ? "–" : sayAim(figure),
    isMetNow === undefined ? "" : isMetNow ? "met" : "missed",
  ];
}

function sayAim({ aim, unit }: Figure): string {
  const sign = unit === "per s" ? "≥" : "≤";
  return aim === undefined ? "" : "value" in aim ? `${sign} ${aim.value}` : `${sign} ${aim.times}×`;
}

function sayNumber(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return Number.isInteger(value) ? String(value) : value.toFixed(value >= 10 ? 1 : 2);
}

/** Everything, for machines. */
export function renderJson(measured: readonly Measured[]): string {
  const figures = measured.flatMap(({ bench, figures: all }) =>
    all.map((figure) => ({
      bench: bench.name,
      ...figure,
      ...summarize(figure.samples),
      ...(figure.floor === undefined ? {} : { floor: { ...figure.floor, ...summarize(figure.floor.samples) }, ratio: ratioOf(figure) }),
      met: isMet(figure),
    })),
  );
  return JSON.stringify({ machine: describeMachine(), figures }, undefined, 2);
}

/** What the figures depend on. */
export function describeMachine() {
  const [first] = cpus();
  return {
    cpus: cpus().length,
    cpu: first?.model ?? "unknown",
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    git: execFileSync("git", ["--version"], { encoding: "utf8" }).trim(),
  };
}
