import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, Figure } from "./bench.ts";
import { benchDecide } from "./decide.ts";
import { benchFixForward } from "./fix-forward.ts";
import { benchHealth } from "./health.ts";
import { benchLock } from "./lock.ts";
import { readOptions, usage, UsageError } from "./options.ts";
import { describeMachine, renderJson, renderTable, type Measured } from "./report.ts";
import { benchRecovery } from "./recovery.ts";
import { benchRequests } from "./requests.ts";
import { benchSimulate } from "./simulate.ts";
import { benchStart } from "./start.ts";
import { benchSweep } from "./sweep.ts";
import { benchTurn } from "./turn.ts";
import { benchWebhook } from "./webhook.ts";
import { benchWorkspace } from "./workspace.ts";

const benches: readonly Bench[] = [
  benchWebhook,
  benchHealth,
  benchWorkspace,
  benchStart,
  benchRequests,
  benchFixForward,
  benchRecovery,
  benchSweep,
  benchLock,
  benchDecide,
  benchTurn,
  benchSimulate,
];

/** Answers the exit code; see `usage`. */
async function main(): Promise<number> {
  const names = benches.map(({ name }) => name);
  const options = readOptions(process.argv.slice(2), names);
  if (options === "help") return print(usage);
  if (options === "list") return print(benches.map(({ name, about }) => `${name.padEnd(10)} ${about}\n`).join(""));
  const chosen = benches.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const say = options.verbose ? (line: string) => void process.stderr.write(`${line}\n`) : () => {};
  if (!options.json) print(`${Object.values(describeMachine()).join(", ")}\n\n`);
  const measured: Measured[] = [];
  for (const bench of chosen) {
    const result = { bench, figures: await onStage(bench, say) };
    measured.push(result);
    if (!options.json) print(`${renderTable(result)}\n`);
  }
  return options.json ? print(`${renderJson(measured)}\n`) : 0;
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

async function onStage(bench: Bench, say: (line: string) => void): Promise<readonly Figure[]> {
  const root = await mkdtemp(join(tmpdir(), "afk-bench-"));
  const cleaning: (() => unknown)[] = [() => rm(root, { recursive: true, force: true, maxRetries: 5 })];
  try {
    return await bench.run({ say, folder: () => mkdtemp(join(root, "f-")), after: (clean) => void cleaning.push(clean) });
  } finally {
    for (const clean of cleaning.toReversed()) await clean();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof UsageError;
  process.stderr.write(isUsage ? `${error.message}\n\n${usage}` : `${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = isUsage ? 2 : 1;
}
