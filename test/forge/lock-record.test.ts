import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newLockRecord, parseLockRecord, renderLockRecord, type LockRecord } from "../../src/forge/lock-record.ts";
import { content, makeLedger } from "../contracts/lock.ts";

function makeRecord(facts: Partial<LockRecord> = {}): LockRecord {
  const holder = { id: "process-1", home: "home-1" };
  return newLockRecord({ ledger: makeLedger("run-1"), content, holder, leaseUntil: Date.parse("2026-01-05T09:15:00.123Z"), ...facts });
}

describe("a lock's record", () => {
  it("is read as it was written, whatever the issue says", () => {
    const anyText = fc.string({
      unit: fc.oneof(
        fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
        fc.constantFrom("\u0000", "\r\n", "\u202E", "💥"),
      ),
    });
    fc.assert(
      fc.property(anyText, anyText, (title, body) => {
        const record = makeRecord({ content: { title, body } });
        expect(parseLockRecord(renderLockRecord(record))).toEqual(record);
      }),
    );
  });

  it("is read without a holder as it was written", () => {
    const record = makeRecord({ holder: undefined });
    expect(parseLockRecord(renderLockRecord(record))).toEqual(record);
  });

  it("is never the same twice", () => {
    expect(renderLockRecord(makeRecord())).not.toEqual(renderLockRecord(makeRecord()));
  });

  it("is not made of a ledger that could not be read again", () => {
    expect(() => makeRecord({ ledger: { ...makeLedger("run-1"), issue: -1 } })).toThrow("could not be read again");
  });

  it.each([
    ["without its ledger", { "ledger.json": undefined }],
    ["without its content", { "content.json": undefined }],
    ["without its holder's file", { "lock.json": undefined }],
    ["of another version", { "lock.json": '{"version":2}' }],
    ["with a field nobody knows", { "content.json": '{"title":"","body":"","more":1}' }],
    ["of garbage", { "lock.json": "\u0000" }],
  ])("is not read %s", (_what, change) => {
    const files: Record<string, string | undefined> = { ...renderLockRecord(makeRecord()), ...change };
    expect(parseLockRecord(Object.fromEntries(Object.entries(files).filter(([, text]) => text !== undefined)))).toBeUndefined();
  });

  it("is not read when its epochs differ", () => {
    const [mine, later] = [renderLockRecord(makeRecord()), renderLockRecord(makeRecord({ ledger: { ...makeLedger("run-1"), epoch: 2 } }))];
    expect(parseLockRecord({ ...mine, "lock.json": later["lock.json"] })).toBeUndefined();
  });
});
