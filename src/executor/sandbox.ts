import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runCommand, type CommandResult } from "./command.ts";
import { defaultPath, environmentOf, findProgram, showPrograms, showSystem, visiblePrograms } from "./sandbox-view.ts";

/** One command of a repo or an agent. Nothing is expanded; a shell runs only where the argv names one. */
export interface SandboxedCommand {
  readonly argv: readonly string[];
  /** Written to, as is `home`. */
  readonly cwd: string;
  /** HOME inside. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly readable?: readonly string[];
  readonly writable?: readonly string[];
  readonly stdin?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** Runs commands nobody vouches for. When `run` resolves, no process of the command is alive. */
export interface Sandbox {
  readonly kind: "bubblewrap" | "none";
  run(command: SandboxedCommand): Promise<CommandResult>;
}

export interface SandboxDeps {
  /** AFK's home: the generated passwd and group lie there. */
  readonly home: string;
  /** Further paths shown read-only. */
  readonly read: readonly string[];
  /** The agent's command, whose own program must be visible. */
  readonly agentArgv: readonly string[];
}

const scratch = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var/tmp"];
const namespaces = [
  "--unshare-user",
  "--unshare-pid",
  "--unshare-ipc",
  "--unshare-uts",
  "--unshare-cgroup-try",
  "--die-with-parent",
  "--new-session",
];
/** Not root inside: some agents refuse to work as root, and no capability is left either way. */
const identity = ["--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"];

/** Runs commands in a process, mount, user and IPC namespace of their own. The network is the host's. */
export function createBubblewrap(deps: SandboxDeps): Sandbox {
  const bubblewrap = findProgram("bwrap");
  if (bubblewrap === undefined) throw new Error("bwrap is not found on PATH");
  const programs = visiblePrograms(deps);
  const system = showSystem(deps.home);
  const shown = showPrograms(programs, deps.home);
  return {
    kind: "bubblewrap",
    async run(command) {
      const readable = (command.readable ?? []).filter((path) => existsSync(path));
      const writable = [command.cwd, command.home, ...(command.writable ?? [])];
      const env = environmentOf(command, programs);
      const argv = [
        bubblewrap,
        ...namespaces,
        ...identity,
        ...system,
        ...scratch,
        ...shown,
        ...readable.flatMap((path) => ["--ro-bind", path, path]),
        ...writable.flatMap((path) => ["--bind", path, path]),
        "--remount-ro",
        "/",
        "--chdir",
        command.cwd,
        "--info-fd",
        "3",
        "--",
        ...command.argv,
      ];
      return runInNamespace(argv, env, command);
    },
  };
}

/** Without a sandbox: for operators who isolate AFK as a whole. Children that left the process group are found by a mark in their environment. */
export function createNoSandbox(deps: SandboxDeps): Sandbox {
  const programs = visiblePrograms(deps);
  return {
    kind: "none",
    async run(command) {
      const mark = `AFK_COMMAND_MARK=${randomUUID()}`;
      const env = {
        ...environmentOf(command, programs),
        PATH: process.env["PATH"] ?? defaultPath,
        AFK_COMMAND_MARK: mark.slice(mark.indexOf("=") + 1),
      };
      try {
        return await runCommand({ ...command, argv: command.argv, env, kill: killGroup });
      } finally {
        await killMarked(mark);
      }
    },
  };
}

/** Whether bubblewrap works here: installed, and allowed to make namespaces. Answers what to do about it when not. */
export async function checkBubblewrap(deps: SandboxDeps): Promise<string | undefined> {
  const remedy = "install bubblewrap and allow unprivileged user namespaces, or set AFK_SANDBOX=none if AFK as a whole runs isolated";
  const folder = join(deps.home, "sandbox");
  try {
    const result = await createBubblewrap(deps).run({
      argv: ["true"],
      cwd: folder,
      home: folder,
      timeoutMs: 10_000,
      signal: new AbortController().signal,
    });
    return result.exitCode === 0 ? undefined : `the sandbox does not work here (${result.output.trim().slice(-200)}): ${remedy}`;
  } catch (error) {
    return `the sandbox cannot be started (${error instanceof Error ? error.message : String(error)}): ${remedy}`;
  }
}

/**
 * bubblewrap hands its own environment on, so values travel there and not in the argv, which every process of the host may read.
 * The namespace's first process is known by its pid on the host: when it is gone, so is everything in the namespace. It dies with bubblewrap,
 * but not before it has said so to the kernel: until then it is in bubblewrap's process group, or has just left it.
 */
async function runInNamespace(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  command: SandboxedCommand,
): Promise<CommandResult> {
  let info = "";
  const firstPid = (): number | undefined => {
    const pid = /"child-pid":\s*(\d+)/.exec(info)?.[1];
    return pid === undefined ? undefined : Number(pid);
  };
  const result = await runCommand({
    ...command,
    argv,
    cwd: "/",
    env,
    kill: killGroup,
    onReport: (stream) => stream.setEncoding("utf8").on("data", (chunk: string) => (info = (info + chunk).slice(0, 4096))),
  });
  const pid = firstPid();
  if (pid !== undefined) await untilGone(pid, { isEndedByUs: result.aborted || result.timedOut });
  return result;
}

/** The kernel ends a namespace within milliseconds; processes in uninterruptible sleep take longer. */
async function untilGone(pid: number, { isEndedByUs }: { readonly isEndedByUs: boolean }): Promise<void> {
  for (let waitedMs = 0; isAlive(pid); waitedMs += 5) {
    if (waitedMs > 30_000) throw new Error("a sandboxed process does not end");
    if (isEndedByUs) kill(pid);
    await delay(5);
  }
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined) kill(-child.pid);
}

/** A process, or with a negative number a group. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It, or the last of the group, ended by itself.
  }
}

/** A process may start another while we look, so look again until none is found. One that cleared its environment is not found. */
async function killMarked(mark: string): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && hasMark(name, mark));
    if (found.length === 0) return;
    for (const pid of found) kill(Number(pid));
    await delay(5);
  }
  throw new Error("processes of a command do not end");
}

function hasMark(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark) && isAlive(Number(pid));
  } catch {
    return false;
  }
}
