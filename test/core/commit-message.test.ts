import { describe, expect, it } from "vitest";
import { array, assert, property, string } from "fast-check";
import { commitMessage } from "../../src/core/commit-message.ts";

const facts = { issue: { number: 7, title: "Add a product" }, run: "run-1", approval: { by: "ada", byId: 1001 } };
const trailers = "Refs #7\n\nAFK-Run: run-1\nCo-authored-by: ada <1001+ada@users.noreply.github.com>\n";
const write = (...messages: readonly string[]): string => commitMessage({ ...facts, messages });

describe("a commit message", () => {
  it("is the agent's, with AFK's trailers", () => {
    expect(write("Add product\n\nMultiplies.")).toBe(`Add product\n\nMultiplies.\n\n${trailers}`);
  });

  it("takes its subject from the first commit and tells of the others in their order", () => {
    expect(write("Third", "Second", "First")).toBe(`First\n\nSecond\n\nThird\n\n${trailers}`);
  });

  it("falls back to the issue's title", () => {
    expect(write("[skip ci]")).toBe(`Add a product\n\n${trailers}`);
  });

  it("has a subject of at most 72 characters", () => {
    expect(write("x".repeat(500)).split("\n")[0]).toHaveLength(72);
  });

  it("is bounded", () => {
    expect(write(`Subject\n\n${"long ".repeat(100_000)}`).length).toBeLessThan(5000);
  });

  it("names the co-author at the forge's own host", () => {
    expect(commitMessage({ ...facts, messages: [], host: "git.example.com" })).toContain("<1001+ada@users.noreply.git.example.com>");
  });
});

const closing =
  /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:[\w.-]+\/[\w.-]+)?#\d|\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+https?:/i;

describe("what would make somebody act is taken out:", () => {
  it.each([
    "Fixes #7",
    "closes: #7",
    "Resolved octo/other#12",
    "FIX https://github.com/octo/sample/issues/7",
    "close\u200Bs #7",
    "fixes GH-7",
    "fixclosees #1 #7",
  ])("%s", (text) => {
    expect(write(`Subject\n\n${text}`)).not.toMatch(closing);
  });

  it.each([
    "[skip ci]",
    "[ci skip]",
    "[no ci]",
    "[skip actions]",
    "[actions skip]",
    "***NO_CI***",
    "skip-checks: true",
    "skip-checks:true",
    "[skip [skip ci]ci]",
    "[SKIP CI]",
  ])("%s", (text) => {
    expect(write(`Subject ${text}\n\n${text}`).toLowerCase()).not.toMatch(
      /\[(?:skip|no)[ -]?(?:ci|actions)\]|\[(?:ci|actions)[ -]skip\]|no_ci|skip-checks/,
    );
  });

  it("mentions", () => {
    expect(write("Thanks @mallory and @octo/team")).not.toContain("@mallory");
  });

  it.each([
    "AFK-Run: other",
    "Co-authored-by: mallory <m@example.com>",
    "Signed-off-by: ada <a@example.com>",
    "Refs #999",
    "Reviewed-by: ada",
  ])("%s", (text) => {
    expect(write(`Subject\n\nBody\n\n${text}`)).toBe(`Subject\n\nBody\n\n${trailers}`);
  });

  it("control characters", () => {
    expect(write("Sub\u001B[31mject\u0000\u202E")).toBe(`Sub[31mject\n\n${trailers}`);
  });
});

it.each([
  ["what is taken out joins to more of it, again and again", `Subject\n\n${"[skip-c".repeat(1_700)}${"i]".repeat(1_700)}`],
  ["it has thousands of empty lines", `a${"\n".repeat(16_000)}b`],
  ["it has thousands of spaces", `a${" ".repeat(16_000)}b`],
])("is written at once when %s", (_what, message) => {
  const startedAt = performance.now();
  expect(write(...Array.from({ length: 100 }, () => message))).not.toMatch(/\[skip-ci\]/);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

it("always ends with AFK's trailers, and never holds another AFK-Run", () => {
  assert(
    property(array(string({ unit: "binary" }), { maxLength: 5 }), (messages) => {
      const text = write(...messages);
      expect(text.endsWith(trailers) && text.match(/^AFK-Run:/gm)?.length === 1).toBe(true);
    }),
  );
});
