import type { Selection } from "./dispatch.ts";
import type { Request } from "./requests.ts";
import type { End, HandOverReason, TurnKind } from "./run.ts";
import type { Beginning } from "./run-steps.ts";

/** What to do about one repo now. `perform` has one case for each. */
export type Decision =
  /** Stop turns; no write starts. */
  | { readonly kind: "halt" }
  /** The run has ended; show it: comment, labels, close, lock, in this order. */
  | { readonly kind: "finish" }
  /** Somebody said `/afk …`. */
  | { readonly kind: "answer"; readonly request: Request }
  | { readonly kind: "end"; readonly end: End }
  /** A new turn; `failure` is the digest of what a correction is about. */
  | { readonly kind: "turn"; readonly turn: TurnKind; readonly failure?: string }
  /** The same turn again. */
  | { readonly kind: "retry"; readonly turn: TurnKind; readonly beginning: Exclude<Beginning, "new"> }
  /** CI's failed jobs again, before an agent is spent on what may be a flake. */
  | { readonly kind: "rerun"; readonly checks: readonly number[] }
  | { readonly kind: "start"; readonly selection: Selection }
  /** `untilMs` on the forge's clock; without it, until something happens. */
  | { readonly kind: "wait"; readonly why: WaitReason; readonly untilMs?: number };

export type WaitReason =
  | "held-elsewhere"
  | "turn-runs"
  | "no-slot"
  | "ci-pending"
  | "ci-rerun"
  | "ci-settling"
  | "backing-off"
  | "parked"
  | "nothing-to-start";

/** The operator's bounds. Times in milliseconds. */
export interface Limits {
  readonly nudgeMax: number;
  readonly retryMax: number;
  readonly fixForwardMaxAttempts: number;
  readonly fixForwardMaxMs: number;
  readonly trustedBots: readonly string[];
}

/** A run's end in the hands of a human. `detail` may be foreign text. */
export function handOver(reason: HandOverReason, detail: string): Decision {
  return { kind: "end", end: { kind: "handed-over", reason, detail } };
}
