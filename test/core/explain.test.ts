import { describe, expect, it } from "vitest";
import { explainDispatch, type ExplainFacts } from "../../src/core/explain.ts";
import { endRun } from "../../src/core/run-steps.ts";
import { place } from "./example-ledger.ts";
import { claimed, details, issue, landed, time } from "./example-observation.ts";

/** Nothing is in the way. */
const clear: ExplainFacts = {
  issue,
  isReady: true,
  labels: place.labels,
  details,
  trustedBots: [],
  obstacles: [],
  running: undefined,
  ahead: undefined,
  freeSlots: 1,
};
const previous = endRun(claimed, { kind: "cancelled", reason: "command" }, time(90));
const release = { by: "ann", byId: 2, byIsBot: false, at: time(-60), editedSince: "no" } as const;

/** The gates that are not passed, with their answers. */
function failing(change: Partial<ExplainFacts>): readonly string[] {
  return explainDispatch({ ...clear, ...change }).flatMap(({ isPassed, answer }) => (isPassed ? [] : [answer]));
}

describe("explaining why an issue is not started", () => {
  it("passes every gate where nothing is in the way", () => {
    expect(explainDispatch(clear).every(({ isPassed }) => isPassed)).toBe(true);
  });

  it.each<readonly [title: string, change: Partial<ExplainFacts>, answers: readonly string[]]>([
    ["is closed", { issue: { ...issue, isOpen: false } }, ["It is closed."]],
    ["has lost its label", { isReady: false }, ["No."]],
    ["was never released", { isReady: false, details: { ...details, release: undefined } }, ["No.", "Nobody has released it."]],
    [
      "was released by nobody knows whom",
      { details: { ...details, release: undefined } },
      ["The forge does not say who set `ready-for-agent`. Take it off and set it again."],
    ],
    [
      "was released by somebody who may not",
      { details: { ...details, releaserPermission: "read" } },
      ["`ready-for-agent` was set by `ann`, who has no write access here. Somebody who has can set it again."],
    ],
    [
      "was edited by a stranger",
      { details: { ...details, authorPermission: "none", release: { ...release, editedSince: "yes" } } },
      [
        "The issue was edited after `ready-for-agent` was set, and its author has no write access. Read it again; if it is still what you want, take `ready-for-agent` off and set it again.",
      ],
    ],
    ["ended and was not released anew", { details: { ...details, previous } }, ["No, the label is left over from that run."]],
    [
      "ended and nobody released it",
      { details: { ...details, previous, release: undefined }, isReady: false },
      ["No.", "Nobody has released it.", "No."],
    ],
    ["is blocked", { details: { ...details, blockers: [{ reference: "#3", isOpen: true }] } }, ["No: #3."]],
    ["cannot land", { obstacles: [{ kind: "archived" }] }, ["The repository is archived: take it out of the archive."]],
    ["waits for another run", { running: 5 }, ["No, AFK works on #5."]],
    ["is not the first", { ahead: 6 }, ["No, #6 comes first."]],
    ["finds no agent free", { freeSlots: 0 }, ["No, none is."]],
  ])("says that it %s", (_title, change, answers) => {
    expect(failing(change)).toEqual(answers);
  });

  it.each<readonly [title: string, change: Partial<ExplainFacts>, answer: string]>([
    ["its own run has the repo", { running: issue.number }, "This issue has it."],
    ["a blocker is closed", { details: { ...details, blockers: [{ reference: "#3", isOpen: false }] } }, "Yes."],
    ["it was released anew", { details: { ...details, previous, release: { ...release, at: time(95) } } }, "Yes."],
    ["its run lives", { details: { ...details, previous: landed } }, "No run of it has ended."],
    ["whoever released it may", {}, "Yes, `ann` released it."],
  ])("passes where %s", (_title, change, answer) => {
    const gates = explainDispatch({ ...clear, ...change });
    expect([gates.every(({ isPassed }) => isPassed), gates.map((gate) => gate.answer)]).toEqual([true, expect.arrayContaining([answer])]);
  });

  it("names a few of many obstacles and blockers", () => {
    const obstacles = Array.from({ length: 50 }, () => ({ kind: "base-missing", branch: "x".repeat(500) }) as const);
    const blockers = Array.from({ length: 500 }, (_, number) => ({ reference: `#${number}`, isOpen: true }));
    expect(failing({ obstacles, details: { ...details, blockers } }).join("").length).toBeLessThan(3_000);
  });
});
