import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Timers } from "./loop/timers.ts";

/** How soon a file put into `AFK_HOME` is noticed. */
const pollMs = 1_000;

/** On while the environment says so or the file `kill-switch` lies in `AFK_HOME`. No write starts while it is on. */
export interface KillSwitch {
  isOn(): boolean;
  /** Calls back whenever the file appears or goes. The returned function stops watching. */
  watch(onChange: (isOn: boolean) => void): () => void;
}

export function createKillSwitch(setByOperator: boolean, home: string, timers: Timers): KillSwitch {
  const file = join(home, "kill-switch");
  const isOn = () => setByOperator || existsSync(file);
  return {
    isOn,
    watch(onChange) {
      let before = isOn();
      let cancel = timers.after(pollMs, look);
      function look(): void {
        const now = isOn();
        if (now !== before) onChange(now);
        before = now;
        cancel = timers.after(pollMs, look);
      }
      return () => cancel();
    },
  };
}
