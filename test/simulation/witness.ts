import type { Command } from "../../src/core/commands.ts";
import type { Notice } from "../../src/core/notice.ts";
import { repoKey, type End, type Repo } from "../../src/core/run.ts";
import type { LockRecord } from "../../src/forge/lock-record.ts";
import type { Landing } from "../../src/ports.ts";

/** What became of one run, as seen from the lock. */
export interface RunHistory {
  readonly repo: string;
  readonly issue: number;
  /** When the releases were that it has answered: the first began it, others had it start over or go on. */
  readonly releasedAt: Set<string>;
  continuations: number;
  /** Turns noted in the lock, and turns sent off. */
  begun: number;
  orders: number;
  /** Turns that people asked for, since the run last started over: they come on top of every budget. */
  asked: number;
  /** Turns that AFK itself ended: they may begin again without counting. */
  interruptions: number;
  resumptions: number;
  readonly landed: string[];
  /** The move that released the lock after the end, by its number; infinite until then. */
  overAt: number;
}

/** Who did what to the lock. */
export interface LockMove {
  readonly repo: Repo;
  readonly by: { readonly name: string; readonly holderId: string; readonly disk: ReadonlySet<string> };
  readonly before: LockRecord | undefined;
  readonly after: LockRecord | undefined;
  readonly landing: Landing | undefined;
  /** How many moves there had been when this one was sent off. */
  readonly sentAt: number;
}

/** A comment with commands, as it was first written. */
export interface Asking {
  /** `<repo>#<issue>`. */
  readonly issue: string;
  readonly isByWriter: boolean;
  readonly kinds: readonly Command["kind"][];
}

/** What CI said in one check of a commit, over time. */
export interface CiWord {
  readonly atMs: number;
  readonly conclusion: string | undefined;
}

/** The truth that invariants are held against: what AFK was told, what it did, and what people did behind its back. */
export interface Witness {
  readonly runs: Map<string, RunHistory>;
  /** Texts of an issue that somebody with write access has released, as marks. By `<repo>#<issue>`. */
  readonly approved: Map<string, Set<string>>;
  /** How often somebody with write access has set the ready label, by `<repo>#<issue>`. */
  readonly releases: Map<string, number>;
  /** By the comment's id. */
  readonly askings: Map<number, Asking>;
  /** Comments whose commands AFK has noted as taken, each with how often. */
  readonly taken: Map<number, number>;
  /** Commits whose checks were all good at some moment, and at least one. */
  readonly green: Set<string>;
  /** By commit, then by check. */
  readonly ciWords: Map<string, Map<string, CiWord[]>>;
  /** The ends that were written down, by the id their notice has. */
  readonly ends: Map<string, End>;
  readonly rung: Map<string, Notice>;
  /** Locks deleted by hand, by repo: what only the lock knew is lost with it. */
  readonly deletedLocks: Map<string, number>;
  /** Reads that hid one of AFK's comments, by `<repo>#<issue>`: whoever was told so may say it again. */
  readonly hiddenComments: Map<string, number>;
  /** Comments of AFK that people wrote over, by `<repo>#<issue>`: nobody can know them again until AFK has mended them. */
  readonly overwritten: Map<string, number>;
  /** Comments of AFK that people deleted, by `<repo>#<issue>`: what only they knew is lost with them. */
  readonly deletedComments: Map<string, number>;
  readonly violations: string[];
  writes: number;
  moves: number;
  accuse(violation: string): void;
}

export function createWitness(): Witness {
  const violations: string[] = [];
  return {
    runs: new Map(),
    approved: new Map(),
    releases: new Map(),
    askings: new Map(),
    taken: new Map(),
    green: new Set(),
    ciWords: new Map(),
    ends: new Map(),
    rung: new Map(),
    deletedLocks: new Map(),
    hiddenComments: new Map(),
    overwritten: new Map(),
    deletedComments: new Map(),
    violations,
    writes: 0,
    moves: 0,
    accuse: (violation) => void violations.push(violation),
  };
}

export function issueKey(repo: Repo, issue: number): string {
  return `${repoKey(repo)}#${issue}`;
}

/** One more of something. */
export function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** How often AFK could not read its own memory of an issue: hidden by a lagging replica of the forge, written over, or deleted. */
export function lostMemory({ hiddenComments, overwritten, deletedComments }: Witness, issue: string): number {
  return [hiddenComments, overwritten, deletedComments].reduce((sum, counts) => sum + (counts.get(issue) ?? 0), 0);
}
