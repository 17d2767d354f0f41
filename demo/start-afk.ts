import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { EmbeddedForge } from "./front/embedded-forge.ts";

/** AFK as any user runs it: the built server, a process of its own, attached to a forge by `GHE_HOST`. */
export interface AfkProcess {
  /** Where it listens; empty before it does. */
  url(): string;
  /** Starts it, also again, and points the forge's webhooks at it. Rejects when it ends before it listens. */
  start(): Promise<void>;
  /** Asks it to end, as a container does. */
  stop(): Promise<void>;
  /** Ends it without a word, as a crash does. */
  kill(): Promise<void>;
}

export interface AfkSettings {
  readonly home: string;
  readonly allowlist: readonly string[];
  readonly agentCommand: string;
  readonly landing: "push" | "none";
  /** Where commands find their tools. */
  readonly path: string;
  /** Paths the sandbox shows, besides the system. */
  readonly readable: readonly string[];
  /** Names of environment variables the agent needs: its model's key. */
  readonly agentEnv: readonly string[];
  /** Further variables. */
  readonly settings: Readonly<Record<string, string>>;
  readonly onLog: (line: LogLine) => void;
  /** It ended, and nobody had asked it to. */
  readonly onGone: () => void;
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

const server = fileURLToPath(new URL("../lib/cli/afk.js", import.meta.url));

/** What a program needs of a person's shell. The rest, their own AFK settings included, stays outside. */
const passedThrough = ["HOME", "LANG", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/** Not started yet. */
export function createAfk(forge: EmbeddedForge, settings: AfkSettings): AfkProcess {
  let url = "";
  let end: ((signal: NodeJS.Signals) => Promise<void>) | undefined;
  return {
    url: () => url,
    async start() {
      const child = spawn(process.execPath, [server, "serve"], { env: environment(forge, settings), stdio: ["ignore", "pipe", "pipe"] });
      const exited = once(child, "exit");
      end = async (signal) => {
        child.off("exit", settings.onGone);
        child.kill(signal);
        await exited;
      };
      url = `http://127.0.0.1:${await portOf(child, exited, settings.onLog)}`;
      child.once("exit", settings.onGone);
      forge.deliverTo(`${url}/api/github/webhooks`);
    },
    stop: async () => end?.("SIGTERM"),
    kill: async () => end?.("SIGKILL"),
  };
}

function portOf(
  child: ChildProcessByStdio<null, Readable, Readable>,
  exited: Promise<unknown[]>,
  onLog: AfkSettings["onLog"],
): Promise<number> {
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = parseLine(text);
      if (line?.msg === "listening" && typeof line["port"] === "number") resolve(line["port"]);
      if (line !== undefined) onLog(line);
    });
    exited.then(([code]) => reject(new Error(`AFK ended with ${String(code)} before it listened: ${errors.join("").trim()}`)), reject);
  });
}

function environment(forge: EmbeddedForge, settings: AfkSettings): Record<string, string> {
  const names = [...passedThrough, ...settings.agentEnv];
  return {
    ...Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    PATH: settings.path,
    APP_ID: String(forge.appId),
    PRIVATE_KEY: forge.privateKey,
    WEBHOOK_SECRET: forge.webhookSecret,
    GHE_HOST: forge.host,
    GHE_PROTOCOL: "http",
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_LEVEL: "debug",
    AFK_KILL_SWITCH: "false",
    AFK_ALLOWLIST: settings.allowlist.join(","),
    AFK_HOME: settings.home,
    AFK_AGENT_COMMAND: settings.agentCommand,
    AFK_AGENT_ENV: settings.agentEnv.join(","),
    AFK_LANDING: settings.landing,
    AFK_SANDBOX: "auto",
    AFK_SANDBOX_READ: settings.readable.join(","),
    AFK_FORGE_THROTTLE: "false",
    ...settings.settings,
  };
}

function parseLine(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined; // Not a log line: a warning of the runtime, say.
  }
}
