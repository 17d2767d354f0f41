import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";

/** Something the demo needs is not on this machine; the message says what and how to get it. */
export class MissingError extends Error {
  override readonly name = "MissingError";
}

/** `git merge-tree --write-tree` came with 2.38. */
const leastGit = [2, 38] as const;

/** Throws `MissingError` for what the demo cannot do without. */
export function checkMachine(): void {
  const found = /(\d+)\.(\d+)/.exec(versionOf("git", "Debian: apt-get install git"));
  const [major = 0, minor = 0] = found?.slice(1).map(Number) ?? [];
  if (major < leastGit[0] || (major === leastGit[0] && minor < leastGit[1])) {
    throw new MissingError(`git ${leastGit.join(".")} or newer is needed; this is ${major}.${minor}. Debian: apt-get install git`);
  }
  versionOf("flock", "Debian: apt-get install util-linux");
}

/** What AFK will run agents in: it looks for itself, but not before there is work. */
export function findSandbox(): string {
  try {
    execFileSync("bwrap", ["--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "true"], { stdio: "ignore" });
    return "bubblewrap";
  } catch {
    return "none: bubblewrap is missing or does not work here"; // Its answer to "does it work here".
  }
}

function versionOf(program: string, remedy: string): string {
  try {
    return execFileSync(program, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch (error) {
    throw new MissingError(`${program} is not installed. ${remedy}`, { cause: error });
  }
}

/** A coding agent a person may have installed, how it runs unattended with its prompt on standard input, and the key it needs. */
const knownAgents = [
  {
    program: "claude",
    command: "claude -p --setting-sources user --dangerously-skip-permissions",
    keys: ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"],
  },
  { program: "codex", command: "codex exec --dangerously-bypass-approvals-and-sandbox -", keys: ["OPENAI_API_KEY", "CODEX_API_KEY"] },
] as const;

export interface FoundAgent {
  readonly command: string;
  readonly env: readonly string[];
}

/** The agent for a person's own work: the one they name, else the first that is installed and has its key in the environment. */
export function findAgent(named: string | undefined): FoundAgent {
  if (named !== undefined) return { command: named, env: [] };
  for (const { program, command, keys } of knownAgents) {
    const env = keys.filter((name) => process.env[name] !== undefined);
    if (env.length > 0 && isInstalled(program)) return { command, env };
  }
  const known = knownAgents.map(({ program, keys }) => `${program} with ${keys.join(" or ")}`).join(", or ");
  throw new MissingError(`no coding agent was found: install ${known} set in the environment, or name yours with --agent-command`);
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => isAbsolute(folder) && existsSync(join(folder, program)));
}

/** The command with the files it names made absolute, and these files: the sandbox has to show them. */
export function locateFiles(command: string): { readonly command: string; readonly files: readonly string[] } {
  const here = process.env["INIT_CWD"] ?? process.cwd();
  const files: string[] = [];
  const located = command.replace(/[^\s'"]*\/[^\s'"]*/g, (word) => {
    const path = isAbsolute(word) ? word : resolve(here, word);
    if (!existsSync(path)) return word;
    files.push(path);
    return path;
  });
  return { command: located, files };
}
