import type { Repo } from "../core/run.ts";
import type { Signal } from "../loop/signals.ts";

/** What every handler gets: somewhere to hand the signal to, and the guard. */
export interface HandlerDeps {
  readonly signal: (signal: Signal) => void;
  readonly isEnrolled: (repo: Repo) => boolean;
  readonly readyLabel: string;
}

/** A verified webhook. The payload is parsed by who reads it: only the fields used. */
export interface Delivery {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
}

/** Guard, translate to a signal, hand over. Synchronous on purpose: the answer to the forge waits for nothing. */
export type Handler = (delivery: Delivery, deps: HandlerDeps) => void;
