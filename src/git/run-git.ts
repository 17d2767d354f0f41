import { dirname } from "node:path";
import { execa } from "execa";

/** A short-lived credential for one repo. The token travels by environment to a credential helper, never in argv, URL or config. */
export interface GitCredential {
  readonly username: string;
  readonly token: string;
  /** `host` or `host:port` as the URL has it: a server that redirects elsewhere does not get the token. Absent: any host git asks for. */
  readonly host?: string;
}

export interface GitOptions {
  /** The (bare) repository git works in. It must be one only AFK writes to: never a workspace an agent has touched. */
  readonly dir: string;
  readonly credential?: GitCredential;
  readonly signal?: AbortSignal;
  /** Default 10 minutes: the longest a clone of a large repo is waited for. */
  readonly timeoutMs?: number;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Output beyond this many bytes is an error. Default 64 MiB. */
  readonly maxBytes?: number;
}

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** git ended with another exit code than 0, did not start, or ran into its time limit. */
export class GitError extends Error {
  override readonly name = "GitError";
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(command: string, exitCode: number | undefined, stderr: string, cause?: unknown) {
    super(`git ${command} failed (${exitCode === undefined ? "did not end" : `exit ${exitCode}`}): ${stderr.trim().slice(-600)}`, {
      cause,
    });
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** A constant: the shell that git starts for it interpolates nothing, it compares what git asks for with its own environment and prints two variables of it. */
const credentialHelper = `!f() {
  test "$1" = get || return 0
  for_us=; test -n "$AFK_GIT_HOST" || for_us=yes
  while read -r line; do test "$line" = "host=$AFK_GIT_HOST" && for_us=yes; done
  test -z "$for_us" || printf "username=%s\\npassword=%s\\n" "$AFK_GIT_USERNAME" "$AFK_GIT_TOKEN"
}; f`;

/** Settings that hold whatever the machine or a repo configures: no hooks, no prompts, no remote helpers that run commands, every fetched object checked. */
const fixedConfig = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "protocol.ext.allow=never",
  "credential.helper=",
  "fetch.fsckObjects=true",
  "transfer.fsckObjects=true",
  "gc.autoDetach=false",
  "maintenance.autoDetach=false",
  "advice.detachedHead=false",
  "checkout.workers=0",
  "core.quotePath=false",
  // Not one byte in five minutes: nobody is there. Servers that work send a keep-alive every 5 s. It also ends a git that AFK's own end has left behind.
  "http.lowSpeedLimit=1",
  "http.lowSpeedTime=300",
].flatMap((setting) => ["-c", setting]);

/** What a self-hoster's network needs; nothing else of AFK's environment reaches git. */
const passedThrough = [
  "PATH",
  "http_proxy",
  "https_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "no_proxy",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
];

function gitEnvironment(options: GitOptions): Record<string, string> {
  const env: Record<string, string> = {
    LC_ALL: "C",
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    // A missing repository is an error, not a reason to work in whatever repository lies above it.
    GIT_CEILING_DIRECTORIES: dirname(options.dir),
    ...options.env,
  };
  for (const name of passedThrough) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  if (options.credential !== undefined) {
    env["AFK_GIT_USERNAME"] = options.credential.username;
    env["AFK_GIT_TOKEN"] = options.credential.token;
    env["AFK_GIT_HOST"] = options.credential.host ?? "";
  }
  return env;
}

/** Runs git and answers its result whatever the exit code. Rejects with `GitError` when git did not end by itself. */
export async function tryGit(args: readonly string[], options: GitOptions): Promise<GitResult> {
  const helper = options.credential === undefined ? [] : ["-c", `credential.helper=${credentialHelper}`];
  const child = execa("git", [...fixedConfig, ...helper, ...args], {
    cwd: options.dir,
    env: gitEnvironment(options),
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    detached: true,
    maxBuffer: options.maxBytes ?? 64 * 1024 * 1024,
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
  });
  const timeLimit = AbortSignal.timeout(options.timeoutMs ?? 600_000);
  const stopWatching = endGroupOn([timeLimit, ...(options.signal === undefined ? [] : [options.signal])], child.pid);
  const result = await child.finally(stopWatching);
  const stderr = withoutToken(result.stderr, options.credential);
  if (result.exitCode === undefined || result.isMaxBuffer) {
    const why = timeLimit.aborted ? "ran into its time limit" : options.signal?.aborted ? "was told to stop" : (result.shortMessage ?? "");
    throw new GitError(args[0] ?? "", undefined, withoutToken(`${stderr}\n${why}`, options.credential), result.cause);
  }
  return { exitCode: result.exitCode, stdout: result.stdout, stderr };
}

/** How long git may take to remove its temporary files once it is told to end. */
const graceMs = 3_000;

/** git leaves its network work to a child that survives it and holds its output open; the whole process group must go. */
function endGroupOn(signals: readonly AbortSignal[], pid: number | undefined): () => void {
  if (pid === undefined) return () => {};
  let lastResort: NodeJS.Timeout | undefined;
  const end = (): void => {
    signalGroup(pid, "SIGTERM");
    lastResort ??= setTimeout(() => signalGroup(pid, "SIGKILL"), graceMs);
  };
  for (const signal of signals) {
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  }
  return () => {
    clearTimeout(lastResort);
    for (const signal of signals) signal.removeEventListener("abort", end);
  };
}

function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Runs git and answers its standard output. Any exit code but 0 is a `GitError`. */
export async function git(args: readonly string[], options: GitOptions): Promise<string> {
  const { exitCode, stdout, stderr } = await tryGit(args, options);
  if (exitCode !== 0) throw new GitError(args[0] ?? "", exitCode, stderr);
  return stdout;
}

function withoutToken(text: string, credential: GitCredential | undefined): string {
  return credential === undefined || credential.token === "" ? text : text.replaceAll(credential.token, "[token]");
}
