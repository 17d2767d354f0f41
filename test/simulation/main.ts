import { parseArgs } from "node:util";
import { hunt, sayFinding } from "./simulate.ts";

const usage = `Usage: npm run simulate -- [options]

Plays AFK through made-up worlds full of faults and checks that its promises hold.

  --runs N   worlds (default 1000)
  --seed S   where chance begins (default: the clock)
  --path P   one world of the seed, as a failure names it
  --help

Exit codes: 0 every promise held, 1 one did not, 2 wrong usage.
`;

interface Options {
  readonly runs: number;
  readonly seed: number;
  readonly path?: string;
}

function readOptions(): Options | "help" | "wrong" {
  const shape = { runs: { type: "string" }, seed: { type: "string" }, path: { type: "string" }, help: { type: "boolean" } } as const;
  try {
    const { runs = "1000", seed = String(Date.now() % 2 ** 31), path, help } = parseArgs({ options: shape }).values;
    if (help === true) return "help";
    if (![runs, seed].every((word) => /^-?\d+$/.test(word))) return "wrong";
    return { runs: Number(runs), seed: Number(seed), ...(path === undefined ? {} : { path }) };
  } catch {
    return "wrong"; // The usage says what is right.
  }
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === "help" || options === "wrong") {
    process.stderr.write(usage);
    return options === "help" ? 0 : 2;
  }
  process.stdout.write(`seed ${options.seed}, ${options.runs} worlds\n`);
  const startedAt = performance.now();
  const { runs, finding } = await hunt(options);
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(`${runs} worlds in ${seconds.toFixed(1)} s: ${(runs / seconds).toFixed(1)} a second\n`);
  if (finding !== undefined) process.stdout.write(`\n${sayFinding(finding)}\n`);
  return finding === undefined ? 0 : 1;
}

process.exitCode = await main();
