import { randomUUID } from "node:crypto";
import { access, mkdir, realpath, rename, rm } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { parseRepo, repoKey, slugOf, type Repo } from "../core/run.ts";
import { git, GitError, tryGit } from "./run-git.ts";

/** Who git says made a commit. */
export interface Identity {
  readonly name: string;
  readonly email: string;
}

/** A commit to be written without a work tree. */
export interface CommitSpec {
  /** The top-level files by name, or the sha of a tree that is there already. */
  readonly tree: string | Readonly<Record<string, string>>;
  readonly parents: readonly string[];
  readonly message: string;
  readonly identity: Identity;
  /** Milliseconds since the epoch; git keeps whole seconds. */
  readonly date: number;
}

const shaShape = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
/** One path component that git accepts in a tree and that no shell, argv or mktree line misreads. */
const fileNameShape = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** Throws unless the text is a full object name (SHA-1 or SHA-256), so that it can stand anywhere in an argv. */
export function assertSha(text: string): void {
  if (!shaShape.test(text)) throw new Error(`not an object name: ${JSON.stringify(text)}`);
}

/** Where a repo's bare store lies: `<home>/repos/<owner>/<name>.git`, lower case, because forges treat names without regard to case. */
export function storePath(home: string, repo: Repo): string {
  if (parseRepo(slugOf(repo)) === undefined) throw new Error(`not a repository name: ${JSON.stringify(slugOf(repo))}`);
  const path = resolve(home, "repos", `${repoKey(repo)}.git`);
  if (!path.startsWith(resolve(home, "repos") + sep)) throw new Error(`outside of the home: ${JSON.stringify(path)}`);
  return path;
}

/**
 * Answers the path of a repo's bare store and makes it when it is missing. A store appears complete or not at all
 * (it is made beside its place and renamed), so a crash leaves no half of one and two makers do not collide.
 */
export async function openStore(home: string, repo: Repo): Promise<string> {
  const path = storePath(home, repo);
  const parent = dirname(path);
  await mkdir(parent, { recursive: true });
  await proveInside(home, parent);
  if (await exists(join(path, "HEAD"))) {
    await proveInside(home, path);
    return path;
  }
  const draft = join(parent, `.new-${randomUUID()}`);
  try {
    await git(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", draft], { dir: parent });
    await rename(draft, path);
  } catch (error) {
    if (!(await exists(join(path, "HEAD")))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return path;
}

/** Symbolic links in the way could lead elsewhere; only the real path counts. */
async function proveInside(home: string, path: string): Promise<void> {
  const repos = await realpath(join(home, "repos"));
  if (!(await realpath(path)).startsWith(repos + sep)) throw new Error(`outside of the home: ${JSON.stringify(path)}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Writes a commit and answers its sha. No ref is touched: until one is, git's gc may remove it after two weeks. */
export async function writeCommit(dir: string, spec: CommitSpec): Promise<string> {
  const tree = typeof spec.tree === "string" ? spec.tree : await writeTree(dir, spec.tree);
  for (const sha of [tree, ...spec.parents]) assertSha(sha);
  const date = `@${Math.floor(spec.date / 1000)} +0000`;
  const env = {
    GIT_AUTHOR_NAME: spec.identity.name,
    GIT_AUTHOR_EMAIL: spec.identity.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: spec.identity.name,
    GIT_COMMITTER_EMAIL: spec.identity.email,
    GIT_COMMITTER_DATE: date,
  };
  const parents = spec.parents.flatMap((parent) => ["-p", parent]);
  return (await git(["commit-tree", ...parents, tree], { dir, env, input: spec.message })).trim();
}

async function writeTree(dir: string, files: Readonly<Record<string, string>>): Promise<string> {
  const entries = await Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      if (!fileNameShape.test(name)) throw new Error(`not a file name: ${JSON.stringify(name)}`);
      const blob = (await git(["hash-object", "-w", "--stdin"], { dir, input: text })).trim();
      return `100644 blob ${blob}\t${name}\n`;
    }),
  );
  return (await git(["mktree"], { dir, input: entries.join("") })).trim();
}

/** A file's text in a commit; `undefined` when there is no such file or it is larger than `maxBytes`. */
export async function readBlob(dir: string, commit: string, path: string, maxBytes: number): Promise<string | undefined> {
  assertSha(commit);
  const size = await tryGit(["cat-file", "-s", `${commit}:${path}`], { dir });
  if (size.exitCode !== 0 || Number(size.stdout) > maxBytes) return undefined;
  const blob = await tryGit(["cat-file", "blob", `${commit}:${path}`], { dir });
  return blob.exitCode === 0 ? blob.stdout : undefined;
}

/** Whether the store has the object, whatever its kind. */
export async function hasObject(dir: string, sha: string): Promise<boolean> {
  assertSha(sha);
  return (await tryGit(["cat-file", "-e", sha], { dir })).exitCode === 0;
}

/** Whether a commit is, or descends from, another. Both must be in the store. */
export async function isDescendant(dir: string, commit: string, ancestor: string): Promise<boolean> {
  for (const sha of [commit, ancestor]) assertSha(sha);
  const { exitCode, stderr } = await tryGit(["merge-base", "--is-ancestor", ancestor, commit], { dir });
  if (exitCode > 1) throw new GitError("merge-base", exitCode, stderr);
  return exitCode === 0;
}
