import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, sep } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runCommand, type CommandResult } from "./command.ts";

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

/** What a command sees of AFK's own environment: the network's shape and the language, no credentials. */
const passedThrough = ["LANG", "LC_ALL", "TZ", "no_proxy", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];
/** Passed only without a password in them. */
const proxies = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];

/** The system's own programs and libraries. Where these are links into /usr they are made as links. */
const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/** What programs need of /etc for names, certificates and the clock; no keys, no accounts. */
const systemSettings = [
  "ssl",
  "pki",
  "ca-certificates",
  "alternatives",
  "resolv.conf",
  "hosts",
  "nsswitch.conf",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "timezone",
  "mime.types",
];

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
  const programs = [...programRoots(process.execPath), ...programRoots(findProgram(deps.agentArgv[0])), ...deps.read];
  const accounts = writeAccounts(deps.home);
  const system = [
    ...systemFolders.flatMap(showSystemFolder),
    ...systemSettings.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
  ];
  return {
    kind: "bubblewrap",
    async run(command) {
      const readable = [...programs, ...(command.readable ?? [])].filter((path) => existsSync(path));
      const writable = [command.cwd, command.home, ...(command.writable ?? [])];
      const env = environmentOf(command, programs);
      const argv = [
        bubblewrap,
        ...namespaces,
        ...identity,
        ...system,
        ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var/tmp"],
        ...accounts,
        ...readable.flatMap((path) => ["--ro-bind", path, path]),
        ...writable.flatMap((path) => ["--bind", path, path]),
        ...["--remount-ro", "/", "--chdir", command.cwd, "--info-fd", "3", "--", ...command.argv],
      ];
      return runInNamespace(argv, env, command);
    },
  };
}

/** Without a sandbox: for operators who isolate AFK as a whole. Children that left the process group are found by a mark in their environment. */
export function createNoSandbox(deps: SandboxDeps): Sandbox {
  const programs = [...programRoots(process.execPath), ...deps.read];
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
 * The namespace's first process is known by its pid on the host: when it is gone, so is everything in the namespace.
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
  const kill = (child: ChildProcess): void => {
    child.kill("SIGKILL");
  };
  const result = await runCommand({
    ...command,
    argv,
    cwd: "/",
    env,
    kill,
    onReport: (stream) => stream.setEncoding("utf8").on("data", (chunk: string) => (info = (info + chunk).slice(0, 4096))),
  });
  const pid = firstPid();
  if (pid !== undefined) await untilGone(pid);
  return result;
}

/** The kernel ends a namespace within milliseconds; processes in uninterruptible sleep take longer. */
async function untilGone(pid: number): Promise<void> {
  for (let waitedMs = 0; isAlive(pid); waitedMs += 5) {
    if (waitedMs > 30_000) throw new Error("a sandboxed process does not end");
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
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody is left in the group.
  }
}

/** A process may start another while we look, so look again until none is found. One that cleared its environment is not found. */
async function killMarked(mark: string): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && hasMark(name, mark));
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
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

const defaultPath = "/usr/local/bin:/usr/bin:/bin";

function environmentOf(command: SandboxedCommand, programs: readonly string[]): Record<string, string> {
  const env: Record<string, string> = { LANG: "C.UTF-8", TERM: "dumb", CI: "1" };
  for (const name of passedThrough) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  for (const name of proxies) {
    const value = process.env[name];
    if (value !== undefined && !value.includes("@")) env[name] = value;
  }
  const visible = ["/usr", "/bin", "/sbin", ...programs];
  const path = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => visible.some((root) => folder === root || folder.startsWith(root + sep)));
  return { ...env, PATH: [...new Set([...path, ...defaultPath.split(":")])].join(":"), HOME: command.home, ...command.env };
}

function showSystemFolder(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

function writeAccounts(home: string): readonly string[] {
  const folder = join(home, "sandbox");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "passwd"), "afk:x:1000:1000::/nonexistent:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n");
  writeFileSync(join(folder, "group"), "afk:x:1000:\nnogroup:x:65534:\n");
  return ["passwd", "group"].flatMap((name) => ["--ro-bind", join(folder, name), `/etc/${name}`]);
}

/** The program's full path, or `undefined` when it is neither a path nor found on PATH. */
export function findProgram(name: string | undefined): string | undefined {
  if (name === undefined || name === "") return undefined;
  if (name.includes(sep)) return existsSync(name) ? name : undefined;
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/**
 * What must be visible for a program outside /usr to run: a whole Node installation where it is one (`bin` beside `lib/node_modules`), its
 * package where it is a script of one, else the file alone. Never a home directory.
 */
function programRoots(path: string | undefined): readonly string[] {
  if (path === undefined) return [];
  const roots = [path, realpathSync(path)].flatMap((file) => {
    const prefix = dirname(dirname(file));
    const modules = file.indexOf(`${sep}node_modules${sep}`);
    if (existsSync(join(prefix, "lib", "node_modules")) && prefix !== homedir()) return [prefix];
    return modules > 0 ? [file.slice(0, modules + `${sep}node_modules`.length), file] : [file];
  });
  return [...new Set(roots)].filter((root) => !root.startsWith("/usr/") && root !== "/usr" && root !== "/");
}
