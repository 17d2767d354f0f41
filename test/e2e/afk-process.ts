import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { waitAtMost } from "./wait.ts";

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program under test, with everything it has said. */
export interface Program {
  readonly child: ChildProcess;
  /** Both outputs, as they came. */
  output(): string;
  /** The lines of standard output that are JSON. */
  lines(): readonly LogLine[];
  /** The first line, past or to come, that matches. Rejects when the program ends without it. */
  line(matches: (line: LogLine) => boolean, what: string, timeoutMs?: number): Promise<LogLine>;
  /** Waits for its end. */
  exit(timeoutMs?: number): Promise<Exit>;
  /** Sends a signal to all its process group, as a terminal does. */
  signalGroup(signal: NodeJS.Signals): void;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

/** The command line of the built AFK. */
export const cli = fileURLToPath(new URL("../../lib/cli/afk.js", import.meta.url));

/** Starts a program in a process group of its own, as a shell does, with exactly this environment. */
export function startProgram(argv: readonly string[], env: Readonly<Record<string, string>>, cwd?: string): Program {
  if (!existsSync(cli)) throw new Error("there is no built AFK to test: npm run build");
  const [file = "", ...args] = argv;
  const child = spawn(file, args, {
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const lines: LogLine[] = [];
  let output = "";
  let ended: Exit | undefined;
  const listeners = new Set<() => void>();
  const tell = (): void => listeners.forEach((listener) => listener());
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = parseLine(text);
    if (line !== undefined) lines.push(line);
    tell();
  });
  child.once("close", (code, signal) => {
    ended = { code, signal };
    tell();
  });

  async function until<T>(look: () => T | undefined, what: string, timeoutMs: number | undefined): Promise<T> {
    let check = (): void => {};
    const found = new Promise<T>((resolve, reject) => {
      check = () => {
        const it = look();
        if (it !== undefined) resolve(it);
        else if (ended !== undefined) reject(new Error(`it ended (${ended.code ?? ended.signal}) before ${what}:\n${output}`));
      };
      listeners.add(check);
      check();
    });
    return waitAtMost(found, what, timeoutMs, () => output.slice(-8_000)).finally(() => listeners.delete(check));
  }

  const exit = (timeoutMs?: number): Promise<Exit> => until(() => ended, "its end", timeoutMs);
  return {
    child,
    output: () => output,
    lines: () => lines,
    line: (matches, what, timeoutMs) => until(() => lines.find(matches), `the line ${JSON.stringify(what)}`, timeoutMs),
    exit,
    signalGroup(signal) {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    },
    async stop(signal = "SIGTERM") {
      if (ended === undefined) child.kill(signal);
      return exit();
    },
  };
}

function parseLine(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined; // Not a log line; it is kept in the output.
  }
}

/** What any program here needs of this machine. Settings of the person who runs the tests stay outside. */
export function baseEnvironment(): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "LANG"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
