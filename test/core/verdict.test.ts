import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  contextsThat,
  foldVerdict,
  judgeLanding,
  settlesAt,
  type CheckRun,
  type CommitFacts,
  type CommitStatus,
} from "../../src/core/verdict.ts";

const none = { required: [] };

function check(name: string, conclusion: string | undefined, more: Partial<CheckRun> = {}): CheckRun {
  return {
    id: 1,
    app: "actions",
    name,
    conclusion,
    startedAt: "2026-01-01T00:00:00Z",
    completedAt: conclusion === undefined ? undefined : "2026-01-01T00:01:00Z",
    url: `https://ci.example/${name}`,
    ...more,
  };
}

function status(context: string, state: CommitStatus["state"], more: Partial<CommitStatus> = {}): CommitStatus {
  return { id: 1, context, state, at: "2026-01-01T00:02:00Z", url: "https://ci.example/s", ...more };
}

function known(checks: readonly CheckRun[], statuses: readonly CommitStatus[] = []): CommitFacts {
  return { kind: "known", checks, statuses };
}

describe("the verdict of one check", () => {
  it.each([
    ["success", "green"],
    ["neutral", "green"],
    ["skipped", "absent"],
    ["failure", "red"],
    ["timed_out", "red"],
    ["action_required", "red"],
    ["startup_failure", "red"],
    ["cancelled", "pending"],
    ["stale", "pending"],
    [undefined, "pending"],
    ["something_new", "pending"],
    ["constructor", "pending"],
  ])("reads the conclusion %s as %s", (conclusion, verdict) => {
    expect(foldVerdict(known([check("build", conclusion)]), none).verdict).toBe(verdict);
  });

  it.each([
    ["success", "green"],
    ["pending", "pending"],
    ["failure", "red"],
    ["error", "red"],
  ] as const)("reads the status %s as %s", (state, verdict) => {
    expect(foldVerdict(known([], [status("ci/build", state)]), none).verdict).toBe(verdict);
  });
});

