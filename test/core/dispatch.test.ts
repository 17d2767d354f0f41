import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inDispatchOrder, nextToExamine, priorityOf, rankCandidates, selectDispatchable } from "../../src/core/dispatch.ts";
import type { Candidate, CandidateDetails } from "../../src/core/observation.ts";
import { openLedger } from "../../src/core/run-steps.ts";

const rules = { trustedBots: [], obstacles: [] };
const release = { by: "ann", byId: 1, byIsBot: false, at: "2026-01-05T09:00:00Z", editedSince: "no" } as const;
const released: CandidateDetails = {
  release,
  releaserPermission: "write",
  authorPermission: "write",
  blockers: [],
  previous: undefined,
  commandsThrough: 0,
};

function candidate(number: number, labels: readonly string[] = [], details: CandidateDetails = released): Candidate {
  return { ...unexamined(number, labels), details };
}

function unexamined(number: number, labels: readonly string[] = []): Candidate {
  const issue = { number, title: "t", body: "", author: "ann", labels, isOpen: true, isLocked: false, url: "", updatedAt: "" };
  return { issue, details: undefined };
}

const ran = openLedger({
  repoId: 1,
  issue: 1,
  run: "1-a",
  approval: { by: "ann", byId: 1, at: "2026-01-05T09:00:00Z", contentHash: "" },
  base: "main",
  startedAt: "2026-01-05T09:00:01Z",
});
const ended = { ...ran, end: { kind: "closed", at: "2026-01-05T10:00:00Z" } } as const;

describe("priority", () => {
  it.each([
    [["priority:2"], 2],
    [["Priority: 0"], 0],
    [["P1"], 1],
    [["p3", "priority:2"], 2],
    [["prio", "P", "priority:high", "P12345"], Number.POSITIVE_INFINITY],
    [[], Number.POSITIVE_INFINITY],
  ])("of %j is %d", (labels, priority) => {
    expect(priorityOf(labels)).toBe(priority);
  });

  it("goes before the number, and unlabelled issues come last", () => {
    const order = inDispatchOrder([candidate(1), candidate(2, ["P2"]), candidate(3, ["P1"]), candidate(4), candidate(5, ["P1"])]);
    expect(order.map(({ issue }) => issue.number)).toEqual([3, 5, 2, 1, 4]);
  });

  it("does not depend on the order of the list", () => {
    const candidates = fc
      .uniqueArray(fc.nat(30), { minLength: 1 })
      .map((numbers) => numbers.map((number) => candidate(number, number % 3 === 0 ? [`P${number % 5}`] : [])));
    fc.assert(
      fc.property(candidates, (list) => {
        expect(inDispatchOrder(list.toReversed())).toEqual(inDispatchOrder(list));
      }),
    );
  });
});

