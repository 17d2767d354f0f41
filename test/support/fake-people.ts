import { isSameLabel } from "../../src/core/labels.ts";
import type { FailureReport, Permission } from "../../src/core/observation.ts";
import { parseRepo, repoKey, slugOf, type Repo } from "../../src/core/run.ts";
import type { CheckRun, CommitStatus } from "../../src/core/verdict.ts";
import { ForgeError } from "../../src/ports.ts";
import {
  addFakeRepo,
  newCommit,
  type FakeBranch,
  type FakeComment,
  type FakeCommit,
  type FakeIssue,
  type FakeRepo,
  type FakeState,
} from "./fake-forge-state.ts";
import type { RepoOptions, TimelineEntry } from "./fake-forge-state.ts";
import type { FakeWebhook, FakeWebhooks } from "./fake-webhooks.ts";

/** What people, their CI and the forge's operator do. Every change sends its webhook; a change that changes nothing sends none. */
export interface FakePeople {
  /** `owner/name`. */
  addRepo(slug: string, options?: RepoOptions): Repo;
  /** Answers the issue's number. Labels are set one by one after it, as on GitHub. */
  openIssue(
    repo: Repo,
    by: string,
    content: { readonly title: string; readonly body?: string; readonly labels?: readonly string[] },
  ): number;
  label(repo: Repo, issue: number, label: string, by: string): void;
  unlabel(repo: Repo, issue: number, label: string, by: string): void;
  /** Answers the comment's id. */
  comment(repo: Repo, issue: number, body: string, by: string): number;
  edit(repo: Repo, issue: number, change: { readonly title?: string; readonly body?: string }, by: string): void;
  editCommentBy(repo: Repo, comment: number, body: string, by: string): void;
  deleteComment(repo: Repo, comment: number, by: string): void;
  close(repo: Repo, issue: number, by: string): void;
  reopen(repo: Repo, issue: number, by: string): void;
  deleteIssue(repo: Repo, issue: number, by: string): void;
  transferIssue(repo: Repo, issue: number, by: string): void;
  /** `issue` waits for `blocker`, which may live in another repo. */
  block(repo: Repo, issue: number, blocker: number, inRepo?: Repo): void;
  setPermission(repo: Repo, login: string, permission: Permission): void;
  /** The old name keeps working, as on GitHub. */
  renameRepo(repo: Repo, name: string): void;

  /** `undefined` removes it. Default branch unless said otherwise. */
  setFile(repo: Repo, path: string, text: string | undefined, branch?: string): void;
  protect(repo: Repo, branch: string, isProtected?: boolean): void;
  /** A new commit on the branch, made when missing: a push by anyone. `sha` when git made it. Answers the sha. */
  landCommit(repo: Repo, branch: string, sha?: string): string;
  /** A check run of the commit in place of the one of that name and app; without conclusion it is running. */
  ci(repo: Repo, sha: string, conclusion: string | undefined, name?: string, app?: string): void;
  /** What the forge shows of why the check runs of this name failed, from now on. */
  explainFailure(repo: Repo, sha: string, name: string, report: FailureReport): void;
  status(repo: Repo, sha: string, state: CommitStatus["state"], context?: string): void;
}

export interface FakeWorld {
  readonly state: FakeState;
  readonly payloads: FakeWebhooks;
  readonly emit: (webhook: FakeWebhook) => void;
}

export function findRepo({ state }: FakeWorld, repo: Repo): FakeRepo {
  const found = state.repos.get(repoKey(repo));
  if (found === undefined || !found.isInstalled) throw new ForgeError(`${slugOf(repo)}: not found`, 404);
  return found;
}

export function findIssue(repo: FakeRepo, number: number): FakeIssue {
  const found = repo.issues.get(number);
  if (found === undefined || found.isGone) throw new ForgeError(`#${number}: not found`, 404);
  return found;
}

export function findComment(repo: FakeRepo, id: number): { readonly issue: FakeIssue; readonly comment: FakeComment } {
  for (const issue of repo.issues.values()) {
    const comment = issue.comments.find((candidate) => candidate.id === id);
    if (comment !== undefined && !issue.isGone) return { issue, comment };
  }
  throw new ForgeError(`comment ${id}: not found`, 404);
}

