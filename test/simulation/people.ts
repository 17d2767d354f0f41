import { statusMarker } from "../../src/core/checklist.ts";
import { parseCommands } from "../../src/core/commands.ts";
import { isSameLabel } from "../../src/core/labels.ts";
import { openSeal, sealLedger } from "../../src/core/ledger.ts";
import { repoKey, type Ledger, type Repo } from "../../src/core/run.ts";
import { openLedger } from "../../src/core/run-steps.ts";
import { repoConfigPath } from "../../src/core/repo-config.ts";
import type { FakeComment, FakeIssue } from "../support/fake-forge-state.ts";
import { marksIn } from "./marks.ts";
import { count, issueKey } from "./witness.ts";
import { noteApproval, type World } from "./world.ts";

/** Who may write in every repo; `tim` may label only, and everybody else may just open issues. */
export const writers: readonly string[] = ["ann", "bob"];

/** An issue that people can find. */
export interface Found {
  readonly repo: Repo;
  readonly issue: FakeIssue;
}

export function issuesOf({ repos, forge }: World): readonly Found[] {
  return repos.flatMap((repo) => [...forge.inside(repo).issues.values()].filter(({ isGone }) => !isGone).map((issue) => ({ repo, issue })));
}

export function nameOf({ repo, issue }: Found): string {
  return `${repo.name}#${issue.number}`;
}

const mostIssues = 5;

export function openIssue(world: World, repo: Repo, by: string, labels: readonly string[]): string | undefined {
  if (world.forge.inside(repo).issues.size >= mostIssues) return undefined;
  const marks = [world.newMark(), world.newMark()] as const;
  const number = world.forge.openIssue(repo, by, { title: `Sum ${marks[0]}`, body: `It is wrong: ${marks[1]}`, labels });
  if (writers.includes(by)) noteApproval(world, repo, number, marks);
  return `${by} opens ${repo.name}#${number} (${marks.join(", ")})`;
}

export function release(world: World, found: Found, by: string): string | undefined {
  const { forge, config } = world;
  const { repo, issue } = found;
  if (issue.labels.some((label) => isSameLabel(label, config.labels.ready))) return undefined;
  if (writers.includes(by)) {
    noteApproval(world, repo, issue.number, marksIn(issue.title + issue.body));
    count(world.witness.releases, issueKey(repo, issue.number));
  }
  forge.label(repo, issue.number, config.labels.ready, by);
  return `${by} labels ${nameOf(found)} ready`;
}

export function withdraw({ forge, config }: World, found: Found): string {
  forge.unlabel(found.repo, found.issue.number, config.labels.ready, "ann");
  return `ann takes the ready label off ${nameOf(found)}`;
}

/** The author, or somebody who may write, changes what the issue says. */
export function editIssue(world: World, found: Found, by: string, isTitle: boolean): string {
  const mark = world.newMark();
  const { author, number } = found.issue;
  world.forge.edit(found.repo, number, isTitle ? { title: `Sum ${mark}` } : { body: `No, so: ${mark}` }, by);
  if (writers.includes(author)) noteApproval(world, found.repo, number, [mark]);
  return `${by} edits ${nameOf(found)} (${mark})`;
}

export function reopenOrClose({ forge }: World, found: Found): string {
  const { repo, issue } = found;
  if (issue.isOpen) forge.close(repo, issue.number, "ann");
  else forge.reopen(repo, issue.number, "ann");
  return `ann ${issue.isOpen ? "reopens" : "closes"} ${nameOf(found)}`;
}

export function deleteLock({ store, witness }: World, repo: Repo): string | undefined {
  if (!store.locks.delete(repoKey(repo))) return undefined;
  count(witness.deletedLocks, repoKey(repo));
  return `ann deletes the lock of ${repo.name} by hand`;
}

function commentsOfAfk({ forge }: World, { issue }: Found): readonly FakeComment[] {
  return issue.comments.filter(({ author }) => author === forge.appLogin);
}

export function deleteComment(world: World, found: Found, which: number): string | undefined {
  const comments = commentsOfAfk(world, found);
  const comment = comments[which % comments.length];
  if (comment === undefined) return undefined;
  count(world.witness.deletedComments, issueKey(found.repo, found.issue.number));
  world.forge.deleteComment(found.repo, comment.id, "ann");
  return `ann deletes a comment of AFK on ${nameOf(found)}`;
}

