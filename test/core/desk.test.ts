import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashContent } from "../../src/core/approval.ts";
import { contentOf, lastRelease, openDesk, sealDesk, type CommandRelease, type Desk } from "../../src/core/desk.ts";
import { maxGuidance } from "../../src/core/run-steps.ts";
import { sealLedger } from "../../src/core/ledger.ts";
import { opened } from "./example-ledger.ts";

const secrets = ["first-secret"];
const expected = { repoId: 42, issue: 7, secrets };
const content = { title: "Add a cart", body: "It holds things." };
const release: CommandRelease = {
  by: "ann",
  byId: 2,
  byIsBot: false,
  at: "2026-01-05T09:00:00Z",
  contentHash: hashContent(content),
  continues: false,
};
const desk: Desk = { version: 1, repoId: 42, issue: 7, through: 9, release };

describe("a sealed desk", () => {
  const text = fc.string({ unit: "binary", maxLength: 200 });
  const releases = fc.record(
    {
      by: text,
      byId: fc.nat(),
      byIsBot: fc.boolean(),
      at: text,
      contentHash: text,
      continues: fc.boolean(),
      guidance: fc.oneof(text, fc.constantFrom("-->", "\ud800", "x".repeat(maxGuidance))),
    },
    { requiredKeys: ["by", "byId", "byIsBot", "at", "contentHash", "continues"] },
  );
  const desks = fc
    .record({ through: fc.nat(), release: fc.option(releases, { nil: undefined }) })
    .map((some): Desk => ({ version: 1, repoId: 42, issue: 7, through: some.through, ...(some.release && { release: some.release }) }));

  it("opens to what was sealed, whatever its texts are", () => {
    fc.assert(
      fc.property(desks, (written) => {
        const sealed = sealDesk(written, secrets);
        expect(sealed).toMatch(/^<!-- afk:desk v1 [A-Za-z0-9_-]+ [A-Za-z0-9_-]{43} -->$/);
        expect(openDesk(`An answer.\n\n${sealed}`, expected)).toEqual(written);
      }),
    );
  });

  it.each([
    ["another repo", { ...expected, repoId: 43 }],
    ["another issue", { ...expected, issue: 8 }],
    ["another secret", { ...expected, secrets: ["other"] }],
    ["no secret", { ...expected, secrets: [] }],
  ])("does not open for %s", (_title, question) => {
    expect(openDesk(sealDesk(desk, secrets), question)).toBeUndefined();
  });

  it("opens with any of the secrets, so that they can be rotated", () => {
    expect(openDesk(sealDesk(desk, ["old"]), { ...expected, secrets: ["new", "old"] })).toEqual(desk);
  });

  it.each([
    ["forged", "<!-- afk:desk v1 e30 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA -->"],
    ["damaged", sealDesk(desk, secrets).replace("afk:desk v1 e", "afk:desk v1 f")],
    ["cut off", sealDesk(desk, secrets).slice(0, 80)],
    ["of another version", sealDesk(desk, secrets).replace("v1", "v2")],
    ["a ledger's", sealLedger(opened, secrets)],
    ["a ledger's that calls itself a desk", sealLedger(opened, secrets).replace("afk:ledger", "afk:desk")],
  ])("that is %s is none", (_title, sealed) => {
    expect(openDesk(sealed, expected)).toBeUndefined();
    expect(openDesk(`${sealed}\n${sealDesk(desk, secrets)}`, expected)).toEqual(desk);
  });

  it("counts for nothing beside another valid one that differs", () => {
    expect(openDesk(`${sealDesk(desk, secrets)}${sealDesk({ ...desk, through: 10 }, secrets)}`, expected)).toBeUndefined();
  });

  it.each([
    ["a field nobody knows", { ...desk, more: 1 }],
    ["guidance beyond its bound", { ...desk, release: { ...release, guidance: "x".repeat(maxGuidance + 1) } }],
    ["a negative watermark", { ...desk, through: -1 }],
  ])("with %s is none", (_title, odd) => {
    expect(openDesk(sealDesk(odd, secrets), expected)).toBeUndefined();
  });
});

describe("the last release", () => {
  const byLabel = { by: "bob", byId: 3, byIsBot: false, at: "2026-01-05T10:00:00Z", editedSince: "unknown" } as const;

  it.each([
    ["the label's where no command released", byLabel, undefined, "bob"],
    ["the label's when it was set after the command", byLabel, release, "bob"],
    ["the command's when it came after the label", { ...byLabel, at: "2026-01-05T08:00:00Z" }, release, "ann"],
    ["the command's when both are of one second: the label may be AFK's own", { ...byLabel, at: release.at }, release, "ann"],
    ["the command's where nobody is known to have set the label", undefined, release, "ann"],
    ["the command's when AFK set the label after it", { ...byLabel, byIsBot: true, isOurs: true }, release, "ann"],
    [
      "the label's when another bot set it after the command: it may have been off in between",
      { ...byLabel, byIsBot: true },
      release,
      "bob",
    ],
    ["nobody's where there is none", undefined, undefined, undefined],
  ] as const)("is %s", (_title, label, command, by) => {
    expect(lastRelease(label, command, content).release?.by).toBe(by);
  });

  it("by command knows by the text itself whether it was edited since", () => {
    expect(lastRelease(undefined, release, content).release).toMatchObject({ editedSince: "no", byIsBot: false });
    expect(lastRelease(undefined, release, { ...content, body: "It steals things." }).release).toMatchObject({ editedSince: "yes" });
  });

  it("by command brings what was asked", () => {
    expect(lastRelease(undefined, { ...release, continues: true, guidance: "g" }, content).asked).toEqual({
      continues: true,
      guidance: "g",
    });
    expect(lastRelease(undefined, release, content).asked).toEqual({ continues: false });
  });

  it("by label brings nothing that an older command asked", () => {
    expect(lastRelease(byLabel, { ...release, guidance: "g" }, content)).not.toHaveProperty("asked");
  });

  it("takes an issue's text as it is", () => {
    expect(contentOf({ title: "t", body: "b" })).toEqual({ title: "t", body: "b" });
  });
});
