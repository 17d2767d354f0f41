import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { baseEnvironment, startProgram, type Program } from "./afk-process.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
/** As `npm run demo` does. The program `tsx` ends what it runs by force when that is too busy to answer a signal within 60 ms. */
const command = [process.execPath, "--import", "tsx", "demo/main.ts"];

export interface Demo {
  readonly program: Program;
  /** Where it keeps what is temporary. */
  readonly tmp: string;
}

export interface Demos {
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Demo;
  /** Ends them all. */
  close(): Promise<void>;
}

export function openDemos(): Demos {
  const root = mkdtempSync(join(tmpdir(), "afk-e2e-demo-"));
  const started: Program[] = [];
  return {
    start(args, env = {}) {
      const tmp = mkdtempSync(join(root, "tmp-"));
      const program = startProgram([...command, ...args], { ...baseEnvironment(), TMPDIR: tmp, ...env }, project);
      started.push(program);
      return { program, tmp };
    },
    async close() {
      await Promise.all(started.map((program) => program.stop()));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The demo cleans up behind itself; what remains are its loader's compiled files. */
export function leftovers({ tmp }: Demo): readonly string[] {
  return readdirSync(tmp).filter((name) => !/^(?:tsx|node-compile-cache)/.test(name));
}
