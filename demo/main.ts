import { stopSignal } from "../src/cli/stop-signal.ts";
import { checkMachine, MissingError } from "./check-machine.ts";
import { readOptions, usage, UsageError } from "./options.ts";
import { plotOf } from "./plot.ts";
import { playStory } from "./story.ts";
import { tellJson, tellPeople } from "./tell.ts";

/** Answers the exit code; see `usage`. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  checkMachine();
  const isAsTold = await playStory(plotOf(options), options.keep, options.json ? tellJson : tellPeople, stopSignal());
  return isAsTold ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof UsageError;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${isUsage ? `\n${usage}` : ""}`);
  process.exitCode = isUsage ? 2 : error instanceof MissingError ? 3 : 1;
}
