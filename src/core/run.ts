/**
 * The words of AFK as types: a run, its turns, what they came to, what was proved, and how a run ends.
 * Everything here is plain data. It is what the ledger stores, so a change here is a change of format.
 */

/** A repository on the configured forge. Build it with `parseRepo`, which refuses names that could escape a path or an argv. */
export interface Repo {
  readonly owner: string;
  readonly name: string;
}

/** GitHub: owners are alphanumeric with inner hyphens; names add `.` and `_`. Forgejo is a subset. Neither may look like an option or a path. */
const ownerShape = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?$/;
const nameShape = /^(?!\.{1,2}$)[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}$/;

/** `owner/name` to a `Repo`; `undefined` for anything that is not exactly that. */
export function parseRepo(slug: string): Repo | undefined {
  const [owner, name, rest] = slug.split("/");
  if (owner === undefined || name === undefined || rest !== undefined) return undefined;
  if (!ownerShape.test(owner) || !nameShape.test(name) || owner.includes("..") || name.endsWith(".git")) return undefined;
  return { owner, name };
}

/** `owner/name`, as people write it. */
export function slugOf(repo: Repo): string {
  return `${repo.owner}/${repo.name}`;
}

/** What identifies a repo in maps and allowlists: forges treat owner and name without regard to case. */
export function repoKey(repo: Repo): string {
  return slugOf(repo).toLowerCase();
}

/** A time as the forge tells it, ISO 8601 in UTC. */
export type Time = string;

/** In the order a run passes through them; `review` only with a pull request. */
export const phases = ["workspace", "tests-red", "green", "landed", "ci", "review", "deployed", "done"] as const;
export type Phase = (typeof phases)[number];

/** Why the agent is invoked. `implement` and `fix-forward` are attempts; the others are not. */
export const turnKinds = ["implement", "nudge", "fix-forward", "resolve", "revise"] as const;
export type TurnKind = (typeof turnKinds)[number];

/** An issue's title and body, exactly as its author wrote them. */
export interface Content {
  readonly title: string;
  readonly body: string;
}

/** Who released the issue to the agent, when, and the hash of what was released. */
export interface Approval {
  readonly by: string;
  /** The forge's numeric id of that person, for the co-author's address. */
  readonly byId: number;
  readonly at: Time;
  readonly contentHash: string;
}

/** One command AFK ran as a proof. */
export interface CommandRecord {
  readonly command: string;
  /** `null` when it ended by a signal or a time limit. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** The end of its output, cleaned and bounded. */
  readonly tail: string;
  /** What made it end without an exit code. */
  readonly endedBy?: "signal" | "time-limit";
}

/** What AFK proved about the agent's work, by itself. Present as far as the gates got. */
export interface Evidence {
  /** The test command and where it came from, for the checklist: `detected` or `afk.yml`. */
  readonly test?: { readonly command: string; readonly source: "detected" | "config" };
  /** The unchanged base passes. */
  readonly base?: CommandRecord;
  /** Base plus the change's tests fails. `how` names a failure to load or compile. */
  readonly red?: CommandRecord & { readonly how: "failed" | "did-not-load" };
  /** Set instead of `red` when every changed path is exempt from it. */
  readonly redExempt?: boolean;
  /** Base plus the whole change passes; `flaky` when only the re-run did. */
  readonly green?: CommandRecord & { readonly flaky: boolean };
  readonly files?: readonly FileChange[];
  /** Things to say once, such as submodules left as pointers. */
  readonly notes?: readonly string[];
}

/** One changed path, as `git diff --numstat` counts it; binary files count 0. */
export interface FileChange {
  readonly path: string;
  readonly added: number;
  readonly removed: number;
}

export const gates = [
  "committed",
  "size",
  "workflows",
  "protected-path",
  "secret",
  "tests-weakened",
  "runner-configuration",
  "tests-red",
  "tests-green",
] as const;
/** A check on the agent's work before it may land. */
export type Gate = (typeof gates)[number];

/** Where work that did not land was kept. */
export type KeptWork =
  | { readonly where: "branch"; readonly branch: string; readonly sha: string }
  | { readonly where: "bundle"; readonly path: string; readonly sha: string };

