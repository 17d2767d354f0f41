import { describe, expect, it } from "vitest";
import { reportFor } from "../../src/core/report.ts";
import { turnKinds } from "../../src/core/run.ts";
import { beginTurn, concludeTurn } from "../../src/core/run-steps.ts";
import { after, claimed, landed, time, working } from "./example-observation.ts";

const record = { command: "npm test", exitCode: 1, durationMs: 1, tail: "expected 2 to be 3" };

describe("why there is another turn", () => {
  it("is CI's report for a correction", () => {
    expect(reportFor("fix-forward", landed, "CI is red on abc")).toBe("CI is red on abc");
  });

  it("is the gate's reason for a nudge, with the output that shows it", () => {
    const evidence = { green: { ...record, flaky: false } };
    const refused = after({ kind: "refused", gate: "tests-green", reason: "npm test ended with exit code 1", evidence });
    expect(reportFor("nudge", refused, undefined)).toBe(
      'The gate "tests-green" refused the work: npm test ended with exit code 1\n\nThe last output of npm test:\nexpected 2 to be 3',
    );
  });

  it("is the gate's reason alone where no output tells more", () => {
    const refused = after({ kind: "refused", gate: "size", reason: "3,000 files", evidence: { green: { ...record, flaky: false } } });
    expect(reportFor("nudge", refused, undefined)).toBe('The gate "size" refused the work: 3,000 files');
  });

  it("is what conflicts for a resolution", () => {
    expect(reportFor("resolve", after({ kind: "conflict", reason: "src/sum.js", evidence: {} }), undefined)).toBe("src/sum.js");
  });

  it.each(turnKinds)("is unknown for a turn of the kind %s that nothing came before", (kind) => {
    expect(reportFor(kind, claimed, undefined)).toBeUndefined();
    expect(reportFor(kind, working, undefined)).toBeUndefined();
  });

  it("is still what an unfinished turn of the kind was about", () => {
    const begun = beginTurn(landed, { id: "t2", kind: "nudge", startedAt: time(90), report: "refused" }, "new");
    const interrupted = concludeTurn(begun, "t2", { kind: "interrupted", why: "w" }, time(100));
    for (const ledger of [begun, interrupted]) {
      expect(reportFor("nudge", ledger, undefined)).toBe("refused");
      expect(reportFor("resolve", ledger, undefined)).toBeUndefined();
      expect(reportFor("fix-forward", ledger, "CI is red")).toBe("CI is red");
    }
    expect(reportFor("nudge", concludeTurn(begun, "t2", { kind: "unchanged" }, time(100)), undefined)).toBeUndefined();
  });

  it("is not CI's for a turn that does not correct CI", () => {
    for (const kind of turnKinds.filter((other) => other !== "fix-forward")) expect(reportFor(kind, landed, "CI is red")).toBeUndefined();
  });

  it("is bounded", () => {
    const long = "x".repeat(20_000);
    const evidence = { green: { ...record, command: long, tail: long, flaky: false } };
    expect(
      reportFor("nudge", after({ kind: "refused", gate: "tests-green", reason: long, evidence }), undefined)?.length,
    ).toBeLessThanOrEqual(8_000);
    expect(reportFor("resolve", after({ kind: "conflict", reason: long, evidence: {} }), undefined)?.length).toBeLessThanOrEqual(8_000);
  });
});
