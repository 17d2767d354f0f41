import { lstat, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CommandRecord } from "../core/run.ts";
import { git } from "../git/run-git.ts";
import { isDescendant, type Identity } from "../git/store.ts";
import type { TurnOrder } from "../ports.ts";
import { checkOut } from "./checkout.ts";
import { listUncommitted } from "./collect.ts";
import { makeFolder, removeTree, type RunPlace } from "./home.ts";
import { runShellLine, type ProofSite } from "./proofs.ts";

/** What AFK remembers about a run's workspace between turns. It lies outside of what the agent can write. */
const notesShape = z.object({
  /** The commit of the base branch that the workspace was last set to. */
  base: z.string(),
  /** The work in it has landed: the next turn starts from the newest base. */
  hasLanded: z.boolean(),
  /** A turn is at work in it: what it has committed is neither landed nor kept yet. */
  isOpen: z.boolean(),
  /** What `setup` left lying about, which is not the agent's. */
  untracked: z.array(z.string()),
  /** The base has been proved, with this command: a nudge need not prove it again. */
  proved: z.custom<CommandRecord>((value) => typeof value === "object" && value !== null).optional(),
});
export type WorkspaceNotes = z.infer<typeof notesShape>;

export interface WorkspaceSite extends ProofSite {
  readonly order: TurnOrder;
  readonly identity: Identity;
}

export type OpenedWorkspace =
  | { readonly kind: "open"; readonly notes: WorkspaceNotes }
  | { readonly kind: "setup-failed"; readonly record: CommandRecord };

/** git inside the sandbox is the agent's git: quick work on a local repo, even a large one. */
const gitTimeoutMs = 120_000;

/**
 * The run's one workspace, ready for the agent: kept from the turn before, where there was one on this machine; reset to the newest
 * base after a landing; else made, from the work that an earlier turn of this run left on the forge, or from the base.
 */
export async function openWorkspace(site: WorkspaceSite, newest: string): Promise<OpenedWorkspace> {
  const notes = await readNotes(site.place);
  if (notes !== undefined && !notes.hasLanded) {
    if (site.order.kind === "resolve") await runGit(site, ["merge", "--no-edit", newest]);
    const reopened = { ...notes, isOpen: true };
    await writeNotes(site.place, reopened);
    return { kind: "open", notes: reopened };
  }
  if (notes !== undefined && (await resetWorkspace(site, newest))) return setUp(site, newest, false);
  const kept = await findKeptWork(site, newest);
  await makeWorkspace(site, kept?.head ?? newest);
  return setUp(site, kept?.base ?? newest, kept === undefined);
}

/** The turn is over, and its work landed, kept or shown. After a landing the next turn starts from what is on the base branch. */
export async function closeWorkspace(place: RunPlace, notes: WorkspaceNotes, hasLanded: boolean): Promise<void> {
  const newest = (await readNotes(place)) ?? notes;
  await writeNotes(place, { ...newest, hasLanded, isOpen: false });
}

export async function writeNotes(place: RunPlace, notes: WorkspaceNotes): Promise<void> {
  await writeFile(place.notes, JSON.stringify(notes));
}

/** Missing, damaged, or from a setup that did not end: then a new workspace is made. */
export async function readNotes(place: RunPlace): Promise<WorkspaceNotes | undefined> {
  try {
    if (!(await lstat(place.workspace)).isDirectory()) return undefined;
    return notesShape.parse(JSON.parse(await readFile(place.notes, "utf8")));
  } catch {
    return undefined;
  }
}

/** Nothing of the repo has run in it yet. */
async function makeWorkspace(site: WorkspaceSite, commit: string): Promise<void> {
  const { place, mirrorPath, identity, order } = site;
  for (const path of [place.notes, place.workspace, place.home]) await removeTree(path);
  for (const folder of [place.root, place.home, place.mail]) await makeFolder(site.home, folder);
  const branch = `afk/issue-${order.issue.number}`;
  await checkOut({
    store: mirrorPath,
    commit,
    into: place.workspace,
    branch,
    shares: site.sandbox.kind === "bubblewrap",
    signal: site.signal,
  });
  const user = `[user]\n\tname = ${JSON.stringify(identity.name)}\n\temail = ${JSON.stringify(identity.email)}\n`;
  await writeFile(join(place.home, ".gitconfig"), user);
}

/** Only a workspace that holds nothing but the base may fill the shared package cache. */
async function setUp(site: WorkspaceSite, base: string, isPureBase: boolean): Promise<OpenedWorkspace> {
  const { setup } = site.recipe;
  if (setup !== undefined) {
    const cache = isPureBase ? await site.cache.shared() : await site.cache.copyTo(site.place.cache);
    const record = await runShellLine(site, setup, { cwd: site.place.workspace, home: site.place.home, cache });
    if (record.exitCode !== 0) return { kind: "setup-failed", record };
  }
  const untracked = setup === undefined ? [] : ((await listUncommitted(site)) ?? []);
  const notes = { base, hasLanded: false, isOpen: true, untracked: [...untracked] };
  await writeNotes(site.place, notes);
  return { kind: "open", notes };
}

/**
 * Sets a workspace that an agent has used to a commit of the mirror. git runs in the sandbox: the workspace's configuration is the agent's.
 * `false`: it did not work, and the workspace has to be made anew.
 */
async function resetWorkspace(site: WorkspaceSite, commit: string): Promise<boolean> {
  const branch = `afk/issue-${site.order.issue.number}`;
  if (!(await runGit(site, ["checkout", "--quiet", "--force", "--no-track", "-B", branch, commit]))) return false;
  return runGit(site, ["clean", "--quiet", "-ffd"]);
}

async function runGit(site: WorkspaceSite, args: readonly string[]): Promise<boolean> {
  const { place, sandbox, mirrorPath, signal } = site;
  const result = await sandbox.run({
    argv: ["git", ...args],
    cwd: place.workspace,
    home: place.home,
    readable: [mirrorPath],
    timeoutMs: gitTimeoutMs,
    signal,
  });
  signal.throwIfAborted();
  return result.exitCode === 0;
}

/** What an earlier turn of this run kept as a branch, perhaps from another machine: one commit on a commit of the base branch. */
async function findKeptWork(site: WorkspaceSite, newest: string): Promise<{ readonly head: string; readonly base: string } | undefined> {
  const { order, identity, mirrorPath } = site;
  const format = "%(objectname) %(parent) %(committeremail) %(contents:trailers:key=AFK-Run,valueonly,unfold)";
  const found = await git(
    ["for-each-ref", `--format=${format}`, `refs/heads/afk/issue-${order.issue.number}`, `refs/heads/afk/issue-${order.issue.number}-*`],
    { dir: mirrorPath },
  );
  for (const line of found.split("\n")) {
    const [head = "", base = "", committer, run] = line.split(" ");
    if (committer !== `<${identity.email}>` || run !== order.run) continue;
    if (/^[0-9a-f]{40,64}$/.test(base) && (await isDescendant(mirrorPath, newest, base))) return { head, base };
  }
  return undefined;
}
