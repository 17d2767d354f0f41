import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Stage } from "./bench.ts";

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

export interface ServerProcess {
  readonly url: string;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
  /** Ends it without a word, as a crash does. */
  kill(): Promise<void>;
}

export interface ServerOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly onLog?: (line: LogLine) => void;
}

const afk = fileURLToPath(new URL("../lib/cli/afk.js", import.meta.url));
const bareProbot = fileURLToPath(new URL("./bare-probot.mjs", import.meta.url));

/** AFK as anybody runs it: built, in a process of its own. */
export function startAfk(stage: Stage, options: ServerOptions): Promise<ServerProcess> {
  return startServer(stage, [afk, "serve"], options);
}

/** Probot with a handler that does nothing, behind the same HTTP server. */
export function startBareProbot(stage: Stage, options: ServerOptions): Promise<ServerProcess> {
  return startServer(stage, [bareProbot], options);
}

/** Rejects when it ends before it says, in a line of its log, on which port it listens. */
async function startServer(stage: Stage, argv: readonly string[], { env, onLog }: ServerOptions): Promise<ServerProcess> {
  const child = spawn(process.execPath, argv, { env: { ...inherited(), ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4_000)));
  const exited = once(child, "exit");
  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    child.kill(signal);
    await exited;
  }
  const stop = (): Promise<void> => end("SIGTERM");
  stage.after(stop);
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = parseLine(text);
      if (line?.msg === "listening" && typeof line["port"] === "number") resolve(line["port"]);
      if (line !== undefined) onLog?.(line);
    });
    exited.then(() => reject(new Error(`${argv.join(" ")} ended before it listened: ${errors}`)), reject);
  });
  return { url: `http://127.0.0.1:${port}`, stop, kill: () => end("SIGKILL") };
}

function inherited(): Record<string, string> {
  return Object.fromEntries(
    ["PATH", "HOME", "LANG", "TMPDIR"].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

function parseLine(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined; // Not a log line: a warning of the runtime, say.
  }
}