/** What a turn came to. `landed` is written together with the push, everything else by the loop. */
export type TurnOutcome =
  | { readonly kind: "landed"; readonly evidence: Evidence }
  /** `landing: none`: everything proved, nothing landed; `patch` is the bounded diff shown on the issue. */
  | { readonly kind: "proved"; readonly evidence: Evidence; readonly patch: string }
  | { readonly kind: "refused"; readonly gate: Gate; readonly reason: string; readonly evidence: Evidence; readonly kept?: KeptWork }
  | { readonly kind: "base-red"; readonly evidence: Evidence; readonly kept?: KeptWork }
  | { readonly kind: "conflict"; readonly reason: string; readonly evidence: Evidence; readonly kept?: KeptWork }
  | { readonly kind: "blocked"; readonly why: string; readonly kept?: KeptWork }
  | { readonly kind: "unchanged" }
  /** The repo itself cannot be worked on: empty, no base branch, no tests. Said on the issue; retrying does not help. */
  | { readonly kind: "unworkable"; readonly reason: string; readonly kept?: KeptWork }
  /** Infrastructure: clone, disk, sandbox, the agent's crash. Worth a retry. */
  | { readonly kind: "failed"; readonly reason: string; readonly tail: string; readonly kept?: KeptWork }
  | { readonly kind: "timed-out"; readonly afterMs: number; readonly tail: string; readonly kept?: KeptWork }
  /** The agent's provider has had enough until then: nobody's fault, and no use trying before. */
  | { readonly kind: "limited"; readonly until: Time; readonly reason: string; readonly kept?: KeptWork }
  /** Ended by AFK itself (shutdown, kill switch, cancel): nobody's fault, counts nothing. */
  | { readonly kind: "interrupted"; readonly why: string; readonly kept?: KeptWork };

/** `Omit` over each member of a union. */
type OmitFromEach<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never;

/** What the ledger keeps of a turn's outcome: the evidence is the run's, and stands there once. */
export type Concluded = OmitFromEach<TurnOutcome, "evidence"> & { readonly at: Time };

/** The last turn of a run. Saved before the agent starts; `outcome` is added when it ended. */
export interface Turn {
  readonly id: string;
  readonly kind: TurnKind;
  readonly startedAt: Time;
  /** Why there is another turn, for the agent: a gate's refusal, CI's failures, a conflict. */
  readonly report?: string;
  /** What people who may write added for this turn. */
  readonly guidance?: string;
  readonly outcome?: Concluded;
}

/** The commit on the base branch (or the pull request's branch) that carries the work. */
export interface Landed {
  readonly sha: string;
  readonly branch: string;
  readonly at: Time;
}

/** Terminal reasons are separate words, so that a reader of logs can count them. */
export const handOverReasons = [
  "gate-refused",
  "base-red",
  "conflict",
  "blocked",
  "unchanged",
  "unworkable",
  "infrastructure",
  "timed-out",
  "proved-not-landed",
  "ci-red",
  "ci-red-again",
  "ci-red-before",
  "ci-absent",
  "ci-unknown",
  "ci-timeout",
  "landing-undone",
  "bad-repo-config",
] as const;
export type HandOverReason = (typeof handOverReasons)[number];

export const cancelReasons = ["issue-closed", "issue-gone", "label-removed", "command", "not-enrolled"] as const;
export type CancelReason = (typeof cancelReasons)[number];

/** A run has exactly one end. Handed over with something landed is a freeze. */
export type End =
  | { readonly kind: "closed" }
  | { readonly kind: "handed-over"; readonly reason: HandOverReason; readonly detail: string }
  | { readonly kind: "cancelled"; readonly reason: CancelReason };

/** The machine-readable record of a run. While the lock exists, the copy in the lock is the truth. */
export interface Ledger {
  readonly version: 1;
  readonly repoId: number;
  readonly issue: number;
  readonly run: string;
  readonly epoch: number;
  readonly approval: Approval;
  readonly base: string;
  readonly startedAt: Time;
  /** Implement and fix-forward turns begun. */
  readonly attempts: number;
  readonly nudges: number;
  /** Turns begun again after infrastructure failed. */
  readonly retries: number;
  /** Turns begun again after a provider's limit was over. */
  readonly parks: number;
  /** How often people had the run go on after an end. */
  readonly continuations: number;
  readonly spentUsd: number;
  /** The last comment whose commands were taken. */
  readonly commandsThrough: number;
  /** A further turn that somebody asked for; the next turn is it, whatever the budgets say. */
  readonly asked?: { readonly guidance?: string };
  readonly turn?: Turn;
  readonly landed?: Landed;
  /** The head of the base branch before anything of this run landed on it: what was red there already is not ours. */
  readonly before?: string;
  /** From when CI's deadline counts: the landing or a re-run, moved on by every pause. */
  readonly ciSince?: Time;
  /** From when the time for corrections counts: when CI was first seen red, moved on by every pause. */
  readonly redSince?: Time;
  /** The landed commit whose failed jobs were run again: once for each commit. */
  readonly rerun?: { readonly sha: string; readonly at: Time };
  /** The digest of the failure that the last correction was about. */
  readonly failure?: string;
  readonly evidence: Evidence;
  /** The links to the checks that made the landed commit green. */
  readonly checks?: readonly { readonly name: string; readonly url: string }[];
  readonly end?: End & { readonly at: Time };
}
