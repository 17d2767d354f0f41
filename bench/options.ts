import { parseArgs } from "node:util";

export interface BenchOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Names of benches; empty: all of them. */
  readonly only: readonly string[];
}

/** Wrong usage, in words that say what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const usage = `Usage: npm run bench -- [options]

Measures AFK on this machine, each figure beside the least it could be. See docs/performance.md.

  --only NAME   one bench alone; may be repeated
  --verbose     tell what happens, among it every API request of a run
  --json        one JSON document (with npm: npm run --silent bench -- --json)
  --list        the names of the benches
  --help

Exit codes: 0 measured (whatever the figures say), 1 a bench failed, 2 wrong usage.
`;

/** Reads the command line. Throws `UsageError`. */
export function readOptions(args: readonly string[], names: readonly string[]): BenchOptions | "help" | "list" {
  const { only = [], json = false, verbose = false, list, help } = parse(args);
  if (help === true) return "help";
  if (list === true) return "list";
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no bench ${JSON.stringify(unknown)}; there are ${names.join(", ")}`);
  return { json, verbose, only };
}

function parse(args: readonly string[]) {
  const flag = { type: "boolean" } as const;
  try {
    const options = { only: { type: "string", multiple: true }, json: flag, verbose: flag, list: flag, help: flag } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
