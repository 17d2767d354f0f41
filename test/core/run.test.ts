import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { turnKinds, type Ledger, type Turn, type TurnOutcome } from "../../src/core/run.ts";
import {
  beginTurn,
  concludeTurn,
  continueRun,
  endRun,
  joinGuidance,
  maxGuidance,
  moveDeadlines,
  recordLanding,
  startOver,
  type Beginning,
} from "../../src/core/run-steps.ts";
import { after, approval, claimed, corrected, landed, sha, time, working } from "./example-observation.ts";

const next = (kind: Turn["kind"] = "implement", more: Partial<Turn> = {}): Turn => ({ id: "t9", kind, startedAt: time(200), ...more });
const countsOf = ({ attempts, nudges, retries, parks }: Ledger) => ({ attempts, nudges, retries, parks });
const unspent = { attempts: 0, nudges: 0, retries: 0, parks: 0 };

describe("beginning a turn", () => {
  it.each([
    ["implement", { attempts: 1 }],
    ["fix-forward", { attempts: 1 }],
    ["nudge", { nudges: 1 }],
    ["resolve", { nudges: 1 }],
    ["revise", {}],
  ] as const)("counts a new one of the kind %s", (kind, counted) => {
    expect(countsOf(beginTurn(claimed, next(kind), "new"))).toEqual({ ...unspent, ...counted });
  });

  it.each<[Beginning, object]>([
    ["retry", { retries: 1 }],
    ["resumption", {}],
    ["unparking", { parks: 1 }],
  ])("again counts as %s alone, whatever its kind", (beginning, counted) => {
    for (const kind of turnKinds) expect(countsOf(beginTurn(claimed, next(kind), beginning))).toEqual({ ...unspent, ...counted });
  });

  it("keeps what it was about when it is begun again", () => {
    const begun = beginTurn(landed, next("fix-forward", { report: "CI is red", guidance: "use a Map" }), "new");
    for (const beginning of ["retry", "resumption", "unparking"] as const) {
      expect(beginTurn(begun, next("fix-forward", { id: "t10" }), beginning).turn).toEqual({
        id: "t10",
        kind: "fix-forward",
        startedAt: time(200),
        report: "CI is red",
        guidance: "use a Map",
      });
    }
  });

  it("that is new has a report of its own, or none", () => {
    const begun = beginTurn(landed, next("fix-forward", { report: "CI is red" }), "new");
    expect(beginTurn(begun, next("nudge"), "new").turn).not.toHaveProperty("report");
    expect(beginTurn(begun, next("nudge", { report: "refused" }), "new").turn?.report).toBe("refused");
  });

  const guided = (outcome?: TurnOutcome): Ledger => {
    const begun = beginTurn({ ...claimed, asked: { guidance: "use a Map" } }, next(), "new");
    return outcome === undefined ? begun : concludeTurn(begun, "t9", outcome, time(210));
  };

  it.each<[string, TurnOutcome | undefined]>([
    ["is lost", undefined],
    ["failed", { kind: "failed", reason: "", tail: "" }],
    ["ran out of time", { kind: "timed-out", afterMs: 1, tail: "" }],
    ["met a limit", { kind: "limited", until: time(0), reason: "" }],
    ["was interrupted", { kind: "interrupted", why: "" }],
  ])("keeps the guidance of one that %s, even for a turn of another kind", (_title, outcome) => {
    expect(beginTurn(guided(outcome), next("fix-forward", { id: "t10" }), "new").turn?.guidance).toBe("use a Map");
  });

  it.each<[string, TurnOutcome]>([
    ["was refused", { kind: "refused", gate: "size", reason: "", evidence: {} }],
    ["has landed", { kind: "landed", evidence: {} }],
    ["changed nothing", { kind: "unchanged" }],
  ])("does not repeat the guidance of one that %s: it was heeded", (_title, outcome) => {
    expect(beginTurn(guided(outcome), next("nudge", { id: "t10" }), "new").turn).not.toHaveProperty("guidance");
  });

  it("adds what people asked for meanwhile, and nothing is asked any more", () => {
    const begun = beginTurn({ ...guided({ kind: "interrupted", why: "" }), asked: { guidance: "and a Set" } }, next(), "resumption");
    expect([begun.turn?.guidance, begun.asked]).toEqual(["use a Map\n\nand a Set", undefined]);
  });

  it("after a provider's limit moves the deadlines on by the time it was parked", () => {
    const parked = { ...corrected({ kind: "limited", until: time(3720), reason: "" }), redSince: time(80) };
    const begun = beginTurn(parked, { id: "t3", kind: "fix-forward", startedAt: time(3720) }, "unparking");
    expect([begun.ciSince, begun.redSince]).toEqual([time(60 + 3600), time(80 + 3600)]);
  });

  it.each(["new", "retry", "resumption"] as const)("as %s leaves the deadlines alone", (beginning) => {
    const begun = beginTurn({ ...corrected({ kind: "interrupted", why: "" }), redSince: time(80) }, next("fix-forward"), beginning);
    expect([begun.ciSince, begun.redSince]).toEqual([time(60), time(80)]);
  });
});

describe("guidance", () => {
  it("is joined in the order it was given", () => {
    expect(joinGuidance(undefined, "one", "", "two")).toBe("one\n\ntwo");
  });

  it.each([[[]], [[undefined]], [[""]], [["", undefined]]])("of %j is none", (parts) => {
    expect(joinGuidance(...parts)).toBeUndefined();
  });

  it("is bounded, and its last words are kept", () => {
    const joined = joinGuidance("x".repeat(maxGuidance), "the last word") ?? "";
    expect([joined.length, joined.endsWith("\n\nthe last word")]).toEqual([maxGuidance, true]);
  });
});

