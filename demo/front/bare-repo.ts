import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";

/** The files of a new repository by path, or a local repository whose HEAD is copied with its history. */
export type RepoContent = Readonly<Record<string, string>> | { readonly copyOf: string };

export interface CommitRequest {
  readonly branch: string;
  /** Content by path; `null` removes the file. Content that begins with `#!` becomes executable. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly message: string;
  readonly author: string;
}

export const zeroOid = "0".repeat(40);

/** Runs git in a repository that only the forge writes to, and answers its output. `args` may come from requests: callers check or end them with `--`. */
export async function gitText(directory: string, args: readonly string[], input = ""): Promise<string> {
  return (await runGit(directory, args, input)).toString("utf8");
}

/** Like `gitText`, but `undefined` when git ends with an error: for questions such as "is there such a ref". */
export async function tryGitText(directory: string, args: readonly string[]): Promise<string | undefined> {
  const result = await execa("git", [...args], {
    cwd: directory,
    env: gitEnv,
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    maxBuffer: maxBytes,
    stripFinalNewline: false,
  });
  return result.exitCode === 0 ? result.stdout : undefined;
}

export async function gitBytes(directory: string, args: readonly string[]): Promise<Buffer> {
  return runGit(directory, args, "");
}

/** The commit a name (branch, tag, sha, full ref) stands for. */
export async function resolveCommit(directory: string, name: string): Promise<string | undefined> {
  if (!isSafeName(name)) return undefined;
  for (const candidate of [`refs/heads/${name}`, name, `refs/tags/${name}`]) {
    const sha = await tryGitText(directory, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${candidate}^{commit}`]);
    if (sha !== undefined) return sha.trim();
  }
  return undefined;
}

/** Whether a request's ref, branch or sha may reach git: nothing that is an option, a range or a revision expression. */
export function isSafeName(name: string): boolean {
  return /^[A-Za-z0-9_./@#+-]+$/.test(name) && !name.startsWith("-") && !name.includes("..") && !name.includes("@{");
}

export async function createBareRepo(directory: string, branch: string, content: RepoContent, author: string): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  await gitText(dirname(directory), ["init", "--quiet", "--bare", "--template=", `--initial-branch=${branch}`, "--", directory]);
  for (const [key, value] of Object.entries(repoConfig)) await gitText(directory, ["config", key, value]);
  if (isCopy(content)) await copyHead(directory, branch, content.copyOf);
  else await commitFiles(directory, { branch, files: content, message: "Initial commit", author });
}

/** Commits files on top of a branch (a new branch begins empty) and answers the new sha. */
export async function commitFiles(directory: string, request: CommitRequest): Promise<string> {
  const ref = `refs/heads/${request.branch}`;
  const parent = await tryGitText(directory, ["rev-parse", "--verify", "--quiet", ref]);
  const who = `${request.author} <${request.author}@users.noreply.example> ${Math.floor(Date.now() / 1000)} +0000`;
  const lines = [`commit ${ref}`, `author ${who}`, `committer ${who}`, data(request.message)];
  if (parent !== undefined) lines.push(`from ${parent.trim()}`);
  for (const [path, text] of Object.entries(request.files)) {
    lines.push(
      text === null
        ? `D ${JSON.stringify(path)}`
        : `M ${text.startsWith("#!") ? "100755" : "100644"} inline ${JSON.stringify(path)}\n${data(text)}`,
    );
  }
  await gitText(directory, ["fast-import", "--quiet", "--date-format=raw"], `${lines.join("\n")}\n\n`);
  return (await gitText(directory, ["rev-parse", "--verify", ref])).trim();
}

const maxBytes = 256 * 1024 * 1024;

const repoConfig = {
  "http.receivepack": "true",
  "receive.advertiseAtomic": "true",
  "uploadpack.allowAnySHA1InWant": "true",
  // A push leaves nothing running behind it, and nothing here has to survive a power cut.
  "receive.autogc": "false",
  "gc.auto": "0",
  "core.fsync": "none",
  "core.logAllRefUpdates": "false",
};

const gitEnv = {
  PATH: process.env["PATH"] ?? "",
  LC_ALL: "C",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "forge",
  GIT_AUTHOR_EMAIL: "forge@users.noreply.example",
  GIT_COMMITTER_NAME: "forge",
  GIT_COMMITTER_EMAIL: "forge@users.noreply.example",
};

async function runGit(directory: string, args: readonly string[], input: string): Promise<Buffer> {
  const result = await execa("git", [...args], {
    cwd: directory,
    env: gitEnv,
    extendEnv: false,
    input,
    encoding: "buffer",
    maxBuffer: maxBytes,
    stripFinalNewline: false,
  });
  return Buffer.from(result.stdout);
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}`;
}

function isCopy(content: RepoContent): content is { readonly copyOf: string } {
  return Object.keys(content).length === 1 && "copyOf" in content;
}

/** Only reads the source. git takes the trust in a directory of another owner from a global configuration file alone. */
async function copyHead(directory: string, branch: string, source: string): Promise<void> {
  const trust = join(directory, "trusted-source");
  await writeFile(trust, `[safe]\n\tdirectory = *\n`);
  const args = ["fetch", "--quiet", "--no-tags", "--update-shallow", "--", resolve(source), `+HEAD:refs/heads/${branch}`];
  await execa("git", args, { cwd: directory, env: { ...gitEnv, GIT_CONFIG_GLOBAL: trust }, extendEnv: false, stdin: "ignore" });
  await rm(trust);
}
