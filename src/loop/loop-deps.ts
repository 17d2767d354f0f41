import type { Config } from "../config.ts";
import type { KillSwitch } from "../kill-switch.ts";
import type { Doorbell, Executor, Forge, Lock, Log } from "../ports.ts";
import type { Timers } from "./timers.ts";

/** Everything the loop works with; `index.ts` wires the real ones, the `BotTester` its twins. */
export interface LoopDeps {
  readonly forge: Forge;
  readonly lock: Lock;
  readonly executor: Executor;
  readonly doorbell: Doorbell;
  readonly killSwitch: KillSwitch;
  readonly config: Config;
  readonly timers: Timers;
  readonly log: Log;
  /** A fresh random word of `[a-z0-9]`, for run and turn ids. */
  readonly newId: () => string;
}
