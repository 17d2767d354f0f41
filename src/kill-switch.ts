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
  let told = look();
  /** Somebody was answered otherwise than the watcher was told last: a file may come and go between two looks of the watcher. */
  let isToldLate = false;

  function look(): boolean {
    return setByOperator || existsSync(file);
  }

  function isOn(): boolean {
    const now = look();
    isToldLate ||= now !== told;
    return now;
  }

  return {
    isOn,
    watch(onChange) {
      let cancel = timers.after(pollMs, poll);
      function poll(): void {
        cancel = timers.after(pollMs, poll);
        told = isOn();
        if (isToldLate) onChange(told);
        isToldLate = false;
      }
      return () => cancel();
    },
  };
}
