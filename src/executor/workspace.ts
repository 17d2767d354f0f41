import { lstat, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CommandRecord } from "../core/run.ts";
import { git, tryGit } from "../git/run-git.ts";
import { assertSha, isDescendant, type Identity } from "../git/store.ts";
import type { TurnOrder } from "../ports.ts";
import { checkOut } from "./checkout.ts";
import { listUncommitted } from "./collect.ts";
import { makeFolder, removeTree, type RunPlace } from "./home.ts";
import { runShellLine, type ProofSite } from "./proofs.ts";
import { mendWorkspace, mergeIntoWorkspace, resetWorkspace } from "./workspace-git.ts";

/** What AFK remembers about a run's workspace between turns. It lies outside of what the agent can write. */
const notesShape = z.object({
  /** The commit of the base branch that the workspace was last set to. */
  base: z.string(),
  /** The landed commit that it was set up after. Once another one has landed, the next turn starts from the newest base. */
  landed: z.string().optional(),
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
  /** What of this run has landed before the turn. */
  readonly landed: string | undefined;
}

export type OpenedWorkspace =
  | { readonly kind: "open"; readonly notes: WorkspaceNotes }
  | { readonly kind: "setup-failed"; readonly record: CommandRecord };

/**
 * The run's one workspace, ready for the agent: kept from the turn before, where there is a sound one on this machine; reset to the newest
 * base after a landing; else made, from the work that an earlier turn of this run left on the forge, or from the base.
 */
export async function openWorkspace(site: WorkspaceSite, newest: string): Promise<OpenedWorkspace> {
  await removeTree(site.place.mail);
  await makeFolder(site.home, site.place.mail);
  const opened = (await reopenWorkspace(site, newest)) ?? (await makeWorkspace(site, newest));
  if (opened.kind === "open" && site.order.kind === "resolve") await mergeIntoWorkspace(site, newest);
  return opened;
}

/** `undefined`: there is none, or none that can be used. */
async function reopenWorkspace(site: WorkspaceSite, newest: string): Promise<OpenedWorkspace | undefined> {
  const notes = await readNotes(site.place);
  if (notes === undefined || !(await mendWorkspace(site, notes.base))) return undefined;
  await introduceAgent(site);
  if (notes.landed !== site.landed) return (await resetWorkspace(site, newest)) ? setUp(site, newest, false) : undefined;
  const reopened = { ...notes, isOpen: true };
  await writeNotes(site.place, reopened);
  return { kind: "open", notes: reopened };
}

async function makeWorkspace(site: WorkspaceSite, newest: string): Promise<OpenedWorkspace> {
  const kept = await findKeptWork(site, newest);
  await checkOutWorkspace(site, kept?.head ?? newest);
  return setUp(site, kept?.base ?? newest, kept === undefined);
}

/** The turn is over, and its work landed, kept or shown. */
export async function closeWorkspace(place: RunPlace, notes: WorkspaceNotes): Promise<void> {
  const newest = (await readNotes(place)) ?? notes;
  await writeNotes(place, { ...newest, isOpen: false });
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
async function checkOutWorkspace(site: WorkspaceSite, commit: string): Promise<void> {
  const { place, mirrorPath, order } = site;
  for (const path of [place.notes, place.workspace, place.home]) await removeTree(path);
  await makeFolder(site.home, place.root);
  const branch = `afk/issue-${order.issue.number}`;
  await checkOut({
    store: mirrorPath,
    commit,
    into: place.workspace,
    branch,
    shares: site.sandbox.kind === "bubblewrap",
    signal: site.signal,
  });
  await introduceAgent(site);
}

/** Who the agent is to git. It may have written anything into its HOME since. */
async function introduceAgent({ home, place, identity }: WorkspaceSite): Promise<void> {
  await makeFolder(home, place.home);
  const file = join(place.home, ".gitconfig");
  await removeTree(file);
  await writeFile(file, `[user]\n\tname = ${JSON.stringify(identity.name)}\n\temail = ${JSON.stringify(identity.email)}\n`, { flag: "wx" });
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
  const notes = { base, landed: site.landed, isOpen: true, untracked: [...untracked] };
  await writeNotes(site.place, notes);
  return { kind: "open", notes };
}

/**
 * What an earlier turn of this run kept as a branch, perhaps from another machine: one commit on a commit of the base branch. What was kept before
 * the work landed is part of what landed, or was given up.
 */
async function findKeptWork(site: WorkspaceSite, newest: string): Promise<{ readonly head: string; readonly base: string } | undefined> {
  const { order, identity, mirrorPath, landed } = site;
  const format = "%(objectname) %(parent) %(committeremail) %(contents:trailers:key=AFK-Run,valueonly,unfold)";
  const found = await git(
    ["for-each-ref", `--format=${format}`, `refs/heads/afk/issue-${order.issue.number}`, `refs/heads/afk/issue-${order.issue.number}-*`],
    { dir: mirrorPath },
  );
  for (const line of found.split("\n")) {
    const [head = "", base = "", committer, run] = line.split(" ");
    if (committer !== `<${identity.email}>` || run !== order.run) continue;
    if (!/^[0-9a-f]{40,64}$/.test(base) || !(await isDescendant(mirrorPath, newest, base))) continue;
    if (landed === undefined || (await isAfter(mirrorPath, base, landed))) return { head, base };
  }
  return undefined;
}

/** A landed commit that the mirror does not know was taken off the base branch. */
async function isAfter(dir: string, commit: string, landed: string): Promise<boolean> {
  assertSha(landed);
  return (await tryGit(["merge-base", "--is-ancestor", landed, commit], { dir })).exitCode === 0;
}