describe("the verdict of a commit", () => {
  it("is absent when there is nothing at all", () => {
    expect(foldVerdict(known([]), none).verdict).toBe("absent");
  });

  it("is absent when there is nothing at all, even where a context is required", () => {
    expect(foldVerdict(known([]), { required: ["build"] }).verdict).toBe("absent");
  });

  it("is unknown, with the reason, when the forge would not say", () => {
    expect(foldVerdict({ kind: "unknown", why: "403" }, none)).toMatchObject({ verdict: "unknown", why: "403" });
  });

  it("is green when one check passed and others were skipped", () => {
    expect(foldVerdict(known([check("build", "success"), check("docs", "skipped")]), none).verdict).toBe("green");
  });

  it("is red as soon as one context is, whatever still runs", () => {
    expect(foldVerdict(known([check("build", undefined)], [status("lint", "failure")]), none).verdict).toBe("red");
  });

  it("is pending while a required context is missing, and names it", () => {
    const reading = foldVerdict(known([check("build", "success")]), { required: ["build", "e2e"] });
    expect([reading.verdict, contextsThat(reading, "pending")]).toEqual([
      "pending",
      [{ name: "e2e", state: "pending", word: "missing", url: "" }],
    ]);
  });

  it("takes a commit status for a required context", () => {
    expect(foldVerdict(known([], [status("e2e", "success")]), { required: ["e2e"] }).verdict).toBe("green");
  });

  it("counts only the latest run of a check of the same app and name", () => {
    expect(foldVerdict(known([check("build", "failure", { id: 1 }), check("build", "success", { id: 2 })]), none).verdict).toBe("green");
  });

  it("counts checks of the same name by two apps both", () => {
    expect(foldVerdict(known([check("build", "success"), check("build", "failure", { id: 9, app: "other" })]), none).verdict).toBe("red");
  });

  it("counts only the latest status of a context", () => {
    expect(foldVerdict(known([], [status("lint", "success", { id: 5 }), status("lint", "pending", { id: 4 })]), none).verdict).toBe(
      "green",
    );
  });

  it("names the red contexts with their links", () => {
    const reading = foldVerdict(known([check("build", "timed_out"), check("lint", "success")]), none);
    const link = { word: "timed_out", url: "https://ci.example/build" };
    expect(contextsThat(reading, "red")).toEqual([{ name: "build", state: "red", ...link, check: 1, at: "2026-01-01T00:01:00Z" }]);
  });

  it("is inconclusive when something was cancelled and nothing else is open", () => {
    expect(foldVerdict(known([check("build", "cancelled"), check("lint", "success")]), none).inconclusive).toBe(true);
  });

  it.each([
    ["something still runs", check("lint", undefined)],
    ["something is red", check("lint", "failure")],
  ])("is not inconclusive while %s", (_title, other) => {
    expect(foldVerdict(known([check("build", "cancelled"), other]), none).inconclusive).toBe(false);
  });

  const anyCheck = fc.record({
    id: fc.integer({ min: 1, max: 4 }),
    app: fc.constantFrom("a", "b"),
    name: fc.constantFrom("build", "lint"),
    conclusion: fc.constantFrom(undefined, "success", "neutral", "skipped", "failure", "cancelled", "stale"),
    startedAt: fc.constantFrom(undefined, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
    completedAt: fc.constantFrom(undefined, "2026-01-01T00:01:00Z"),
    url: fc.constantFrom("https://a", "https://b"),
  });
  const anyStatus = fc.record({
    id: fc.integer({ min: 1, max: 4 }),
    context: fc.constantFrom("build", "deploy"),
    state: fc.constantFrom("error", "failure", "pending", "success"),
    at: fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"),
    url: fc.constant("https://s"),
  });
  const someFacts = fc.tuple(fc.array(anyCheck, { maxLength: 6 }), fc.array(anyStatus, { maxLength: 6 }));

  it("does not depend on the order in which the facts were read", () => {
    const shuffled = someFacts.chain(([checks, statuses]) =>
      fc.tuple(
        fc.constant(known(checks, statuses)),
        fc
          .tuple(fc.shuffledSubarray(checks, { minLength: checks.length }), fc.shuffledSubarray(statuses, { minLength: statuses.length }))
          .map(([c, s]) => known(c, s)),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(foldVerdict(other, none)).toEqual(foldVerdict(one, none));
      }),
    );
  });

  it("is never green unless something passed and everything did", () => {
    fc.assert(
      fc.property(someFacts, fc.subarray(["build", "e2e"]), ([checks, statuses], required) => {
        const reading = foldVerdict(known(checks, statuses), { required });
        if (reading.verdict !== "green") return;
        expect(reading.contexts.some(({ state }) => state === "passed")).toBe(true);
        expect(reading.contexts.every(({ state }) => state === "passed" || state === "skipped")).toBe(true);
        expect(required.every((name) => reading.contexts.some((context) => context.name === name))).toBe(true);
      }),
    );
  });
});

describe("settling", () => {
  const landedAt = "2026-01-01T00:00:30Z";

  it("counts from the newest change of any check or status", () => {
    const reading = foldVerdict(known([check("build", "success")], [status("lint", "success")]), none);
    expect(settlesAt(reading, landedAt, 15_000)).toBe(Date.parse("2026-01-01T00:02:15Z"));
  });

  it("counts from the landing when nothing has a time", () => {
    const reading = foldVerdict(known([check("build", "success", { startedAt: undefined, completedAt: undefined })]), none);
    expect(settlesAt(reading, landedAt, 15_000)).toBe(Date.parse("2026-01-01T00:00:45Z"));
  });
});

describe("judging what landed", () => {
  const green = known([check("build", "success")]);
  const cancelled = known([check("build", "cancelled")]);

  it("counts a green descendant where the landed commit's checks were cancelled", () => {
    expect(judgeLanding({ sha: "a", facts: cancelled }, [{ sha: "b", facts: green }], none)).toMatchObject({ verdict: "green", sha: "b" });
  });

  it("keeps waiting while every descendant was cancelled, too", () => {
    expect(judgeLanding({ sha: "a", facts: cancelled }, [{ sha: "b", facts: cancelled }], none)).toMatchObject({
      verdict: "pending",
      sha: "a",
    });
  });

  it.each([
    ["red", known([check("build", "failure")]), "red"],
    ["still running", known([check("build", undefined)]), "pending"],
    ["without checks", known([]), "absent"],
    ["unknown", { kind: "unknown", why: "404" } as const, "unknown"],
  ])("judges a landed commit that is %s by itself: a green descendant may be its revert", (_title, facts, verdict) => {
    expect(judgeLanding({ sha: "a", facts }, [{ sha: "b", facts: green }], none)).toMatchObject({ verdict, sha: "a" });
  });
});
