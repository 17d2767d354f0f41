import { spawn, type ChildProcess } from "node:child_process";
import { Readable } from "node:stream";
import { lineLength } from "./tail.ts";

/** How a command ended. Exactly one of `exitCode` and `signal` is set; neither when it did not start or was ended by us. */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  readonly durationMs: number;
  /** The raw end of both outputs, at most `outputKept` bytes. */
  readonly output: string;
}

export interface CommandSpec {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called with each line as it comes, cut at `lineLength`. Of a flood only the last lines are handed on. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Ends the command's whole process tree. Must bring the process itself down. */
  readonly kill: (child: ChildProcess) => void;
  /** Called with the child's extra pipe (descriptor 3), when there is something to read there. */
  readonly onReport?: (stream: Readable) => void;
}

/** Four times what a tail shows, so that secrets are found before the cut. */
const outputKept = 16_384;

/**
 * Runs a command in a process group of its own, in bounded memory whatever it prints. Resolves when the process ended; whether its children did is the
 * caller's to ensure. Rejects only when it could not be started.
 */
export async function runCommand(spec: CommandSpec): Promise<CommandResult> {
  const [file, ...args] = spec.argv;
  if (file === undefined) throw new Error("no command");
  spec.signal.throwIfAborted();
  const startedAt = performance.now();
  const child = spawn(file, args, {
    cwd: spec.cwd,
    env: { ...spec.env },
    detached: true,
    stdio: [spec.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe", spec.onReport === undefined ? "ignore" : "pipe"],
  });
  const output = keepEnd(child, spec.onLine);
  const report = child.stdio[3];
  if (report instanceof Readable) spec.onReport?.(report);
  if (spec.stdin !== undefined) feed(child, spec.stdin);

  let cause: "time" | "abort" | undefined;
  const end = (why: "time" | "abort"): void => {
    cause ??= why;
    spec.kill(child);
  };
  const timer = setTimeout(end, spec.timeoutMs, "time");
  const onAbort = (): void => end("abort");
  spec.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const { code, signal } = await ended(child);
    const byUs = cause !== undefined;
    return {
      exitCode: byUs ? null : code,
      signal: byUs ? null : signal,
      timedOut: cause === "time",
      aborted: cause === "abort",
      durationMs: Math.round(performance.now() - startedAt),
      output: output(),
    };
  } finally {
    clearTimeout(timer);
    spec.signal.removeEventListener("abort", onAbort);
  }
}

/** A left-over child may hold the output open for ever, so after the exit only what is already in the pipe is waited for. */
const drainMs = 200;

function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    let result: { code: number | null; signal: string | null } | undefined;
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      result = { code, signal };
      setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, drainMs).unref();
    });
    child.once("close", (code, signal) => resolve(result ?? { code, signal }));
  });
}

function feed(child: ChildProcess, text: string): void {
  // The command may end without reading its input; that is its own affair.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(text);
}

/** A chunk holds up to 64 KiB: 32,000 lines of one letter would keep AFK from everything else while it looks at each. */
const linesPerChunk = 100;

/** Collects the end of both outputs and hands on whole lines. */
function keepEnd(child: ChildProcess, onLine: ((line: string) => void) | undefined): () => string {
  let kept = "";
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    let line = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      kept = (kept + chunk).slice(-outputKept);
      if (onLine === undefined) return;
      const lines = chunk.split("\n");
      if (lines.length > linesPerChunk) line = "";
      for (const [index, part] of lines.slice(-linesPerChunk).entries()) {
        if (index > 0) {
          onLine(line);
          line = "";
        }
        line = (line + part.slice(0, lineLength)).slice(0, lineLength);
      }
    });
    stream.on("close", () => {
      if (line !== "") onLine?.(line);
    });
  }
  return () => kept;
}