function findBranch(repo: FakeRepo, name: string): FakeBranch {
  const found = repo.branches.get(name);
  if (found === undefined) throw new Error(`the fake forge has no branch ${name}`);
  return found;
}

function commitOf(repo: FakeRepo, sha: string): FakeCommit {
  const commit = repo.commits.get(sha) ?? newCommit(undefined);
  repo.commits.set(sha, commit);
  return commit;
}

export function createFakePeople(world: FakeWorld): FakePeople {
  return { ...peopleOnIssues(world), ...peopleOnRepos(world), ...machines(world) };
}

type IssueVerbs =
  | "openIssue"
  | "label"
  | "unlabel"
  | "comment"
  | "edit"
  | "editCommentBy"
  | "deleteComment"
  | "close"
  | "reopen"
  | "deleteIssue"
  | "transferIssue"
  | "block";

function peopleOnIssues(world: FakeWorld): Pick<FakePeople, IssueVerbs> {
  const { state, payloads, emit } = world;

  function change(repo: Repo, number: number, by: string, entry: Omit<TimelineEntry, "actor" | "at"> | undefined): [FakeRepo, FakeIssue] {
    const fake = findRepo(world, repo);
    const issue = findIssue(fake, number);
    issue.updatedAt = state.time();
    if (entry !== undefined) issue.timeline.push({ ...entry, actor: by, at: state.time() });
    return [fake, issue];
  }

  function label(repo: Repo, number: number, name: string, by: string): void {
    if (findIssue(findRepo(world, repo), number).labels.some((has) => isSameLabel(has, name))) return;
    const [fake, issue] = change(repo, number, by, { event: "labeled", label: name });
    fake.labels.add(name);
    issue.labels.push(name);
    emit(payloads.issue(fake, "labeled", issue, by, { label: { name, color: "ededed" } }));
  }

  function setOpen(repo: Repo, number: number, by: string, isOpen: boolean): void {
    if (findIssue(findRepo(world, repo), number).isOpen === isOpen) return;
    const event = isOpen ? "reopened" : "closed";
    const [fake, issue] = change(repo, number, by, { event });
    issue.isOpen = isOpen;
    emit(payloads.issue(fake, event, issue, by));
  }

  function remove(repo: Repo, number: number, by: string, action: "deleted" | "transferred"): void {
    const [fake, issue] = change(repo, number, by, undefined);
    issue.isGone = true;
    emit(payloads.issue(fake, action, issue, by));
  }

  return {
    label,
    openIssue(repo, by, { title, body = "", labels = [] }) {
      const fake = findRepo(world, repo);
      const number = fake.issues.size + 1;
      const blank = { isOpen: true, isLocked: false, isGone: false, updatedAt: state.time(), lastEditedAt: undefined };
      const issue: FakeIssue = { number, title, body, author: by, labels: [], timeline: [], comments: [], blockers: [], ...blank };
      fake.issues.set(number, issue);
      emit(payloads.issue(fake, "opened", issue, by));
      for (const name of labels) label(repo, number, name, by);
      return number;
    },
    unlabel(repo, number, name, by) {
      const at = findIssue(findRepo(world, repo), number).labels.findIndex((has) => isSameLabel(has, name));
      if (at < 0) return;
      const [fake, issue] = change(repo, number, by, { event: "unlabeled", label: name });
      issue.labels.splice(at, 1);
      emit(payloads.issue(fake, "unlabeled", issue, by, { label: { name, color: "ededed" } }));
    },
    comment(repo, number, body, by) {
      const [fake, issue] = change(repo, number, by, undefined);
      const comment: FakeComment = {
        id: state.nextId(),
        author: by,
        body,
        createdAt: state.time(),
        isEdited: false,
        isRead: false,
        reactions: new Set(),
      };
      issue.comments.push(comment);
      emit(payloads.comment(fake, "created", issue, comment, by));
      return comment.id;
    },
    edit(repo, number, { title, body }, by) {
      const current = findIssue(findRepo(world, repo), number);
      const isRenamed = title !== undefined && title !== current.title;
      const [fake, issue] = change(repo, number, by, isRenamed ? { event: "renamed" } : undefined);
      if (body !== undefined && body !== issue.body) issue.lastEditedAt = state.time();
      issue.title = title ?? issue.title;
      issue.body = body ?? issue.body;
      emit(payloads.issue(fake, "edited", issue, by));
    },
    editCommentBy(repo, id, body, by) {
      const fake = findRepo(world, repo);
      const { issue, comment } = findComment(fake, id);
      comment.body = body;
      comment.isEdited = true;
      emit(payloads.comment(fake, "edited", issue, comment, by));
    },
    deleteComment(repo, id, by) {
      const fake = findRepo(world, repo);
      const { issue, comment } = findComment(fake, id);
      issue.comments.splice(issue.comments.indexOf(comment), 1);
      emit(payloads.comment(fake, "deleted", issue, comment, by));
    },
    close: (repo, number, by) => setOpen(repo, number, by, false),
    reopen: (repo, number, by) => setOpen(repo, number, by, true),
    deleteIssue: (repo, number, by) => remove(repo, number, by, "deleted"),
    transferIssue: (repo, number, by) => remove(repo, number, by, "transferred"),
    block(repo, number, blocker, inRepo = repo) {
      findIssue(findRepo(world, repo), number).blockers.push({ repo: inRepo, number: blocker });
    },
  };
}