/** Somebody who may edit comments gives AFK a ledger that suits them. */
export function forgeLedger(world: World, found: Found, which: number): string | undefined {
  const comments = commentsOfAfk(world, found);
  const comment = comments[which % comments.length];
  if (comment === undefined) return undefined;
  const { repo, issue } = found;
  const { config, saboteur, forge } = world;
  const secrets = saboteur.isSecretKnown === true ? config.stateSecrets : ["a guess"];
  const expected = { repoId: forge.inside(repo).id, issue: issue.number, secrets: config.stateSecrets };
  const ledger = forgedFrom(openSeal(comment.body, expected), expected, new Date(world.clock.now()).toISOString());
  count(world.witness.overwritten, issueKey(repo, issue.number));
  forge.editCommentBy(repo, comment.id, `${statusMarker(ledger.run)}\n${sealLedger(ledger, secrets)}`, "eve");
  return `eve puts a forged ledger into a comment of AFK on ${nameOf(found)}`;
}

function forgedFrom(real: Ledger | undefined, { repoId, issue }: { repoId: number; issue: number }, at: string): Ledger {
  const approval = { by: "eve", byId: 666, at, contentHash: "0".repeat(64) };
  const blank = real ?? openLedger({ repoId, issue, run: `${issue}-forged`, approval, base: "main", startedAt: at });
  const { end: _, ...rest } = blank;
  return { ...rest, run: `${issue}-forged`, epoch: 7, landed: { sha: "f".repeat(40), branch: "main", at }, startedAt: at };
}

const repoConfigs = [undefined, "test: [broken", "landing: none\n", "ci:\n  timeout_minutes: 10\n", "test: npm test\n"] as const;

export function configure({ forge }: World, repo: Repo, which: number): string {
  const text = repoConfigs[which % repoConfigs.length];
  forge.setFile(repo, repoConfigPath, text);
  return `ann ${text === undefined ? "removes" : "writes"} afk.yml of ${repo.name}${text === undefined ? "" : `: ${JSON.stringify(text)}`}`;
}

/** `MARK` stands for a word that nobody has said before. */
const remarks = [
  "/afk status",
  "/afk retry",
  "/afk cancel",
  "/afk fix try MARK",
  "/afk explain",
  "/afk retry MARK, please",
  "/afk fix",
  "/afk help\n/afk status",
  "/afk cancel\n/afk retry MARK",
  "/afk fix MARK\n\n/afk cancel",
  "/afk fix MARK\n/afk fix MARK",
  "/afk dance",
  "thanks!",
  "`/afk cancel` would stop it",
] as const;

export function remark(world: World, found: Found, by: string, which: number): string {
  return say(world, found, by, remarkOf(world, which));
}

export function say(world: World, found: Found, by: string, words: string): string {
  const { forge, witness } = world;
  const { repo, issue } = found;
  const kinds = parseCommands(words).map(({ kind }) => kind);
  const isByWriter = writers.includes(by);
  const releases = kinds.includes("retry") || kinds.includes("fix");
  if (isByWriter) noteApproval(world, repo, issue.number, marksIn(releases ? issue.title + issue.body + words : words));
  const id = forge.comment(repo, issue.number, words, by);
  if (kinds.length > 0) witness.askings.set(id, { issue: issueKey(repo, issue.number), isByWriter, kinds });
  return `${by} says ${JSON.stringify(words)} on ${nameOf(found)}`;
}

function remarkOf(world: World, which: number): string {
  const words = remarks[which % remarks.length] ?? "thanks!";
  return words.replaceAll("MARK", () => world.newMark());
}

/** What somebody makes of a comment after it was written commands nothing. */
export function rewordRemark(world: World, found: Found, by: string, which: number): string | undefined {
  const theirs = found.issue.comments.filter(({ author }) => author !== world.forge.appLogin);
  const comment = theirs[which % theirs.length];
  if (comment === undefined) return undefined;
  const words = remarkOf(world, which);
  world.forge.editCommentBy(found.repo, comment.id, words, by);
  return `${by} changes comment ${comment.id} on ${nameOf(found)} into ${JSON.stringify(words)}`;
}

export function headOf({ forge }: World, repo: Repo): string {
  return forge.inside(repo).branches.get("main")?.sha ?? "";
}

/** The newest commit of the base is taken off it. */
export function forcePush({ forge }: World, repo: Repo): string | undefined {
  const { branches, commits } = forge.inside(repo);
  const branch = branches.get("main");
  const parent = branch === undefined ? undefined : commits.get(branch.sha)?.parent;
  if (branch === undefined || parent === undefined) return undefined;
  branch.sha = parent;
  return `ann takes the newest commit off ${repo.name}`;
}
