/**
 * The interfaces the loop speaks through. Adapters implement them and are known to `index.ts` alone.
 * They speak AFK's words, not a forge's: each has an in-memory twin in `test/support` and a contract suite.
 */
import type { Notice } from "./core/notice.ts";
import type {
  Blocker,
  BranchFacts,
  CommentFacts,
  FailureReport,
  IssueFacts,
  Permission,
  Release,
  RepoComment,
  RepoFacts,
  TurnStatus,
} from "./core/observation.ts";
import type { Approval, Content, Ledger, Landed, Evidence, Repo, Time, TurnKind } from "./core/run.ts";
import type { CommitFacts } from "./core/verdict.ts";
import type { GitCredential } from "./git/run-git.ts";

export type {
  Blocker,
  BranchFacts,
  CommentFacts,
  FailureReport,
  IssueFacts,
  Permission,
  Release,
  RepoComment,
  RepoFacts,
  TurnProgress,
  TurnStatus,
} from "./core/observation.ts";

/** pino's shape: fields first, then a static message. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The forge's clock, from the `Date` of its last answer. Leases, deadlines and settling are measured by it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Reads give the forge's word of this moment; what does not exist or may not be seen is `undefined`. Failures throw `ForgeError`. */
export interface Forge extends Clock {
  readRepo(repo: Repo): Promise<RepoFacts | undefined>;
  readBranch(repo: Repo, branch: string): Promise<BranchFacts | undefined>;
  /** A small text file at the head of a branch; `undefined` when it is not there. */
  readFile(repo: Repo, branch: string, path: string): Promise<string | undefined>;
  /** Every open issue (never a pull request) that carries the label. */
  listIssues(repo: Repo, label: string): Promise<readonly IssueFacts[]>;
  readIssue(repo: Repo, issue: number): Promise<IssueFacts | undefined>;
  /**
   * `undefined`: the timeline does not say who set the label that is on the issue now. `edits: false`: nobody wants to know about edits, so
   * the forge is not asked for more than the timeline tells, and `editedSince` may be `unknown`. Default true.
   */
  readRelease(repo: Repo, issue: number, label: string, asks?: { readonly edits: boolean }): Promise<Release | undefined>;
  readPermission(repo: Repo, login: string): Promise<Permission>;
  /** `undefined`: this forge has no dependencies (only the body's "Blocked by #N" counts). */
  readBlockers(repo: Repo, issue: number): Promise<readonly Blocker[] | undefined>;
  /** Whether title or body were edited at or after `since`, as far as the forge tells. */
  readEdits(repo: Repo, issue: number, since: Time): Promise<Release["editedSince"]>;
  listComments(repo: Repo, issue: number): Promise<readonly CommentFacts[]>;
  /**
   * The newest comments on all issues of the repo (never on pull requests), newest first: back to those before `notBefore` or up to the comment
   * `after`, whichever comes first, and at most 1,000. Many repos are asked again and again, so bodies that hold no `/afk` may be empty.
   */
  listNewComments(repo: Repo, since: { readonly notBefore: Time; readonly after?: number }): Promise<readonly RepoComment[]>;
  readCommit(repo: Repo, sha: string): Promise<CommitFacts>;
  /** The commits that came onto the branch after `sha`, oldest first, at most 50; empty when `sha` is not on the branch. */
  listCommitsSince(repo: Repo, sha: string, branch: string): Promise<readonly string[]>;
  /** Why a check run failed: the end of its log where the app may read it, else its annotations and summary. Never throws for not being allowed. */
  readFailure(repo: Repo, check: number): Promise<FailureReport>;

