#!/usr/bin/env node
import { readConfig, secretsOf } from "../config.ts";
import { createLog } from "../log.ts";
import { serve, serveDisabled } from "./serve.ts";
import { tick } from "./tick.ts";

const usage = `Usage: afk <command>

  serve   listen for webhooks, sweep, and work until stopped
  tick    one sweep over every enrolled repository, see its turns through, exit

Everything else is set by environment; see docs/configuration.md.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
`;

/** Runs the command line and answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === "--help" || command === "-h" || command === "help") return say(usage, 0);
  if ((command !== "serve" && command !== "tick") || rest.length > 0) return complain(usage);
  const reading = readConfig(process.env);
  if (reading.kind === "faults")
    return complain(`AFK does not start. Please mend:\n${reading.faults.map((fault) => `  ${fault}\n`).join("")}`);
  const { config } = reading;
  const log = createLog({ level: config.logLevel, format: config.logFormat, secrets: secretsOf(config) });
  for (const warning of reading.warnings) log.warn({ warning }, "configuration");
  if (reading.kind === "disabled")
    return command === "serve" ? serveDisabled(config, reading.why, log) : complain(`AFK does nothing: ${reading.why}\n`);
  return command === "serve" ? serve(reading.config, log) : tick(reading.config, log);
}

function say(text: string, exitCode: number): number {
  process.stdout.write(text);
  return exitCode;
}

function complain(text: string): number {
  process.stderr.write(text);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`afk: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
