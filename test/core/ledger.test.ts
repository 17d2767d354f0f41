import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openSeal, parseLedger, renderLedger, sealLedger } from "../../src/core/ledger.ts";
import {
  cancelReasons,
  gates,
  handOverReasons,
  turnKinds,
  type Concluded,
  type Evidence,
  type End,
  type Ledger,
} from "../../src/core/run.ts";
import { concludeTurn } from "../../src/core/run-steps.ts";
import { landed, opened, proved } from "./example-ledger.ts";

const secrets = ["first-secret"];
const expected = { repoId: 42, issue: 7, secrets };

const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "-->",
    "--!>",
    "\u0000",
    "\ud800",
    "\udc00x",
    "\u202e\u2066",
    "<!-- afk:ledger v1 x y -->",
    "@everyone",
    "```",
    "]]>",
    "a".repeat(2_000),
  ),
);
const count = fc.nat();
const command = fc.record(
  {
    command: hostile,
    exitCode: fc.option(fc.integer()),
    durationMs: count,
    tail: hostile,
    endedBy: fc.constantFrom("signal", "time-limit"),
  },
  { requiredKeys: ["command", "exitCode", "durationMs", "tail"] },
);
const evidence: fc.Arbitrary<Evidence> = fc.record(
  {
    test: fc.record({ command: hostile, source: fc.constantFrom("detected", "config") }),
    base: command,
    red: fc.tuple(command, fc.constantFrom("failed" as const, "did-not-load" as const)).map(([record, how]) => ({ ...record, how })),
    redExempt: fc.boolean(),
    green: fc.tuple(command, fc.boolean()).map(([record, flaky]) => ({ ...record, flaky })),
    files: fc.array(fc.record({ path: hostile, added: count, removed: count }), { maxLength: 5 }),
    notes: fc.array(hostile, { maxLength: 5 }),
  },
  { requiredKeys: [] },
);
const kept = fc.oneof(
  fc.record({ where: fc.constant("branch" as const), branch: hostile, sha: fc.constant("abc") }),
  fc.record({ where: fc.constant("bundle" as const), path: hostile, sha: fc.constant("abc") }),
);
const at = "2026-01-01T00:00:00Z";
const when = fc.constant(at);
const outcome: fc.Arbitrary<Concluded> = fc.oneof(
  fc.record({ kind: fc.constant("landed" as const), at: when }),
  fc.record({ kind: fc.constant("proved" as const), patch: hostile, at: when }),
  fc.record({ kind: fc.constant("refused" as const), gate: fc.constantFrom(...gates), reason: hostile, kept, at: when }),
  fc.record({ kind: fc.constant("base-red" as const), kept, at: when }),
  fc.record({ kind: fc.constant("conflict" as const), reason: hostile, kept, at: when }),
  fc.record({ kind: fc.constant("blocked" as const), why: hostile, kept, at: when }),
  fc.record({ kind: fc.constant("unchanged" as const), at: when }),
  fc.record({ kind: fc.constant("unworkable" as const), reason: hostile, at: when }),
  fc.record({ kind: fc.constant("failed" as const), reason: hostile, tail: hostile, kept, at: when }),
  fc.record({ kind: fc.constant("timed-out" as const), afterMs: count, tail: hostile, at: when }),
  fc.record({ kind: fc.constant("limited" as const), until: hostile, reason: hostile, kept, at: when }),
  fc.record({ kind: fc.constant("interrupted" as const), why: hostile, at: when }),
);
const end: fc.Arbitrary<End> = fc.oneof(
  fc.constant({ kind: "closed" as const }),
  fc.record({ kind: fc.constant("handed-over" as const), reason: fc.constantFrom(...handOverReasons), detail: hostile }),
  fc.record({ kind: fc.constant("cancelled" as const), reason: fc.constantFrom(...cancelReasons) }),
);
/** Every field of a turn and of a run that may be missing is there or not. */
const turn = fc.record(
  { id: fc.constant("t"), kind: fc.constantFrom(...turnKinds), startedAt: when, report: hostile, guidance: hostile, outcome },
  { requiredKeys: ["id", "kind", "startedAt"] },
);
const counts = fc.record({ attempts: count, nudges: count, retries: count, parks: count, continuations: count, commandsThrough: count });
const optional = fc.record(
  {
    asked: fc.record({ guidance: hostile }, { requiredKeys: [] }),
    turn,
    landed: hostile.map((branch) => ({ sha: "abc", branch, at })),
    before: fc.constant("b".repeat(40)),
    ciSince: when,
    redSince: when,
    rerun: fc.constant({ sha: "abc", at }),
    failure: fc.constant("f".repeat(64)),
    checks: fc.array(
      hostile.map((text) => ({ name: text, url: text })),
      { maxLength: 3 },
    ),
    end: end.map((ended) => ({ ...ended, at })),
  },
  { requiredKeys: [] },
);
const ledger: fc.Arbitrary<Ledger> = fc
  .tuple(counts, optional, evidence, hostile)
  .map(([counted, rest, shown, by]) => ({ ...opened, ...counted, ...rest, evidence: shown, approval: { ...opened.approval, by } }));