  /**
   * Creating: looks for a comment of ours that begins or ends with `marker` first, and is never blindly repeated. `isMissing`: the caller knows that
   * there is none, and the first look is left out; after a failure it looks all the same.
   */
  createComment(repo: Repo, issue: number, body: string, marker: string, known?: { readonly isMissing: boolean }): Promise<CommentFacts>;
  /** `false`: somebody deleted it. */
  editComment(repo: Repo, comment: number, body: string): Promise<boolean>;
  /** Creates the label in the repo when it is missing. Idempotent, as are the next two. */
  addLabel(repo: Repo, issue: number, label: string): Promise<void>;
  removeLabel(repo: Repo, issue: number, label: string): Promise<void>;
  closeIssue(repo: Repo, issue: number): Promise<void>;
  /** Puts AFK's reaction on a comment. Idempotent; `false`: the comment is gone, or takes none. */
  react(repo: Repo, comment: number, reaction: Reaction): Promise<boolean>;
  /** Runs the failed jobs behind these check runs again, each workflow run once. `false`: none of them can be re-run. */
  rerunFailed(repo: Repo, checks: readonly number[]): Promise<boolean>;

  /** Where git finds the repo, and how AFK proves who it is there. */
  remote(repo: Repo): Remote;
}

/** AFK does what the comment says, or does not. */
export type Reaction = "+1" | "confused";

