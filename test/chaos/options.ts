import { parseArgs } from "node:util";

/** Wrong usage, in words that say what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const usage = `Usage: npm run chaos -- [options]

Kills AFK at random moments, starts it anew on the same disk or on an empty one, and looks at what became of the issues.

  --rounds N   default 20
  --seed S     repeat the plan of another time; default: any
  --help

Exit codes: 0 every issue came to its one end, 1 something is amiss, 2 wrong usage.
`;

/** Reads the command line. Throws `UsageError`. */
export function readOptions(args: readonly string[]): { readonly rounds: number; readonly seed: number | undefined } | "help" {
  const { rounds = "20", seed, help } = parse(args);
  if (help === true) return "help";
  return { rounds: readNumber("--rounds", rounds), seed: seed === undefined ? undefined : readNumber("--seed", seed) };
}

function readNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${name} is a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

function parse(args: readonly string[]) {
  try {
    const options = { rounds: { type: "string" }, seed: { type: "string" }, help: { type: "boolean" } } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
