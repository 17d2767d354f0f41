import type { Time } from "../../core/run.ts";
import type { CommandResult } from "../command.ts";
import type { SandboxedCommand } from "../sandbox.ts";
import type { Secrets } from "../tail.ts";

/** What an agent is given. It has the sandbox's hands only: no git of AFK's, no credential of the forge. */
export interface AgentSession {
  readonly prompt: string;
  readonly workspace: string;
  readonly home: string;
  /** A folder both sides write to: the prompt lies there, the agent's notes come back through it. */
  readonly mail: string;
  /** What the workspace needs to be visible, and its caches. */
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly secrets: Secrets;
  /** The forge's clock, in milliseconds. */
  readonly now: () => number;
  readonly onLine: (line: string) => void;
  run(command: SandboxedCommand): Promise<CommandResult>;
}

/** How the agent's own process ended. What it achieved is told by git and the gates alone. */
export type AgentOutcome =
  | { readonly kind: "finished" }
  /** It cannot go on, in its own words: cleaned and bounded, but still an agent's words. */
  | { readonly kind: "blocked"; readonly why: string }
  /** Its provider has a limit, which is over then. The reason is an agent's words too. */
  | { readonly kind: "limited"; readonly until: Time; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string; readonly tail: string }
  | { readonly kind: "timed-out"; readonly afterMs: number; readonly tail: string }
  /** The session's signal ended it. */
  | { readonly kind: "stopped" };

export interface Agent {
  run(session: AgentSession): Promise<AgentOutcome>;
}
