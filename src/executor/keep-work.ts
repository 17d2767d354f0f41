import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commitMessage } from "../core/commit-message.ts";
import type { KeptWork } from "../core/run.ts";
import { pushRefs, readRemoteRefs } from "../git/refs.ts";
import { git, tryGit } from "../git/run-git.ts";
import { writeCommit, type Identity } from "../git/store.ts";
import type { Claim, Lock, Log, TurnOrder } from "../ports.ts";
import { modes, readSizes, type Change } from "./change.ts";
import type { Collected } from "./collect.ts";
import { makeFolder, placeOfRepo } from "./home.ts";

export interface KeepSite {
  readonly home: string;
  readonly order: TurnOrder;
  readonly claim: Claim;
  readonly lock: Lock;
  readonly identity: Identity;
  readonly now: () => number;
  readonly log: Log;
}

/** A push takes a second or two; with less lease left another replica may already be at work on the same run. */
const leaseNeededMs = 30_000;
/** `afk/issue-7`, `afk/issue-7-2`, …: beyond this somebody collects branches, and one more does not help. */
const maxBranches = 9;

/**
 * Keeps the work of a turn that did not land: as a branch on the forge when it may be seen there, else as a bundle on this machine with the agent's
 * own history in it. A branch that somebody else has pushed to is never touched.
 */
export async function keepWork(site: KeepSite, { head, change }: Collected, mayPublish: boolean): Promise<KeptWork> {
  if (!mayPublish || site.lock.leaseLeftMs(site.claim) < leaseNeededMs) return keepBundle(site, change, head);
  try {
    return (await keepBranch(site, change)) ?? (await keepBundle(site, change, head));
  } catch (error) {
    site.log.warn({ ...fieldsOf(site.order), error }, "kept branch not pushed");
    return keepBundle(site, change, head);
  }
}

/** The work as one commit, as it would have landed: intermediate commits may hold what the end result does not. */
async function keepBranch(site: KeepSite, change: Change): Promise<KeptWork | undefined> {
  const { order, identity, now } = site;
  const message = commitMessage({ messages: change.messages, issue: order.issue, run: order.run, approval: order.approval });
  const sha = await writeCommit(change.store, { tree: change.tree, parents: [change.base], message, identity, date: now() });
  const names = Array.from({ length: maxBranches }, (_, index) => `afk/issue-${order.issue.number}${index === 0 ? "" : `-${index + 1}`}`);
  const heads = await readRemoteRefs(
    change.store,
    order.remote,
    names.map((name) => `refs/heads/${name}`),
  );
  for (const branch of names) {
    const ref = `refs/heads/${branch}`;
    const from = heads.get(ref);
    if (from === sha) return { where: "branch", branch, sha };
    if (from !== undefined && !(await isOurs(site, change.store, from))) continue;
    const answer = await pushRefs(change.store, order.remote, [{ ref, from, to: sha }]);
    if (answer.kind === "moved") return { where: "branch", branch, sha };
    if (answer.kind === "refused") return undefined;
  }
  return undefined;
}

/** Made by AFK for this issue and not touched since: AFK committed it, and it says so. A commit that the mirror has not seen is somebody else's. */
async function isOurs({ order, identity }: KeepSite, store: string, sha: string): Promise<boolean> {
  const { exitCode, stdout } = await tryGit(["show", "--no-patch", "--format=%ce%n%B", sha], { dir: store });
  const [committer, ...message] = stdout.split("\n");
  return exitCode === 0 && committer === identity.email && message.includes(`Refs #${order.issue.number}`);
}

async function keepBundle(site: KeepSite, change: Change, head: string): Promise<KeptWork> {
  const { store, base } = change;
  const path = await bundlePath(site);
  await git(["update-ref", "refs/afk/work", head], { dir: store });
  await git(["bundle", "create", "--quiet", path, "refs/afk/work", `^${base}`], { dir: store });
  // git makes a patch in memory, and a pack of megabytes may hold gigabytes of zeros.
  if ((await changedBytes(change)) > maxPatchedBytes) return { where: "bundle", path, sha: head };
  const patch = path.replace(/\.bundle$/, ".patch");
  await writeFile(patch, "", { mode: 0o600 });
  await git(["diff", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", `--output=${patch}`, base, head], { dir: store });
  return { where: "bundle", path, sha: head };
}

/** A patch beside the bundle is a convenience, for changes that a person would read. */
const maxPatchedBytes = 64 * 1024 * 1024;

/** What the changed files hold, before and after. */
async function changedBytes({ store, paths }: Change): Promise<number> {
  const blobs = paths.filter(({ mode, oldMode }) => mode !== modes.submodule && oldMode !== modes.submodule);
  const sizes = await readSizes(
    store,
    blobs.flatMap(({ blob, oldBlob }) => [blob, oldBlob].filter((sha) => sha !== undefined)),
  );
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** Work too large to be taken in, in the file that the sandbox wrote: moved, not opened. */
export async function keepUnexamined(site: KeepSite, bundle: string, head: string): Promise<KeptWork> {
  const path = await bundlePath(site);
  await rename(bundle, path);
  return { where: "bundle", path, sha: head };
}

async function bundlePath({ home, order }: KeepSite): Promise<string> {
  const folder = placeOfRepo(home, "kept", order.repo);
  await makeFolder(home, folder);
  return join(folder, `issue-${order.issue.number}-${order.run}.bundle`);
}

function fieldsOf({ repo, issue, run, id }: TurnOrder) {
  return { repo: `${repo.owner}/${repo.name}`, issue: issue.number, run, turn: id };
}
