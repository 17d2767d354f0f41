import { createHash } from "node:crypto";
import type { FailureReport, Permission } from "../../src/core/observation.ts";
import { repoKey, type Repo, type Time } from "../../src/core/run.ts";
import type { CheckRun, CommitStatus } from "../../src/core/verdict.ts";
import type { Clock, Reaction } from "../../src/ports.ts";

/** What the in-memory forge keeps of a repo. Tests may look at it and change what no verb covers. */
export interface FakeRepo {
  readonly id: number;
  repo: Repo;
  defaultBranch: string;
  isPrivate: boolean;
  isArchived: boolean;
  isInstalled: boolean;
  mayPush: boolean;
  mayWriteIssues: boolean;
  mayRerunJobs: boolean;
  /** Whether jobs that are to run again begin to: a new check run each, without a conclusion. Else the forge says yes, and nothing comes. */
  startsReruns: boolean;
  /** Why check runs and statuses may not be read, if so. */
  hidesChecks: string | undefined;
  readonly permissions: Map<string, Permission>;
  /** Names of the labels that exist in the repo. */
  readonly labels: Set<string>;
  readonly issues: Map<number, FakeIssue>;
  readonly branches: Map<string, FakeBranch>;
  readonly commits: Map<string, FakeCommit>;
}

export interface FakeBranch {
  sha: string;
  isProtected: boolean;
  readonly files: Map<string, string>;
}

export interface FakeCommit {
  readonly parent: string | undefined;
  readonly checks: Map<string, CheckRun>;
  readonly statuses: CommitStatus[];
  /** Why the check runs of a name failed. */
  readonly failures: Map<string, FailureReport>;
}

export interface FakeIssue {
  readonly number: number;
  title: string;
  body: string;
  readonly author: string;
  readonly labels: string[];
  isOpen: boolean;
  isLocked: boolean;
  /** Deleted or transferred. */
  isGone: boolean;
  updatedAt: Time;
  lastEditedAt: Time | undefined;
  readonly timeline: TimelineEntry[];
  readonly comments: FakeComment[];
  readonly blockers: { readonly repo: Repo; readonly number: number }[];
}

export interface TimelineEntry {
  readonly event: "labeled" | "unlabeled" | "renamed" | "closed" | "reopened";
  readonly actor: string;
  readonly at: Time;
  readonly label?: string;
}

export interface FakeComment {
  readonly id: number;
  readonly author: string;
  body: string;
  readonly createdAt: Time;
  isEdited: boolean;
  isRead: boolean;
  /** AFK's own. */
  readonly reactions: Set<Reaction>;
}

export interface RepoOptions {
  /** Whoever is not named may read. */
  readonly members?: Readonly<Record<string, Permission>>;
  readonly defaultBranch?: string;
  readonly isPrivate?: boolean;
  /** Files on the default branch. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The forge's memory, with ids that only grow and never meet. */
export interface FakeState {
  readonly repos: Map<string, FakeRepo>;
  nextId(): number;
  userId(login: string): number;
  newSha(): string;
  /** As GitHub writes times: whole seconds. */
  time(): Time;
}

export function createFakeState(clock: Clock): FakeState {
  let lastId = 1000;
  const users = new Map<string, number>();
  const nextId = (): number => (lastId += 1);
  return {
    repos: new Map(),
    nextId,
    userId(login) {
      const known = users.get(login) ?? nextId();
      users.set(login, known);
      return known;
    },
    newSha: () => createHash("sha1").update(String(nextId())).digest("hex"),
    time: () => new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

export function addFakeRepo(state: FakeState, repo: Repo, options: RepoOptions): FakeRepo {
  const defaultBranch = options.defaultBranch ?? "main";
  const sha = state.newSha();
  const fake: FakeRepo = {
    id: state.nextId(),
    repo,
    defaultBranch,
    isPrivate: options.isPrivate ?? true,
    isArchived: false,
    isInstalled: true,
    mayPush: true,
    mayWriteIssues: true,
    mayRerunJobs: false,
    startsReruns: true,
    hidesChecks: undefined,
    permissions: new Map(Object.entries(options.members ?? {}).map(([login, permission]) => [login.toLowerCase(), permission])),
    labels: new Set(),
    issues: new Map(),
    branches: new Map([[defaultBranch, { sha, isProtected: false, files: new Map(Object.entries(options.files ?? {})) }]]),
    commits: new Map([[sha, newCommit(undefined)]]),
  };
  state.repos.set(repoKey(repo), fake);
  return fake;
}

export function newCommit(parent: string | undefined): FakeCommit {
  return { parent, checks: new Map(), statuses: [], failures: new Map() };
}

/** The commits of a branch after `sha`, oldest first; none when `sha` is not in its history. */
export function commitsAfter(repo: FakeRepo, sha: string, branch: string): readonly string[] {
  const after: string[] = [];
  for (let at = repo.branches.get(branch)?.sha; at !== undefined; at = repo.commits.get(at)?.parent) {
    if (at === sha) return after.toReversed();
    after.push(at);
  }
  return [];
}