describe("a ledger as JSON", () => {
  it("is read back as it was written, whatever its texts are", () => {
    fc.assert(
      fc.property(ledger, (written) => {
        expect(parseLedger(renderLedger(written))).toEqual(written);
      }),
    );
  });

  it("shortens what is beyond its limits, and then stays the same", () => {
    const long: Ledger = { ...opened, end: { kind: "handed-over", reason: "blocked", detail: "x".repeat(70_000), at } };
    const read = parseLedger(renderLedger(long));
    expect(read === undefined ? undefined : renderLedger(read)).toBe(renderLedger(long));
  });

  it("keeps the end of an output, where the failure is told", () => {
    const green = { command: "npm test", exitCode: 1, durationMs: 1, tail: `${"x".repeat(70_000)} the end`, flaky: false };
    expect(parseLedger(renderLedger({ ...opened, evidence: { green } }))?.evidence.green?.tail).toMatch(/ the end$/);
  });

  it.each([
    ["a report", { turn: { id: "t", kind: "nudge", startedAt: at, report: "x".repeat(70_000) } }, 8_000],
    ["a turn's guidance", { turn: { id: "t", kind: "nudge", startedAt: at, guidance: "x".repeat(70_000) } }, 4_000],
    ["what was asked", { asked: { guidance: "x".repeat(70_000) } }, 4_000],
  ] as const)("keeps %s within its bound", (_title, more, max) => {
    const read = parseLedger(renderLedger({ ...opened, ...more }));
    expect((read?.turn?.report ?? read?.turn?.guidance ?? read?.asked?.guidance)?.length).toBe(max);
  });

  it("holds the evidence once, however much a turn has proved", () => {
    const concluded = concludeTurn(
      { ...opened, turn: { id: "t", kind: "implement", startedAt: at } },
      "t",
      { kind: "landed", evidence: proved },
      at,
    );
    expect(renderLedger(concluded).match(/"green"/g)).toHaveLength(1);
    expect(parseLedger(renderLedger(concluded))?.evidence).toEqual(proved);
  });

  it("keeps the totals of a list of files that it shortens", () => {
    const files = Array.from({ length: 1_000 }, (_, index) => ({ path: `f${index}`, added: 2, removed: 1 }));
    const read = parseLedger(renderLedger({ ...opened, evidence: { files } }))?.evidence.files ?? [];
    expect([read.length, read.reduce((sum, file) => sum + file.added, 0)]).toEqual([300, 2_000]);
  });

  it.each([
    ["another version", { ...opened, version: 2 }],
    ["an unknown key", { ...opened, extra: 1 }],
    ["a missing key", { ...opened, run: undefined }],
    ["a negative count", { ...opened, attempts: -1 }],
    ["a fractional count", { ...opened, epoch: 1.5 }],
    ["a missing count", { ...opened, parks: undefined }],
    ["evidence inside of an outcome", { ...landed, turn: { ...landed.turn, outcome: { kind: "landed", evidence: {}, at } } }],
    ["a key nobody knows in what was asked", { ...opened, asked: { more: 1 } }],
    ["a re-run of no commit", { ...opened, rerun: { at } }],
    ["an empty commit before", { ...opened, before: "" }],
    ["an unknown kind of turn", { ...opened, turn: { id: "t", kind: "dance", startedAt: at } }],
    ["an unknown reason", { ...opened, end: { kind: "handed-over", reason: "bored", detail: "", at } }],
    ["null", null],
  ])("is no ledger with %s", (_title, value) => {
    expect(parseLedger(JSON.stringify(value))).toBeUndefined();
  });

  it.each(["", "{", "[]", "\u0000", "9".repeat(100_000)])("is no ledger when it is garbage", (garbage) => {
    expect(parseLedger(garbage)).toBeUndefined();
  });
});

