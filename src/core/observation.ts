import type { AskedRelease } from "./desk.ts";
import type { Obstacle } from "./obstacles.ts";
import type { Policy } from "./policy.ts";
import type { Request } from "./requests.ts";
import type { Evidence, Ledger, Phase, Repo, Time, TurnOutcome } from "./run.ts";
import type { CommitReading } from "./verdict.ts";

/** What AFK may do in a repo, and what kind of repo it is. */
export interface RepoFacts {
  readonly id: number;
  /** The forge's current spelling; differs from what was asked after a rename. */
  readonly repo: Repo;
  readonly defaultBranch: string;
  readonly isPrivate: boolean;
  readonly isArchived: boolean;
  /** The forge's word on whether this app may push contents and write issues. */
  readonly mayPush: boolean;
  readonly mayWriteIssues: boolean;
  /** The app's token may re-run CI's jobs: the operator's opt-in, which most apps do not have. */
  readonly mayRerunJobs: boolean;
}

/** Why a check failed, as far as the forge shows it: bounded, without escape sequences and secrets, and still foreign text. */
export interface FailureReport {
  readonly from: "log" | "annotations" | "summary" | "nothing";
  /** The end of a log, or what was annotated; empty for `nothing`. At most 16,000 characters. */
  readonly text: string;
}

/** A base branch as the forge describes it. */
export interface BranchFacts {
  readonly sha: string;
  /** A rule (branch protection or ruleset) keeps AFK from pushing to it directly. */
  readonly isProtected: boolean;
}

export interface IssueFacts {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly author: string;
  readonly labels: readonly string[];
  readonly isOpen: boolean;
  readonly isLocked: boolean;
  readonly url: string;
  readonly updatedAt: Time;
  /** What a listing tells by the way, so that nothing need be asked where there is nothing; absent where the forge does not say. */
  readonly commentCount?: number;
  /** Of the forge's own dependencies, open and closed. */
  readonly blockerCount?: number;
}

/** Who set the ready label last and what is known of edits since, from the forge's timeline: never from a webhook. */
export interface Release {
  readonly by: string;
  readonly byId: number;
  readonly byIsBot: boolean;
  /** By this very app: for whoever commanded it, and by itself no release. */
  readonly isOurs?: boolean;
  readonly at: Time;
  /** `unknown` when the forge cannot tell: then it counts as edited. */
  readonly editedSince: "yes" | "no" | "unknown";
}

export type Permission = "admin" | "write" | "read" | "none";

export interface CommentFacts {
  readonly id: number;
  readonly author: string;
  /** The forge's numeric id of the author, for the co-author's address. */
  readonly authorId: number;
  readonly authorIsBot: boolean;
  /** Written by this very app. */
  readonly isOurs: boolean;
  /** Somebody has changed it after it was written. */
  readonly isEdited: boolean;
  readonly body: string;
  readonly url: string;
  readonly createdAt: Time;
}

/** A comment in a repo's own list, which says where it stands. */
export interface RepoComment extends CommentFacts {
  readonly issue: number;
}

/** Another issue that must be closed first. */
export interface Blocker {
  /** `#3`, or `owner/name#3` in another repo. */
  readonly reference: string;
  readonly isOpen: boolean;
}

/** How far a running turn is. `lines` are the agent's last ones, cleaned and bounded. */
export interface TurnProgress {
  readonly phase: Phase;
  readonly lines: readonly string[];
  readonly evidence: Evidence;
}

export type TurnStatus =
  | { readonly kind: "unknown" }
  | { readonly kind: "queued" }
  | { readonly kind: "running"; readonly progress: TurnProgress }
  | { readonly kind: "ended"; readonly outcome: TurnOutcome };

/** Who may act on the run that the lock names. */
export type Control =
  /** This process holds the claim. */
  | { readonly kind: "held" }
  /** Nobody does, the lease ran out, or a former process of this home had it. */
  | { readonly kind: "free" }
  /** Another replica's live lease. */
  | { readonly kind: "foreign"; readonly until: Time };

/** The run that the lock names, with everything that decides about it. */
export interface RunObservation {
  /** With the executor's outcome of the current turn folded in. */
  readonly ledger: Ledger;
  readonly control: Control;
  /** `undefined`: deleted or transferred. */
  readonly issue: IssueFacts | undefined;
  /** The ready label is still on the issue. */
  readonly isReady: boolean;
  readonly turn: TurnStatus;
  /** `undefined` before the landing, and while a turn is at work. */
  readonly ci: CiObservation | undefined;
}

/** What the forge says of the landed commit, and what else matters when it is not green. */
export interface CiObservation {
  readonly landed: CommitReading;
  /** Of what came after it, where its own checks ended without a word. */
  readonly descendants: readonly CommitReading[];
  /** It is not on its branch any more. Asked when something is to be made of its checks, not while they run. */
  readonly isUndone?: boolean;
  /** The base before anything of the run had landed; read when the landed commit is red. */
  readonly before?: CommitReading;
  /** Failed jobs can be run again here. */
  readonly mayRerun: boolean;
  /** What went wrong, for the agent; read when the landed commit is red. */
  readonly report?: string;
  /** Tells this failure from others; `undefined` when the forge shows too little of it. */
  readonly failure?: string;
}

/** An issue that carries the ready label while no run has the repo. */
export interface Candidate {
  readonly issue: IssueFacts;
  /** Read only as far as needed to find the one to start: `undefined` means not looked at. */
  readonly details: CandidateDetails | undefined;
}

export interface CandidateDetails {
  /** By the label or by a command, whichever came last. */
  readonly release: Release | undefined;
  /** What came with a release by command. */
  readonly asked?: AskedRelease;
  /** The last comment on the issue whose commands were taken. */
  readonly commandsThrough: number;
  readonly releaserPermission: Permission;
  readonly authorPermission: Permission;
  /** Open and closed ones alike; only open ones block. */
  readonly blockers: readonly Blocker[];
  /** The ledger of the last run on this issue, from a sealed comment. Without a lock it is the truth. */
  readonly previous: Ledger | undefined;
}

/** The repo's and the operator's settings combined, or why `.github/afk.yml` cannot be used. */
export type PolicyReading =
  | { readonly kind: "ok"; readonly policy: Policy }
  | { readonly kind: "faulty"; readonly faults: readonly string[] };

/** Everything read about one repo at one moment. */
export interface Observation {
  readonly repo: Repo;
  /** The forge's clock, milliseconds since the epoch. */
  readonly at: number;
  readonly isSwitchedOff: boolean;
  /** The repo cannot be read or written at all: archived, moved, the app uninstalled or suspended. */
  readonly isOutOfReach: boolean;
  readonly isEnrolled: boolean;
  readonly policy: PolicyReading;
  /** The oldest comment with commands that nobody has answered yet. */
  readonly request: Request | undefined;
  readonly run: RunObservation | undefined;
  readonly candidates: readonly Candidate[];
  /** Why nothing can be started in this repo. */
  readonly obstacles: readonly Obstacle[];
  /** `olderElsewhere`: issues released earlier in other repos that wait for a slot too. */
  readonly slots: { readonly free: number; readonly olderElsewhere: number };
}
