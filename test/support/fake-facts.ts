/** What the in-memory forge keeps, as the port tells it. */
import { isSameLabel } from "../../src/core/labels.ts";
import type { CommentFacts, IssueFacts, Release, RepoComment, RepoFacts } from "../../src/core/observation.ts";
import type { Time } from "../../src/core/run.ts";
import type { FakeComment, FakeIssue, FakeRepo } from "./fake-forge-state.ts";
import type { FakeWorld } from "./fake-people.ts";
import { issueUrl } from "./fake-webhooks.ts";

export function repoFacts({ id, repo, defaultBranch, isPrivate, isArchived, mayPush, mayWriteIssues, mayRerunJobs }: FakeRepo): RepoFacts {
  return { id, repo, defaultBranch, isPrivate, isArchived, mayPush, mayWriteIssues, mayRerunJobs };
}

export function issueFacts(repo: FakeRepo, issue: FakeIssue, hasDependencies: boolean): IssueFacts {
  const { number, title, body, author, labels, isOpen, isLocked, updatedAt, comments, blockers } = issue;
  const counts = { commentCount: comments.length, ...(hasDependencies ? { blockerCount: blockers.length } : {}) };
  return { number, title, body, author, labels: [...labels], isOpen, isLocked, url: issueUrl(repo, number), updatedAt, ...counts };
}

export function commentFacts({ state }: FakeWorld, repo: FakeRepo, issue: FakeIssue, comment: FakeComment, appLogin: string): CommentFacts {
  const { id, author, body, createdAt, isEdited } = comment;
  const by = { author, authorId: state.userId(author), authorIsBot: author.endsWith("[bot]"), isOurs: author === appLogin };
  return { id, ...by, isEdited, body, createdAt, url: `${issueUrl(repo, issue.number)}#issuecomment-${id}` };
}

/** As the port allows, without the bodies that hold no command. */
export function newestComments(
  world: FakeWorld,
  fake: FakeRepo,
  appLogin: string,
  since: { readonly notBefore: Time; readonly after: number },
): readonly RepoComment[] {
  const all = [...fake.issues.values()]
    .filter(({ isGone }) => !isGone)
    .flatMap((issue) => issue.comments.map((comment) => ({ ...commentFacts(world, fake, issue, comment, appLogin), issue: issue.number })));
  return all
    .filter(({ id, createdAt }) => id > since.after && Date.parse(createdAt) >= Date.parse(since.notBefore))
    .toSorted((one, other) => other.id - one.id)
    .slice(0, 1000)
    .map((comment) => (/\/afk/i.test(comment.body) ? comment : { ...comment, body: "" }));
}

export function releaseOf(
  { state }: FakeWorld,
  issue: FakeIssue,
  label: string,
  { knowsEdits, appLogin }: { readonly knowsEdits: boolean; readonly appLogin: string },
): Release | undefined {
  const last = issue.timeline.findLast((entry) => entry.label !== undefined && isSameLabel(entry.label, label));
  if (last?.event !== "labeled") return undefined;
  const isRenamed = isRenamedSince(issue, last.at);
  const isEdited = isEditedSince(issue, last.at);
  const editedSince = isRenamed ? "yes" : !knowsEdits ? "unknown" : isEdited ? "yes" : "no";
  const by = { by: last.actor, byId: state.userId(last.actor), byIsBot: last.actor.endsWith("[bot]") };
  return { ...by, ...(last.actor === appLogin ? { isOurs: true } : {}), at: last.at, editedSince };
}

function isRenamedSince(issue: FakeIssue, since: string): boolean {
  return issue.timeline.some((entry) => entry.event === "renamed" && entry.at >= since);
}

export function isEditedSince(issue: FakeIssue, since: string): boolean {
  return isRenamedSince(issue, since) || (issue.lastEditedAt !== undefined && issue.lastEditedAt >= since);
}
