import type { KillSwitch } from "../kill-switch.ts";
import { HaltedError, type Forge } from "../ports.ts";

/** The forge, as a pass may use it: a pass that began before the kill switch went on starts no further write either. They throw `HaltedError`. */
export function haltWrites(forge: Forge, killSwitch: Pick<KillSwitch, "isOn">): Forge {
  function guard<Args extends readonly unknown[], Answer>(write: (...args: Args) => Promise<Answer>): (...args: Args) => Promise<Answer> {
    return async (...args) => {
      if (killSwitch.isOn()) throw new HaltedError("the kill switch is on");
      return write(...args);
    };
  }
  return {
    ...forge,
    createComment: guard(forge.createComment.bind(forge)),
    editComment: guard(forge.editComment.bind(forge)),
    addLabel: guard(forge.addLabel.bind(forge)),
    removeLabel: guard(forge.removeLabel.bind(forge)),
    closeIssue: guard(forge.closeIssue.bind(forge)),
  };
}
