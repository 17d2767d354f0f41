import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestFailures, maxFailures, reportFailures, type Failure } from "../../src/core/failure.ts";

function failure(name: string, text: string | undefined, from: "log" | "annotations" | "summary" = "log"): Failure {
  const context = { name, state: "red", word: "timed_out", url: `https://ci.test/${name}`, check: 1 } as const;
  return { context, report: text === undefined ? undefined : { from, text } };
}

const silent: Failure = { ...failure("lint", undefined), report: { from: "nothing", text: "" } };

describe("the report of failures", () => {
  it("names the commit, each context with its link, and the end of its log", () => {
    const failures = [failure("build", "AssertionError: 2 is not 3\n"), failure("docs", "a link is dead", "annotations"), silent];
    expect(reportFailures(failures, "abc1234")).toMatchInlineSnapshot(`
      "CI is red on abc1234:

      build: timed out (https://ci.test/build)
      The end of its log:
      AssertionError: 2 is not 3

      docs: timed out (https://ci.test/docs)
      What it annotated:
      a link is dead

      lint: timed out (https://ci.test/lint)
      The forge shows no more than that."
    `);
  });

  it("takes a summary where there is neither log nor annotation", () => {
    expect(reportFailures([failure("build", "2 of 9 failed", "summary")], "abc")).toContain("Its summary:\n2 of 9 failed");
  });

  it("says that a status shows no more than its link", () => {
    expect(reportFailures([failure("lint", undefined)], "abc")).toContain(
      "lint: timed out (https://ci.test/lint)\nThe forge shows no more",
    );
  });

  it("names the first five and counts the rest", () => {
    const many = Array.from({ length: 50 }, (_, index) => failure(`job-${index}`, "boom"));
    const report = reportFailures(many, "abc");
    expect(report.match(/^job-/gm)).toHaveLength(maxFailures);
    expect(report).toMatch(/\n… and 45 more\.$/);
  });

  it("keeps the end of every log, where the failure is told", () => {
    const many = Array.from({ length: 5 }, (_, index) => failure(`job-${index}`, `${"x".repeat(16_000)} the end of ${index}`));
    const report = reportFailures(many, "abc");
    for (let index = 0; index < 5; index += 1) expect(report).toContain(`the end of ${index}`);
  });

  it("is bounded and visible, whatever was logged", () => {
    const text = fc.array(fc.constantFrom("x".repeat(9_000), "\u0000", "\u202e", "\ud800", "\n", "-->", "```"), { maxLength: 9 });
    const some = fc.array(fc.tuple(text, text), { maxLength: 60 });
    fc.assert(
      fc.property(some, (failures) => {
        const report = reportFailures(
          failures.map(([name, log]) => failure(name.join(""), log.join(""))),
          "abc",
        );
        expect(report.length).toBeLessThanOrEqual(8_000);
        expect(report).not.toMatch(/[^\P{Cc}\n]|[\u202e\p{Surrogate}]/u);
      }),
      { numRuns: 50 },
    );
  });
});

describe("the digest of failures", () => {
  const first = "2026-01-05T09:00:00.1234567Z not ok 3 - adds (12.5 ms) at 3f2a9c1d, run 8a1f6e5c-0b7d-4c2e-9d3f-aabbccddeeff, took 45.2s";

  it.each([
    ["times of day", first.replace("09:00:00.1234567", "23:59:59.7654321")],
    ["hashes", first.replace("3f2a9c1d", "0123456789abcdef0123456789abcdef01234567")],
    ["identifiers", first.replace("8a1f6e5c-0b7d-4c2e-9d3f-aabbccddeeff", "11111111-2222-4333-8444-555555555555")],
    ["identifiers without a digit in some part", first.replace("0b7d-4c2e-9d3f", "abcd-4eee-bbbb")],
    ["durations", first.replace("12.5 ms", "3 ms")],
    ["durations in other units", first.replace("45.2s", "1m 3s").replace("12.5 ms", "1.2 s")],
    ["white space", first.replaceAll(" ", "  ")],
  ])("does not care about %s", (_title, text) => {
    expect(digestFailures([failure("build", text)])).toBe(digestFailures([failure("build", first)]));
  });

  it("does not care about the order", () => {
    const [one, other] = [failure("build", "boom"), failure("lint", "bang")];
    expect(digestFailures([one, other])).toBe(digestFailures([other, one]));
  });

  it.each([
    ["another name", [failure("lint", first)]],
    ["another test", [failure("build", first.replace("adds", "subtracts"))]],
    ["another context besides", [failure("build", first), failure("lint", "boom")]],
    ["a log that says more", [failure("build", `${first}\nError: out of memory`)]],
  ])("differs for %s", (_title, failures) => {
    expect(digestFailures(failures)).not.toBe(digestFailures([failure("build", first)]));
  });

  it.each([
    ["nothing failed", []],
    ["a status shows nothing", [failure("build", first), failure("lint", undefined)]],
    ["a check said nothing", [silent]],
    ["a check logged white space", [failure("build", " \n\t")]],
  ])("is not to be had when %s", (_title, failures) => {
    expect(digestFailures(failures)).toBeUndefined();
  });
});
