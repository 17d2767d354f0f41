import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { EmbeddedForge } from "./front/embedded-forge.ts";

/** AFK as any user runs it: the built server, a process of its own, attached to a forge by `GHE_HOST`. */
export interface AfkProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** Asks it to end, as a container does; resolves with its exit code. */
  stop(): Promise<number | null>;
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
  readonly onLog: (line: LogLine) => void;
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

const server = fileURLToPath(new URL("../lib/cli/afk.js", import.meta.url));

/** What a program needs of a person's shell. The rest, their own AFK settings included, stays outside. */
const passedThrough = ["HOME", "LANG", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/** Starts it and points the forge's webhooks at it. Rejects when it ends before it listens. */
export async function startAfk(forge: EmbeddedForge, settings: AfkSettings): Promise<AfkProcess> {
  const child = spawn(process.execPath, [server, "serve"], { env: environment(forge, settings), stdio: ["ignore", "pipe", "pipe"] });
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const exited = once(child, "exit");
  const port = await new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = parseLine(text);
      if (line?.msg === "listening" && typeof line["port"] === "number") resolve(line["port"]);
      if (line !== undefined) settings.onLog(line);
    });
    exited.then(([code]) => reject(new Error(`AFK ended with ${String(code)} before it listened: ${errors.join("").trim()}`)), reject);
  });
  const url = `http://127.0.0.1:${port}`;
  forge.deliverTo(`${url}/api/github/webhooks`);
  return {
    url,
    child,
    async stop() {
      child.kill("SIGTERM");
      const [code] = await exited;
      return typeof code === "number" ? code : null;
    },
  };
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
  };
}

function parseLine(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined; // Not a log line: a warning of the runtime, say.
  }
}