describe("concluding a turn", () => {
  it("keeps the evidence once, as the run's", () => {
    const evidence = { notes: ["n"] };
    const concluded = after({ kind: "refused", gate: "size", reason: "r", evidence });
    expect(concluded.evidence).toEqual(evidence);
    expect(concluded.turn?.outcome).toEqual({ kind: "refused", gate: "size", reason: "r", at: time(60) });
  });

  it("without evidence of its own keeps what was proved before", () => {
    const proved = { ...working, evidence: { notes: ["n"] } };
    expect(after({ kind: "unchanged" }, proved).evidence).toEqual({ notes: ["n"] });
  });

  it("is done once", () => {
    const once = after({ kind: "unchanged" });
    expect(concludeTurn(once, "t1", { kind: "blocked", why: "w" }, time(99))).toBe(once);
    expect(concludeTurn(working, "t0", { kind: "unchanged" }, time(99))).toBe(working);
  });
});

describe("a landing", () => {
  it("notes the commit, the head before it, and from when CI has time", () => {
    expect(landed).toMatchObject({ landed: { sha }, before: "b".repeat(40), ciSince: time(60), turn: { outcome: { kind: "landed" } } });
  });

  it("of a correction keeps the head before anything of the run had landed", () => {
    const begun = beginTurn(landed, next("fix-forward"), "new");
    const again = recordLanding(begun, "t9", { sha: "c".repeat(40), branch: "main", at: time(300) }, sha, {});
    expect(again).toMatchObject({ landed: { sha: "c".repeat(40) }, before: "b".repeat(40), ciSince: time(300) });
  });
});

describe("moving deadlines on", () => {
  it("moves both, and nothing else", () => {
    const ledger = { ...landed, redSince: time(80) };
    expect(moveDeadlines(ledger, 60_000)).toEqual({ ...ledger, ciSince: time(120), redSince: time(140) });
  });

  it("makes up no deadline", () => {
    expect(moveDeadlines(working, 60_000)).toEqual(working);
  });

  it("twice is moving them once by both", () => {
    const ledger = { ...landed, redSince: time(80) };
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), (one, other) => {
        expect(moveDeadlines(moveDeadlines(ledger, one), other)).toEqual(moveDeadlines(ledger, one + other));
      }),
    );
  });
});

describe("a run that goes on", () => {
  const fresh = { ...approval, by: "bob", at: time(900) };
  const spent = { ...landed, attempts: 6, nudges: 2, retries: 1, parks: 3, redSince: time(80), failure: "f", rerun: { sha, at: time(90) } };

  it("after its end keeps its counts, and has the one turn that was asked for", () => {
    const ended = endRun({ ...spent, checks: [{ name: "n", url: "u" }] }, { kind: "handed-over", reason: "ci-red", detail: "" }, time(800));
    const on = continueRun(ended, fresh, { guidance: "g" });
    expect(on).toEqual({ ...spent, approval: fresh, asked: { guidance: "g" }, continuations: 1 });
  });

  it("after its landing was undone has nothing landed any more", () => {
    const ended = endRun(spent, { kind: "handed-over", reason: "landing-undone", detail: "" }, time(800));
    const on = continueRun(ended, fresh, {});
    expect([on.landed, on.before, on.ciSince, on.redSince]).toEqual([undefined, undefined, undefined, undefined]);
    expect(on).toMatchObject({ attempts: 6, turn: spent.turn, asked: {}, continuations: 1 });
  });

  it("counts how often, so that each end is told", () => {
    const ended = endRun(spent, { kind: "cancelled", reason: "command" }, time(800));
    const again = endRun(continueRun(ended, fresh, {}), { kind: "cancelled", reason: "command" }, time(950));
    expect(continueRun(again, fresh, {}).continuations).toBe(2);
  });

  it("from the start has fresh budgets, and what has landed stays landed", () => {
    const over = startOver(spent, fresh, {});
    const { redSince: _, failure: __, rerun: ___, turn: ____, ...rest } = spent;
    // The implement turn that landed is the first attempt.
    expect(over).toEqual({ ...rest, ...unspent, attempts: 1, approval: fresh, asked: {} });
  });

  it("from the start still heeds what people have added and no turn has finished with", () => {
    const begun = beginTurn({ ...claimed, asked: { guidance: "one" } }, next(), "new");
    expect(startOver({ ...begun, asked: { guidance: "two" } }, fresh, { guidance: "three" }).asked).toEqual({
      guidance: "one\n\ntwo\n\nthree",
    });
  });

  it("has one end: the first stands", () => {
    const ended = endRun(landed, { kind: "closed" }, time(800));
    expect(endRun(ended, { kind: "cancelled", reason: "command" }, time(900))).toBe(ended);
  });
});

it("a correction keeps the red proof of what has landed, and brings its own proofs", () => {
  const red = { command: "npm test", exitCode: 1, durationMs: 1, tail: "", how: "failed" } as const;
  const green = { command: "npm test", exitCode: 0, durationMs: 1, tail: "", flaky: false };
  const proved = recordLanding(working, "t1", { sha, branch: "main", at: time(1) }, "b".repeat(40), { red, green });
  const correcting = beginTurn(proved, next("fix-forward"), "new");
  const refused = concludeTurn(correcting, "t9", { kind: "refused", gate: "size", reason: "", evidence: {} }, time(2));
  const nudged = beginTurn(refused, next("nudge", { id: "t10" }), "new");
  const landedAgain = recordLanding(nudged, "t10", { sha: "c".repeat(40), branch: "main", at: time(3) }, sha, { green });
  expect(landedAgain.evidence).toEqual({ red, green });
});
