import { randomInt } from "node:crypto";
import { ChaosError, playChaos } from "./chaos.ts";
import { readOptions, usage, UsageError } from "./options.ts";
import { renderRecoveries } from "./report.ts";

/** Answers the exit code; see `usage`. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const say = (text: string): void => void process.stdout.write(text);
  if (options === "help") {
    say(usage);
    return 0;
  }
  const { rounds, seed = randomInt(1_000_000) } = options;
  say(`\n${renderRecoveries(await playChaos({ rounds, seed, disks: ["same", "same", "empty"], say }))}`);
  return 0;
}

function sayError(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage}`;
  if (error instanceof ChaosError) return `${error.message}\n${sayError(error.cause)}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${sayError(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