describe("a sealed ledger", () => {
  it("opens to what was sealed, whatever its texts are", () => {
    fc.assert(
      fc.property(ledger, (written) => {
        expect(openSeal(`### AFK is at work\n\n${sealLedger(written, secrets)}`, expected)).toEqual(written);
      }),
      {
        numRuns: 50,
      },
    );
  });

  it("is one line that nothing inside can end", () => {
    fc.assert(
      fc.property(ledger, (written) => {
        expect(sealLedger(written, secrets)).toMatch(/^<!-- afk:ledger v1 [A-Za-z0-9_-]+ [A-Za-z0-9_-]{43} -->$/);
      }),
      { numRuns: 50 },
    );
  });

  it("fits into a comment beside the checklist, however long its texts are", () => {
    const text = "\u0000".repeat(70_000);
    const record = { command: text, exitCode: 1, durationMs: 1, tail: text };
    const files = Array.from({ length: 5_000 }, () => ({ path: text, added: 1, removed: 1 }));
    const shown: Evidence = {
      base: record,
      red: { ...record, how: "failed" },
      green: { ...record, flaky: true },
      files,
      notes: Array(200).fill(text),
    };
    const huge: Ledger = {
      ...landed,
      evidence: shown,
      checks: Array.from({ length: 200 }, () => ({ name: text, url: text })),
      turn: { id: "t", kind: "implement", startedAt: at, report: text, guidance: text, outcome: { kind: "proved", patch: text, at } },
      asked: { guidance: text },
      parks: 3,
      failure: "f".repeat(64),
      rerun: { sha: "a".repeat(40), at },
    };
    const sealed = sealLedger(huge, secrets);
    expect(sealed.length).toBeLessThan(33_000);
    expect(openSeal(sealed, expected)).toMatchObject({
      run: landed.run,
      attempts: 1,
      parks: 3,
      landed: landed.landed,
      before: landed.before,
      ciSince: landed.ciSince,
      failure: "f".repeat(64),
      rerun: { sha: "a".repeat(40), at },
    });
  });

  it("opens with any of the secrets, so that they can be rotated", () => {
    const sealed = sealLedger(opened, ["old"]);
    expect(openSeal(sealed, { ...expected, secrets: ["new", "old"] })).toEqual(opened);
  });

  it("is sealed by the first of the secrets", () => {
    expect(openSeal(sealLedger(opened, ["new", "old"]), { ...expected, secrets: ["old"] })).toBeUndefined();
  });

  it.each([
    ["another repo", { ...expected, repoId: 43 }],
    ["another issue", { ...expected, issue: 8 }],
    ["another secret", { ...expected, secrets: ["other"] }],
    ["no secret", { ...expected, secrets: [] }],
  ])("does not open for %s", (_title, question) => {
    expect(openSeal(sealLedger(opened, secrets), question)).toBeUndefined();
  });

  it("does not open when anything in it was changed", () => {
    const sealed = sealLedger({ ...opened, attempts: 3, evidence: proved }, secrets);
    const [head = "", payload = "", seal = ""] = sealed.split(/(?<=v1 )| (?=[A-Za-z0-9_-]{43} -->)/);
    const forged = Buffer.from(Buffer.from(payload, "base64url").toString().replace('"attempts":3', '"attempts":0')).toString("base64url");
    expect(openSeal(`${head}${forged} ${seal}`, expected)).toBeUndefined();
  });

  it.each([
    ["a forged one", "<!-- afk:ledger v1 e30 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA -->"],
    ["a damaged one", sealLedger(landed, secrets).slice(0, 200)],
    ["one of another issue", sealLedger({ ...opened, issue: 8 }, secrets)],
    ["itself again", sealLedger(opened, secrets)],
  ])("opens beside %s", (_title, other) => {
    expect(openSeal(`${other}\n${sealLedger(opened, secrets)}`, expected)).toEqual(opened);
  });

  it("counts for nothing beside another valid one that differs", () => {
    expect(openSeal(`${sealLedger(opened, secrets)}\n${sealLedger(landed, secrets)}`, expected)).toBeUndefined();
  });

  it("is not found in text that has none", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(openSeal(text, expected)).toBeUndefined();
      }),
    );
  });
});
