import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openSeals, seal } from "../../src/core/seal.ts";

interface Note {
  readonly repoId: number;
  readonly issue: number;
  readonly text: string;
}

const bound = { repoId: 1, issue: 7 };
const expected = { ...bound, secrets: ["secret"] };

function parse(json: string): Note | undefined {
  try {
    return JSON.parse(json) as Note;
  } catch {
    return undefined;
  }
}

const sealNote = (text: string, secrets = ["secret"], to = bound): string => seal("note", JSON.stringify({ ...to, text }), to, secrets);
const open = (body: string, what = "note"): Note | undefined => openSeals(what, body, expected, parse);

describe("a seal", () => {
  it("opens to what was sealed, in one line that nothing inside can end", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (text, around) => {
        const sealed = sealNote(text);
        expect(sealed).toMatch(/^<!-- afk:note v1 [A-Za-z0-9_-]+ [A-Za-z0-9_-]{43} -->$/);
        expect(open(`${around}\n${sealed}\n${around}`)).toEqual({ ...bound, text });
      }),
    );
  });

  it("cannot be made without a secret", () => {
    expect(() => sealNote("x", [])).toThrow("needs a secret");
  });

  it("of one kind is none of another, though the secret is the same", () => {
    expect(open(sealNote("x").replace("afk:note", "afk:desk"), "desk")).toBeUndefined();
  });

  it("of another issue is none, though its payload names this one", () => {
    const stolen = seal("note", JSON.stringify({ ...bound, text: "x" }), { repoId: 1, issue: 8 }, ["secret"]);
    expect(open(stolen)).toBeUndefined();
  });

  it("is none once a single character of it is another", () => {
    const sealed = sealNote("some text");
    // The last character of a signature has two bits that mean nothing.
    const spoiled = Array.from({ length: sealed.length - " -->".length - 1 }, (_, at) => {
      const other = sealed[at] === "A" ? "B" : "A";
      return sealed.slice(0, at) + other + sealed.slice(at + 1);
    });
    expect(spoiled.filter((changed) => open(changed) !== undefined)).toEqual([]);
  });

  it("is found behind any number of forged ones, and not before eight: AFK's own comes last, and nobody makes it hash without end", () => {
    const forged = `${sealNote("x", ["other"])}\n`;
    expect(open(forged.repeat(500) + sealNote("x"))).toBeDefined();
    expect(open(sealNote("x") + forged.repeat(7))).toBeDefined();
    expect(open(sealNote("x") + forged.repeat(8))).toBeUndefined();
  });

  it("counts once when it stands there twice, and for nothing beside one that differs", () => {
    expect(open(sealNote("x") + sealNote("x"))).toBeDefined();
    expect(open(sealNote("x") + sealNote("y"))).toBeUndefined();
  });
});
