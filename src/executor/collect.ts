import { constants } from "node:fs";
import { lstat, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { git, tryGit } from "../git/run-git.ts";
import { assertSha, isDescendant, writeCommit, type Identity } from "../git/store.ts";
import { readChangedPaths, readFileChanges, type Change } from "./change.ts";
import { lookAt, removeTree, type RunPlace } from "./home.ts";
import type { Sandbox } from "./sandbox.ts";

export interface CollectSite {
  readonly place: RunPlace;
  readonly mirrorPath: string;
  readonly sandbox: Sandbox;
  readonly identity: Identity;
  readonly signal: AbortSignal;
}

/** What the work is measured against. */
export interface WorkspaceStart {
  /** The commit of the base branch that the workspace stood on. */
  readonly startedFrom: string;
  /** The base branch as the mirror has it. */
  readonly newest: string;
  /** Files that were new or changed before the agent came. */
  readonly known: readonly string[];
  readonly now: number;
}

/** What the agent left behind. */
export interface Collected {
  /** The agent's own last commit, with its history, in the run's store. */
  readonly head: string;
  readonly change: Change;
}

export type Collecting =
  | { readonly kind: "work"; readonly collected: Collected; readonly uncommitted: readonly string[] }
  | { readonly kind: "nothing"; readonly uncommitted: readonly string[] }
  /** More than AFK takes in. `bundle` is the work as a file the sandbox wrote, unexamined. */
  | { readonly kind: "too-large"; readonly head: string; readonly bundle: string | undefined }
  /** git in the workspace does not answer: the agent has broken its repository. */
  | { readonly kind: "unreadable"; readonly why: string };

/** What AFK takes into a store: 16 times what may land, so that ordinary mistakes are still told apart. */
const maxPackBytes = 64 * 1024 * 1024;
/** What is kept for a person all the same. */
const maxBundleBytes = 1024 * 1024 * 1024;
const timeoutMs = 120_000;

/** What test runs and compilers leave behind. Only committed files land, so these being there is no sign of forgotten work. */
const byProducts = [
  "node_modules/",
  "__pycache__/",
  ".pytest_cache/",
  "*.pyc",
  ".coverage",
  "coverage/",
  ".nyc_output/",
  "target/",
  "*.tsbuildinfo",
  ".DS_Store",
  ".venv/",
  ".npm/",
  "*.log",
];

/**
 * Brings the agent's commits into the run's own store. git runs in the workspace only inside the sandbox, where it packs what the base does not have;
 * outside, every packed object is checked and only then becomes part of the store.
 */
export async function collectWork(site: CollectSite, { startedFrom, newest, known, now }: WorkspaceStart): Promise<Collecting> {
  const dirty = await listUncommitted(site);
  if (dirty === undefined) return { kind: "unreadable", why: "git status fails in the workspace" };
  const before = new Set(known);
  const uncommitted = dirty.filter((path) => !before.has(path));
  const head = (await readMail(site, "head", 100)).trim();
  if (!/^[0-9a-f]{40,64}$/.test(head)) return { kind: "unreadable", why: "the workspace has no commit" };

  const store = await openRunStore(site);
  if ((await tryGit(["cat-file", "-e", `${head}^{commit}`], { dir: store })).exitCode !== 0) {
    const isPacked = await inSandbox(site, packScript, [String(maxPackBytes / 512), head, startedFrom]);
    const pack = await openMail(site, "work.pack", maxPackBytes);
    if (!isPacked || pack === undefined) return { kind: "too-large", head, bundle: await bundleUnexamined(site, head, startedFrom) };
    await git(["index-pack", "--stdin", "--fix-thin", "--strict", `--max-input-size=${maxPackBytes}`], {
      dir: store,
      input: pack,
      timeoutMs,
    });
  }
  // An object that the agent claims to have and did not hand over would make every later step fail.
  await git(["rev-list", "--objects", "--quiet", head, "--not", startedFrom, newest], { dir: store, timeoutMs });
  await git(["update-ref", "refs/afk/work", head], { dir: store });

  const base = await findBase(store, head, startedFrom, newest);
  const change = await squash({ store, head, base, identity: site.identity, now });
  return change === undefined ? { kind: "nothing", uncommitted } : { kind: "work", collected: { head, change }, uncommitted };
}

/** The agent's commits since `base` as a bundle that the sandbox writes and nobody opens; `undefined` when there are none. */
export async function bundleWork(site: CollectSite, base: string): Promise<{ readonly head: string; readonly bundle: string } | undefined> {
  if ((await listUncommitted(site)) === undefined) return undefined;
  const head = (await readMail(site, "head", 100)).trim();
  if (!/^[0-9a-f]{40,64}$/.test(head) || head === base) return undefined;
  const bundle = await bundleUnexamined(site, head, base);
  return bundle === undefined ? undefined : { head, bundle };
}

/** What is changed or new in the workspace and not committed; `undefined` when its git does not answer. */
export async function listUncommitted(site: CollectSite): Promise<readonly string[] | undefined> {
  await excludeByProducts(site);
  const isThere = await inSandbox(site, statusScript, []);
  return isThere && parseStatus(await readMail(site, "status", 1024 * 1024));
}

const statusScript = `git -c core.fsmonitor=false -c core.excludesFile="$AFK_MAIL/excludes" -c status.showUntrackedFiles=normal status --porcelain -z > "$AFK_MAIL/status" && git rev-parse --verify --quiet 'HEAD^{commit}' > "$AFK_MAIL/head"`;
/** `ulimit -f` counts in 512-byte blocks: a pack beyond it is cut off by the kernel, whatever git in there would rather do. */
const packScript = `ulimit -f "$1" && printf '%s\\n^%s\\n' "$2" "$3" | git pack-objects --revs --thin --stdout --quiet > "$AFK_MAIL/work.pack"`;
const bundleScript = `ulimit -f "$1" && git update-ref refs/afk/work "$2" && git bundle create --quiet "$AFK_MAIL/work.bundle" refs/afk/work "^$3"`;

/** Our own constant scripts; what varies comes as arguments. `undefined`: the script failed. */
async function inSandbox(site: CollectSite, script: string, args: readonly string[]): Promise<true | undefined> {
  const { place, sandbox, mirrorPath, signal } = site;
  const result = await sandbox.run({
    argv: ["sh", "-c", script, "sh", ...args],
    cwd: place.workspace,
    home: place.home,
    env: { AFK_MAIL: place.mail },
    readable: [mirrorPath],
    writable: [place.mail],
    timeoutMs,
    signal,
  });
  signal.throwIfAborted();
  return result.exitCode === 0 ? true : undefined;
}

async function excludeByProducts(site: CollectSite): Promise<void> {
  for (const name of ["excludes", "status", "head", "work.pack", "work.bundle"]) await removeTree(join(site.place.mail, name));
  const file = await open(join(site.place.mail, "excludes"), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  await file.writeFile(byProducts.join("\n") + "\n");
  await file.close();
}

/** Reads a file that the sandbox may have written: a regular file of bounded size, never through a link. */
async function openMail(site: CollectSite, name: string, maxBytes: number): Promise<Buffer | undefined> {
  const path = join(site.place.mail, name);
  const found = await lookAt(path);
  if (found === undefined || !found.isFile() || found.size > maxBytes) return undefined;
  return readFile(path, { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
}

async function readMail(site: CollectSite, name: string, maxBytes: number): Promise<string> {
  return (await openMail(site, name, maxBytes))?.toString() ?? "";
}

/** `XY path`, and for renames a second word with the old path. */
function parseStatus(text: string): readonly string[] {
  const words = text.split("\0");
  const paths: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (word.length < 4) continue;
    paths.push(word.slice(3));
    if (word.startsWith("R") || word.startsWith("C")) at += 1;
  }
  return paths;
}

/** The run's own store borrows the mirror's objects; what the agent wrote goes only into the store. */
async function openRunStore({ place, mirrorPath }: CollectSite): Promise<string> {
  const found = await lookAt(join(place.store, "HEAD"));
  if (found === undefined)
    await git(["clone", "--quiet", "--bare", "--shared", "--template=", "--", mirrorPath, place.store], { dir: mirrorPath });
  return place.store;
}

async function bundleUnexamined(site: CollectSite, head: string, base: string): Promise<string | undefined> {
  const isBundled = await inSandbox(site, bundleScript, [String(maxBundleBytes / 512), head, base]);
  const path = join(site.place.mail, "work.bundle");
  return isBundled && (await lstat(path)).isFile() ? path : undefined;
}

/**
 * What the work is a change *to*. The agent may have merged or pulled the base branch, then only what is not in the base branch is its work.
 * With a rewritten history it is everything since the start.
 */
async function findBase(store: string, head: string, startedFrom: string, newest: string): Promise<string> {
  const { exitCode, stdout } = await tryGit(["merge-base", head, newest], { dir: store });
  const fork = stdout.trim();
  return exitCode === 0 && (await isDescendant(store, fork, startedFrom)) ? fork : startedFrom;
}

/** The work as one commit on its base; `undefined` when it changes nothing. */
async function squash(work: { store: string; head: string; base: string; identity: Identity; now: number }): Promise<Change | undefined> {
  const { store, head, base, identity, now } = work;
  for (const sha of [head, base]) assertSha(sha);
  const [tree = "", baseTree = ""] = (await git(["rev-parse", `${head}^{tree}`, `${base}^{tree}`], { dir: store })).trim().split("\n");
  if (tree === baseTree) return undefined;
  const log = await git(["log", "--max-count=100", "--no-merges", "--format=%B%x00", head, `^${base}`, "--"], { dir: store });
  const commit = await writeCommit(store, { tree, parents: [base], message: "work\n", identity, date: now });
  return {
    store,
    base,
    tree,
    commit,
    paths: await readChangedPaths(store, base, commit),
    files: await readFileChanges(store, base, commit),
    messages: log
      .split("\0")
      .map((text) => text.trim())
      .filter(Boolean),
  };
}
