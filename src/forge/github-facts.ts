/** GitHub's answers in AFK's words. */
import type { Blocker, CommentFacts, IssueFacts, Permission, RepoComment, RepoFacts } from "../core/observation.ts";
import type { CheckRun, CommitStatus } from "../core/verdict.ts";
import type { CheckRunAnswer, CommentAnswer, IssueAnswer, RepoAnswer, RepoCommentAnswer, StatusAnswer } from "./github-answers.ts";
import type { Installation } from "./github-client.ts";

/** GitHub names an account that was deleted so, and this is the name's own id. */
const ghost = "ghost";
const ghostId = 10_137;

export function toRepoFacts(answer: RepoAnswer, { permissions }: Installation): RepoFacts {
  return {
    id: answer.id,
    repo: { owner: answer.owner.login, name: answer.name },
    defaultBranch: answer.default_branch,
    isPrivate: answer.private,
    isArchived: answer.archived ?? false,
    mayPush: permissions["contents"] === "write",
    mayWriteIssues: permissions["issues"] === "write" && answer.has_issues !== false,
    mayRerunJobs: permissions["actions"] === "write",
  };
}

export function toIssueFacts(answer: IssueAnswer): IssueFacts {
  return {
    number: answer.number,
    title: answer.title,
    body: answer.body ?? "",
    author: answer.user?.login ?? ghost,
    labels: answer.labels.flatMap((label) => (typeof label === "string" ? label : (label.name ?? []))),
    isOpen: answer.state === "open",
    isLocked: answer.locked ?? false,
    url: answer.html_url,
    updatedAt: answer.updated_at,
    ...(answer.comments === undefined ? {} : { commentCount: answer.comments }),
    ...(answer.issue_dependencies_summary === undefined ? {} : { blockerCount: answer.issue_dependencies_summary.total_blocked_by }),
  };
}

/** Ours is what this app's bot did. What a person did through the app in their own name is not. */
export function isOurs(doer: CommentAnswer["user"], via: CommentAnswer["performed_via_github_app"], app: Installation): boolean {
  const isByThisBot = app.app_slug != null && doer?.login.toLowerCase() === `${app.app_slug}[bot]`.toLowerCase();
  return isByThisBot || (doer?.type === "Bot" && via?.id === app.app_id);
}

export function toCommentFacts(answer: CommentAnswer, app: Installation): CommentFacts {
  const login = answer.user?.login ?? ghost;
  return {
    id: answer.id,
    author: login,
    authorId: answer.user?.id ?? ghostId,
    authorIsBot: answer.user?.type === "Bot" || login.endsWith("[bot]"),
    isOurs: isOurs(answer.user, answer.performed_via_github_app, app),
    isEdited: answer.updated_at !== answer.created_at,
    body: answer.body ?? "",
    url: answer.html_url,
    createdAt: answer.created_at,
  };
}

/** `undefined`: a comment on a pull request. */
export function toRepoComment(answer: RepoCommentAnswer, app: Installation): RepoComment | undefined {
  if (/\/pull\/\d+(?:#|$)/.test(answer.html_url)) return undefined;
  return { ...toCommentFacts(answer, app), issue: Number(answer.issue_url.split("/").at(-1)) };
}

/** By role and, from servers that answer so, by the verb for git. Everything unknown is no. */
const permissions: Readonly<Record<string, Permission>> = {
  admin: "admin",
  maintain: "write",
  write: "write",
  push: "write",
  triage: "read",
  read: "read",
  pull: "read",
};

export function toPermission(word: string): Permission {
  return Object.hasOwn(permissions, word) ? (permissions[word] ?? "none") : "none";
}

/** `here` is the present `owner/name` of the blocked issue's repo. */
export function toBlocker(answer: IssueAnswer, here: string): Blocker {
  const home = homeOf(answer);
  const isHere = home.toLowerCase() === here.toLowerCase();
  return { reference: `${isHere ? "" : home}#${answer.number}`, isOpen: answer.state === "open" };
}

/** `owner/name` of the repo the issue lives in now. */
export function homeOf(answer: IssueAnswer): string {
  return answer.repository_url.split("/").slice(-2).join("/");
}

export function toCheckRun(answer: CheckRunAnswer): CheckRun {
  return {
    id: answer.id,
    app: answer.app?.slug ?? answer.app?.name ?? "",
    name: answer.name,
    conclusion: answer.status === "completed" ? (answer.conclusion ?? undefined) : undefined,
    startedAt: answer.started_at ?? undefined,
    completedAt: answer.completed_at ?? undefined,
    url: answer.html_url ?? answer.details_url ?? "",
  };
}

export function toCommitStatus(answer: StatusAnswer): CommitStatus {
  return { id: answer.id, context: answer.context, state: answer.state, at: answer.created_at, url: answer.target_url ?? "" };
}
