import type { Json } from "./json.ts";

/** The forge's own state: what `emulate` does not keep, or not the way GitHub does. */

export type Permission = "admin" | "write" | "read" | "none";

/** Who a request is from, by its token. */
export type Identity =
  | { readonly kind: "anonymous" }
  | { readonly kind: "person"; readonly login: string }
  | { readonly kind: "app" }
  | Installation;

/** An installation token and what it was narrowed to. */
export interface Installation {
  readonly kind: "installation";
  readonly id: number;
  readonly owner: string;
  readonly repositories: "all" | readonly string[];
  readonly permissions: Readonly<Record<string, string>>;
  readonly expiresAt: string;
}

/** A user or bot as it appears in payloads. */
export interface Account {
  readonly login: string;
  readonly id: number;
  readonly type: "User" | "Bot";
}

export interface AppAccount {
  readonly id: number;
  readonly slug: string;
  readonly name: string;
}

export interface CheckRun {
  readonly id: number;
  readonly app: AppAccount;
  readonly sha: string;
  name: string;
  status: "queued" | "in_progress" | "completed";
  conclusion: string | null;
  externalId: string;
  detailsUrl: string | null;
  startedAt: string | null;
  completedAt: string | null;
  output: { readonly title: string | null; readonly summary: string | null; readonly text: string | null };
  /** Its job's, once there is one. */
  log: string | null;
}

export interface CheckSuite {
  readonly id: number;
  readonly app: AppAccount;
  readonly sha: string;
  readonly branch: string | null;
  status: "queued" | "in_progress" | "completed";
  conclusion: string | null;
  readonly createdAt: string;
  updatedAt: string;
  readonly runs: CheckRun[];
}

export interface CommitStatus {
  readonly id: number;
  readonly sha: string;
  readonly state: "error" | "failure" | "pending" | "success";
  readonly context: string;
  readonly description: string | null;
  readonly targetUrl: string | null;
  readonly creator: Account;
  readonly createdAt: string;
}

export interface Deployment {
  readonly id: number;
  readonly sha: string;
  readonly ref: string;
  readonly environment: string;
  readonly description: string | null;
  readonly creator: Account;
  readonly createdAt: string;
  readonly statuses: DeploymentStatus[];
}

export interface DeploymentStatus {
  readonly id: number;
  readonly state: string;
  readonly description: string | null;
  readonly logUrl: string | null;
  readonly creator: Account;
  readonly createdAt: string;
}

export interface Reaction {
  readonly id: number;
  readonly content: string;
  readonly user: Account;
  readonly createdAt: string;
}

export interface PullRequest {
  readonly number: number;
  readonly head: string;
  base: string;
  /** Frozen once the pull request is closed. */
  closed: { readonly headSha: string; readonly baseSha: string; readonly mergeSha: string | null } | undefined;
}

/** What the front alone knows of an issue. */
export interface IssueNotes {
  lastEditedAt: string | null;
  readonly renames: { readonly id: number; readonly at: string; readonly actor: unknown; readonly from: string; readonly to: string }[];
  readonly blockers: { readonly repo: string; readonly number: number; readonly id: number }[];
}

export interface RepoState {
  readonly fullName: string;
  readonly owner: string;
  readonly name: string;
  readonly id: number;
  readonly isPrivate: boolean;
  readonly defaultBranch: string;
  readonly gitDir: string;
  readonly installationId: number;
  readonly permissions: Map<string, Permission>;
  readonly protectedBranches: Set<string>;
  readonly suites: CheckSuite[];
  readonly statuses: CommitStatus[];
  readonly deployments: Deployment[];
  /** By `issue/<number>` or `comment/<id>`. */
  readonly reactions: Map<string, Reaction[]>;
  /** As they were last written, by id. */
  readonly comments: Map<number, Json>;
  /** When a comment was last edited, by its id. */
  readonly commentEdits: Map<number, string>;
  readonly issues: Map<number, IssueNotes>;
  readonly pulls: Map<number, PullRequest>;
  /** What the next `edited` webhook of an issue or a comment says under `changes`, by `issue/<number>` or `comment/<id>`. */
  readonly changes: Map<string, Json>;
}

export function issueNotes(repo: RepoState, number: number): IssueNotes {
  let notes = repo.issues.get(number);
  if (notes === undefined) repo.issues.set(number, (notes = { lastEditedAt: null, renames: [], blockers: [] }));
  return notes;
}

/** Whether an installation token reaches a repo. */
export function covers(installation: Installation, repo: Pick<RepoState, "owner" | "name">): boolean {
  return installation.owner === repo.owner && (installation.repositories === "all" || installation.repositories.includes(repo.name));
}

/** What a person may do in a repo; of a public one everybody may read. */
export function permissionOf(repo: RepoState, login: string): Permission {
  return repo.permissions.get(login) ?? (repo.isPrivate ? "none" : "read");
}

/** Whether the identity may do something that needs an App permission; for people, reading or writing. */
export function may(identity: Identity, repo: RepoState, permission: string, level: "read" | "write"): boolean {
  switch (identity.kind) {
    case "installation": {
      const granted = identity.permissions[permission];
      // Every installation token may read metadata, however it was narrowed.
      const isMetadata = permission === "metadata" && level === "read";
      return covers(identity, repo) && (isMetadata || granted === "write" || (granted === "read" && level === "read"));
    }
    case "person": {
      const own = permissionOf(repo, identity.login);
      return own === "admin" || own === "write" || (own === "read" && level === "read");
    }
    case "anonymous":
      return level === "read" && !repo.isPrivate;
    case "app":
      return false;
    default:
      return identity satisfies never;
  }
}