/** `status` as HTTP has it; `undefined` when the forge was not reached. */
export class ForgeError extends Error {
  override readonly name = "ForgeError";
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

/** A git remote of one repo. Credentials are minted right before use and narrowed to that repo. */
export interface Remote {
  readonly repo: Repo;
  readonly url: string;
  /** `refused`: the one before, which the forge takes no more. Another is minted in its place. */
  credential(refused?: GitCredential): Promise<GitCredential>;
}

/** Proof that this process holds a repo's lock for a run. Only the lock adapter makes one; landing and saving demand it. */
export interface Claim {
  readonly repo: Repo;
  readonly run: string;
  readonly epoch: number;
}

/** Somebody else moved the lock: whatever was about to be written must not be. */
export class StaleClaimError extends Error {
  override readonly name = "StaleClaimError";
}

/** The kill switch is on: no write starts, not even the renewal of a lease. */
export class HaltedError extends Error {
  override readonly name = "HaltedError";
}

/** What the lock ref holds, and whether this process may act on it. */
export interface LockView {
  readonly sha: string;
  readonly ledger: Ledger;
  /** How long ago the lock was last written, by a holder with the same lease. While somebody holds it, it is written every third of the lease. */
  readonly idleMs: number;
  /** The approved text, frozen at the claim. */
  readonly content: Content;
  /** `held`: this process holds the claim. `free`: nobody does, the lease ran out, or it was this home's. `foreign`: another replica's live lease. */
  readonly control:
    | { readonly kind: "held"; readonly claim: Claim }
    | { readonly kind: "free" }
    | { readonly kind: "foreign"; readonly until: Time };
}

export interface Landing {
  /** The bare repository that has the commit's objects. */
  readonly store: string;
  readonly branch: string;
  /** The branch's head that the commit was made on. */
  readonly expected: string;
  readonly commit: string;
  readonly turnId: string;
  readonly evidence: Evidence;
}

export type LandingAnswer =
  | { readonly kind: "landed"; readonly landed: Landed }
  | { readonly kind: "base-moved" }
  /** The forge refused the push for a reason of its own (protection, permission, hook). */
  | { readonly kind: "refused"; readonly reason: string };

/** One run per repo. Every move is a compare-and-swap of the lock ref; the forge's receive-pack decides. */
export interface Lock {
  read(remote: Remote): Promise<LockView | "unreadable" | undefined>;
  /** Takes the free lock for a new run. `undefined`: another was faster. */
  take(remote: Remote, ledger: Ledger, content: Content): Promise<Claim | undefined>;
  /** Takes control of a run seen as `free`, epoch + 1. `undefined`: another was faster. */
  adopt(remote: Remote, seen: LockView): Promise<Claim | undefined>;
  /** The ledger as this process last wrote it. */
  ledger(claim: Claim): Ledger;
  /** Writes the changed ledger, and a newly approved text with it; no push when nothing changed. Throws `StaleClaimError`. */
  save(claim: Claim, change: (ledger: Ledger) => Ledger, content?: Content): Promise<Ledger>;
  /** One atomic push of the branch and the lock, whose new ledger says landed. Throws `StaleClaimError`. */
  land(claim: Claim, landing: Landing): Promise<LandingAnswer>;
  /** Every claim this process holds now. */
  claims(): readonly Claim[];
  /** Milliseconds of lease left. Writes start only while there is enough. */
  leaseLeftMs(claim: Claim): number;
  /** Deletes the ref: the run is over. */
  release(claim: Claim): Promise<void>;
  /** Clears the holder and keeps the run, so that any replica may go on at once. */
  letGo(claim: Claim): Promise<void>;
  /** What keeps a landing from working here (no write access, no atomic pushes), or `undefined`. Nothing is written. */
  probe(remote: Remote): Promise<string | undefined>;
  /** Stops renewing every lease, without a push. */
  close(): void;
}

/** All a turn needs. The executor asks nobody else what to do. */
export interface TurnOrder {
  readonly id: string;
  readonly kind: TurnKind;
  readonly run: string;
  readonly repo: Repo;
  readonly remote: Remote;
  readonly issue: { readonly number: number; readonly title: string; readonly url: string };
  readonly approval: Approval;
  readonly base: string;
  readonly prompt: string;
  readonly plan: TurnPlan;
}

/** The operator's and the repo's settings that bind a turn, already combined. Times in milliseconds. */
export interface TurnPlan {
  readonly setup: string | undefined;
  /** `undefined`: detect it at the base. */
  readonly test: string | undefined;
  /** Glob patterns of test files; `undefined`: the defaults. */
  readonly tests: readonly string[] | undefined;
  readonly exempt: readonly string[];
  readonly protectedPaths: readonly string[];
  readonly landing: "push" | "none";
  readonly turnTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** What the repo asks for without effect, to be said once beside the evidence. */
  readonly notes: readonly string[];
}

/** Runs turns. Nothing in the loop assumes that a turn runs in this process. */
export interface Executor {
  capacity(): { readonly slots: number; readonly busy: number };
  /** Why this executor takes no turns (no sandbox, disk full, home not writable), or `undefined`. */
  readonly ailment: () => Promise<string | undefined>;
  /** Idempotent by the order's id. */
  submit(order: TurnOrder, claim: Claim): void;
  inspect(turnId: string): TurnStatus;
  /**
   * Ends the turn with its whole process tree; its outcome becomes `interrupted`. Resolves when nothing of it is alive. `forGood`: the run
   * ends with it, so what the agent has committed is kept where people find it; else the workspace waits for the run to go on.
   */
  cancel(turnId: string, why: string, how?: { readonly forGood: boolean }): Promise<void>;
  /** Removes what a run left on this machine: its workspace, its store. Kept work stays. */
  dispose(repo: Repo, run: string): Promise<void>;
  /** Removes what belongs to no run in the list. */
  reap(liveRuns: readonly string[]): Promise<void>;
  /** Called on every change of a turn's status, with the repo to look at again. */
  onChange(listener: (repo: Repo, what: "phase" | "line" | "ended") => void): void;
  /** Resolves when no turn runs or waits. */
  idle(): Promise<void>;
  /** Ends every turn as `interrupted`. */
  close(): Promise<void>;
}

/** Rings for people at the end of a run. It carries no control, and nobody waits for it. */
export interface Doorbell {
  /** Returns at once: delivery goes on beside the loop, with bounded retries. The same notice (by id) may come twice. */
  ring(notice: Notice): void;
  /** Why the last notice could not be delivered, or `undefined`. */
  ailment(): string | undefined;
  /** Gives what is still to be delivered a moment, then gives up. */
  close(): Promise<void>;
}
