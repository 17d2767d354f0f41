import type { Obstacle } from "./obstacles.ts";
import type { Policy } from "./policy.ts";
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
  readonly at: Time;
  /** `unknown` when the forge cannot tell: then it counts as edited. */
  readonly editedSince: "yes" | "no" | "unknown";
}

export type Permission = "admin" | "write" | "read" | "none";

export interface CommentFacts {
  readonly id: number;
  readonly author: string;
  /** Written by this very app. */
  readonly isOurs: boolean;
  readonly body: string;
  readonly url: string;
  readonly createdAt: Time;
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
  /** What the forge says of the landed commit, and of what came after it where that matters; `undefined` before the landing. */
  readonly ci: { readonly landed: CommitReading; readonly descendants: readonly CommitReading[] } | undefined;
}

/** An issue that carries the ready label while no run has the repo. */
export interface Candidate {
  readonly issue: IssueFacts;
  /** Read only as far as needed to find the one to start: `undefined` means not looked at. */
  readonly details: CandidateDetails | undefined;
}

export interface CandidateDetails {
  readonly release: Release | undefined;
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
  readonly isEnrolled: boolean;
  readonly policy: PolicyReading;
  readonly run: RunObservation | undefined;
  readonly candidates: readonly Candidate[];
  /** Why nothing can be started in this repo. */
  readonly obstacles: readonly Obstacle[];
  /** `olderElsewhere`: issues released earlier in other repos that wait for a slot too. */
  readonly slots: { readonly free: number; readonly olderElsewhere: number };
}