describe("standing", () => {
  const blocked = { ...released, blockers: [{ reference: "#9", isOpen: true }] };
  const refused = { ...released, releaserPermission: "read" } as const;

  it.each([
    ["a released issue is dispatchable", released, "dispatchable"],
    ["an open blocker blocks", blocked, "blocked"],
    ["a closed blocker does not", { ...released, blockers: [{ reference: "#9", isOpen: false }] }, "dispatchable"],
    ["a releaser without write access is refused", refused, "refused"],
    ["the label of a run that has ended is over", { ...released, previous: ended }, "over"],
    [
      "a label set after that run's end starts a new one",
      { ...released, release: { ...release, at: "2026-01-05T11:00:00Z" }, previous: ended },
      "dispatchable",
    ],
  ] as const)("%s", (_title, details, kind) => {
    const [[, standing] = []] = rankCandidates([candidate(1, [], details)], rules, undefined);
    expect(standing?.kind).toBe(kind);
  });

  it("continues a live run whose lock is lost", () => {
    expect(selectDispatchable([candidate(1, [], { ...released, previous: ran })], rules, undefined)?.resumes).toBe(ran);
  });

  it.each([
    ["one that was handed over", { kind: "handed-over", reason: "ci-red", detail: "" }, true],
    ["one that was cancelled", { kind: "cancelled", reason: "command" }, true],
    ["none that is done", { kind: "closed" }, false],
  ] as const)("goes on with a run that somebody wants continued, if it is %s", (_title, end, goesOn) => {
    const previous = { ...ran, end: { ...end, at: "2026-01-05T10:00:00Z" } };
    const asked = { continues: true, guidance: "use a Map" };
    const details = { ...released, release: { ...release, at: "2026-01-05T11:00:00Z" }, previous, asked };
    expect(selectDispatchable([candidate(1, [], details)], rules, undefined)).toMatchObject({ asked });
    expect(selectDispatchable([candidate(1, [], details)], rules, undefined)?.resumes).toBe(goesOn ? previous : undefined);
  });

  it("starts a new run where somebody released it anew by a command", () => {
    const previous = { ...ran, end: { kind: "cancelled", reason: "command", at: "2026-01-05T10:00:00Z" } as const };
    const details = { ...released, release: { ...release, at: "2026-01-05T11:00:00Z" }, previous, asked: { continues: false } };
    expect(selectDispatchable([candidate(1, [], details)], rules, undefined)).toMatchObject({
      asked: { continues: false },
      resumes: undefined,
    });
  });

  it("brings nothing that was asked where the label released it", () => {
    expect(selectDispatchable([candidate(1)], rules, undefined)).not.toHaveProperty("asked");
  });

  it("is over for a command that the last run has taken up", () => {
    const [[, standing] = []] = rankCandidates(
      [candidate(1, [], { ...released, previous: ended, asked: { continues: true } })],
      rules,
      undefined,
    );
    expect(standing?.kind).toBe("over");
  });

  it("says behind whom everybody else waits", () => {
    const ranked = rankCandidates([candidate(1, [], blocked), candidate(2), candidate(3), unexamined(4)], rules, undefined);
    expect(ranked.map(([{ issue }, standing]) => [issue.number, standing.kind === "behind" ? standing.issue : standing.kind])).toEqual([
      [1, "blocked"],
      [2, "dispatchable"],
      [3, 2],
      [4, 2],
    ]);
  });

  it("puts everybody behind the issue that has the repo", () => {
    const ranked = rankCandidates([unexamined(1), unexamined(2), unexamined(3)], rules, 2);
    expect(ranked.map(([{ issue }, standing]) => [issue.number, standing])).toEqual([
      [1, { kind: "behind", issue: 2 }],
      [3, { kind: "behind", issue: 2 }],
    ]);
  });

  it("starts nothing in an obstructed repo", () => {
    expect(selectDispatchable([candidate(1)], { ...rules, obstacles: [{ kind: "archived" }] }, undefined)).toBeUndefined();
  });
});

describe("examining", () => {
  it("looks at the best candidate first and stops at one that can start", () => {
    expect(nextToExamine([unexamined(1), unexamined(2, ["P1"])], rules)?.issue.number).toBe(2);
    expect(nextToExamine([unexamined(1), candidate(2, ["P1"])], rules)).toBeUndefined();
  });

  it("goes on past those that cannot start", () => {
    const blocked = candidate(1, [], { ...released, blockers: [{ reference: "#9", isOpen: true }] });
    expect(nextToExamine([blocked, unexamined(2)], rules)?.issue.number).toBe(2);
  });

  it("looks at no more than ten where nothing can start anyway", () => {
    const obstructed = { ...rules, obstacles: [{ kind: "archived" } as const] };
    const examined = Array.from({ length: 10 }, (_, number) => candidate(number));
    expect(nextToExamine([...examined.slice(0, 9), unexamined(20)], obstructed)?.issue.number).toBe(20);
    expect(nextToExamine([...examined, unexamined(20)], obstructed)).toBeUndefined();
  });
});