function peopleOnRepos(
  world: FakeWorld,
): Pick<FakePeople, "addRepo" | "setPermission" | "renameRepo" | "setFile" | "protect" | "landCommit"> {
  const { state } = world;
  return {
    addRepo(slug, options = {}) {
      const repo = parseRepo(slug);
      if (repo === undefined) throw new Error(`not a repo: ${slug}`);
      addFakeRepo(state, repo, options);
      return repo;
    },
    setPermission: (repo, login, permission) => void findRepo(world, repo).permissions.set(login.toLowerCase(), permission),
    renameRepo(repo, name) {
      const fake = findRepo(world, repo);
      fake.repo = { ...fake.repo, name };
      state.repos.set(repoKey(fake.repo), fake);
    },
    setFile(repo, path, text, branch) {
      const fake = findRepo(world, repo);
      const { files } = findBranch(fake, branch ?? fake.defaultBranch);
      if (text === undefined) files.delete(path);
      else files.set(path, text);
    },
    protect(repo, branch, isProtected = true) {
      findBranch(findRepo(world, repo), branch).isProtected = isProtected;
    },
    landCommit(repo, name, sha = state.newSha()) {
      const fake = findRepo(world, repo);
      const branch = fake.branches.get(name);
      fake.commits.set(sha, newCommit(branch?.sha));
      if (branch === undefined) fake.branches.set(name, { sha, isProtected: false, files: new Map() });
      else branch.sha = sha;
      return sha;
    },
  };
}

/** CI: announces a check run, and its suite once the run is done. */
function machines(world: FakeWorld): Pick<FakePeople, "ci" | "explainFailure" | "status"> {
  const { state, payloads, emit } = world;
  return {
    ci(repo, sha, conclusion, name = "test", app = "github-actions") {
      const fake = findRepo(world, repo);
      const { checks } = commitOf(fake, sha);
      const key = `${app}/${name}`;
      const id = state.nextId();
      const previous = checks.get(key);
      const isRunning = previous !== undefined && previous.conclusion === undefined;
      const startedAt = (isRunning ? previous.startedAt : undefined) ?? state.time();
      const completedAt = conclusion === undefined ? undefined : state.time();
      const run: CheckRun = { id, app, name, conclusion, startedAt, completedAt, url: `https://forge.test/${slugOf(repo)}/runs/${id}` };
      checks.set(key, run);
      emit(payloads.checkRun(fake, sha, run));
      const isDone = [...checks.values()].every((check) => check.app !== app || check.conclusion !== undefined);
      if (isDone) emit(payloads.checkSuite(fake, sha, run));
    },
    explainFailure: (repo, sha, name, report) => void commitOf(findRepo(world, repo), sha).failures.set(name, report),
    status(repo, sha, word, context = "ci/test") {
      const fake = findRepo(world, repo);
      const status: CommitStatus = { id: state.nextId(), context, state: word, at: state.time(), url: `https://ci.test/${context}` };
      commitOf(fake, sha).statuses.unshift(status);
      emit(payloads.status(fake, sha, status, "ci"));
    },
  };
}
