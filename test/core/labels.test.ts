import { describe, expect, it } from "vitest";
import { isSameLabel, labelChanges, labelsFor, lookOf, type LabelState } from "../../src/core/labels.ts";

const names = { ready: "ready", inProgress: "working", human: "human" };
const states: readonly LabelState[] = ["running", "closed", "handed-over", "cancelled"];

describe("AFK's labels", () => {
  it.each<[LabelState, readonly string[], readonly string[]]>([
    ["running", ["ready", "working"], ["human"]],
    ["closed", [], ["ready", "working", "human"]],
    ["handed-over", ["human"], ["ready", "working"]],
    ["cancelled", [], ["ready", "working"]],
  ])("are set and taken off for a run that is %s", (state, on, off) => {
    expect(labelsFor(state, names)).toEqual({ on, off });
  });

  it("leave the human label of a cancelled run as people set it", () => {
    expect(labelChanges("cancelled", names, ["human", "ready"])).toEqual({ on: [], off: ["ready"] });
  });

  it.each(states)("need no second change once they show a run that is %s", (state) => {
    for (const current of [[], ["READY"], ["ready", "working", "human", "bug"]]) {
      const { on, off } = labelChanges(state, names, current);
      const changed = [...current.filter((label) => !off.some((name) => isSameLabel(name, label))), ...on];
      expect(labelChanges(state, names, changed)).toEqual({ on: [], off: [] });
    }
  });

  it("have a look, and other labels have none", () => {
    expect([lookOf("Ready", names)?.color, lookOf("bug", names)]).toEqual(["0e8a16", undefined]);
  });
});
