import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashContent, judgeRelease, mayWrite, type ReleaseQuestion } from "../../src/core/approval.ts";
import type { Permission, Release } from "../../src/core/observation.ts";

const issue = { title: "Add a cart", body: "Please.", author: "mallory" };
const release: Release = { by: "alice", byId: 1, byIsBot: false, at: "2026-01-01T00:00:00Z", editedSince: "no" };
const question: ReleaseQuestion = { issue, release, releaserPermission: "write", authorPermission: "none", trustedBots: [] };

const bot = { ...release, by: "Renovate[bot]", byIsBot: true };

describe("judging a release", () => {
  it("approves with who, when and the hash of what was released", () => {
    expect(judgeRelease(question)).toEqual({
      kind: "approved",
      approval: { by: "alice", byId: 1, at: release.at, contentHash: hashContent(issue) },
    });
  });

  it.each<[string, Partial<ReleaseQuestion>, string]>([
    ["nobody knows who set the label", { release: undefined }, "releaser-unknown"],
    ["the labeller may only read", { releaserPermission: "read" }, "releaser-may-not-write"],
    ["the labeller has no access", { releaserPermission: "none" }, "releaser-may-not-write"],
    ["a bot that nobody named set the label, whatever it may do", { release: bot, releaserPermission: "admin" }, "bot-not-trusted"],
    ["a person calls themselves like a trusted bot", { trustedBots: ["alice"], releaserPermission: "none" }, "releaser-may-not-write"],
    ["an outsider's issue was edited since", { release: { ...release, editedSince: "yes" } }, "edited-since"],
    ["nobody knows about edits of an outsider's issue", { release: { ...release, editedSince: "unknown" } }, "edits-unknown"],
    [
      "a trusted bot released an issue edited since",
      { release: { ...bot, editedSince: "yes" }, trustedBots: ["renovate"] },
      "edited-since",
    ],
  ])("refuses when %s", (_title, change, why) => {
    expect(judgeRelease({ ...question, ...change })).toMatchObject({ kind: "refused", why });
  });

  it.each<[string, Partial<ReleaseQuestion>]>([
    ["an admin set the label", { releaserPermission: "admin" }],
    ["the author may write, whatever was edited", { authorPermission: "write", release: { ...release, editedSince: "yes" } }],
    ["the author may write and edits are unknown", { authorPermission: "admin", release: { ...release, editedSince: "unknown" } }],
    ["a bot named without its suffix set the label", { release: bot, releaserPermission: "none", trustedBots: ["renovate"] }],
    ["a bot named in full set the label", { release: bot, releaserPermission: "none", trustedBots: ["renovate[bot]"] }],
  ])("approves when %s", (_title, change) => {
    expect(judgeRelease({ ...question, ...change }).kind).toBe("approved");
  });

  it("approves nothing without a positive answer about the labeller and about the text", () => {
    const permission = fc.constantFrom<Permission>("admin", "write", "read", "none");
    const anyRelease = fc
      .tuple(fc.boolean(), fc.constantFrom("yes", "no", "unknown"))
      .map(([byIsBot, editedSince]): Release => ({ ...release, byIsBot, editedSince }));
    const anyQuestion = fc.record({
      issue: fc.constant(issue),
      release: fc.option(anyRelease, { nil: undefined }),
      releaserPermission: permission,
      authorPermission: permission,
      trustedBots: fc.constantFrom([], ["alice"]),
    });
    fc.assert(
      fc.property(anyQuestion, (asked) => {
        if (judgeRelease(asked).kind === "refused") return;
        expect(mayWrite(asked.releaserPermission) || (asked.release?.byIsBot === true && asked.trustedBots.length > 0)).toBe(true);
        expect(mayWrite(asked.authorPermission) || asked.release?.editedSince === "no").toBe(true);
      }),
    );
  });
});

describe("the hash of an issue's content", () => {
  it("does not let title and body run into each other", () => {
    expect(hashContent({ title: "a", body: "b" })).not.toBe(hashContent({ title: "ab", body: "" }));
  });

  it("tells lone surrogates apart", () => {
    expect(hashContent({ title: "\ud800", body: "" })).not.toBe(hashContent({ title: "\ud801", body: "" }));
  });
});
