import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commandHelp, parseCommands, type Command } from "../../src/core/commands.ts";

describe("commands in a comment", () => {
  it.each<[string, string, readonly Command[]]>([
    ["a word", "/afk cancel", [{ kind: "cancel" }]],
    ["no word at all as help", "/afk", [{ kind: "help" }]],
    ["any case", "/AFK Status", [{ kind: "status" }]],
    ["leading space", "  /afk explain", [{ kind: "explain" }]],
    ["guidance", "/afk retry use the `Cart` class", [{ kind: "retry", guidance: "use the `Cart` class" }]],
    ["guidance over lines", "/afk fix the test\nis flaky", [{ kind: "fix", guidance: "the test\nis flaky" }]],
    ["no guidance", "/afk retry", [{ kind: "retry", guidance: undefined }]],
    ["words after a command that takes none", "/afk cancel please", [{ kind: "cancel" }]],
    [
      "several in order",
      "/afk cancel\n/afk retry anew\n\n/afk status",
      [{ kind: "cancel" }, { kind: "retry", guidance: "anew" }, { kind: "status" }],
    ],
    ["one after other words", "Thanks!\n/afk status", [{ kind: "status" }]],
    ["an unknown word", "/afk dance", [{ kind: "unknown", word: "dance" }]],
    ["words of JavaScript's own as unknown", "/afk constructor", [{ kind: "unknown", word: "constructor" }]],
    ["one with invisible characters", "/a\u200bfk cancel", [{ kind: "cancel" }]],
  ])("are read with %s", (_title, body, commands) => {
    expect(parseCommands(body)).toEqual(commands);
  });

  it.each([
    ["inside a line", "please /afk cancel"],
    ["in inline code", "`/afk cancel`"],
    ["in a fenced block", "```\n/afk cancel\n```"],
    ["in an indented block", "    /afk cancel"],
    ["in a quote", "> /afk cancel"],
    ["in a comment", "<!--\n/afk cancel\n-->"],
    ["in a comment inside a paragraph", "a <!-- x\n/afk cancel --> b"],
    ["in raw HTML", "<div>\n/afk cancel\n</div>"],
    ["in a list", "- /afk cancel"],
    ["in a heading", "# /afk cancel"],
    ["struck out", "~~/afk cancel~~"],
    ["as part of a longer word", "/afkcancel"],
  ])("are only talked about %s", (_title, body) => {
    expect(parseCommands(body)).toEqual([]);
  });

  it("are at most ten", () => {
    expect(parseCommands("/afk status\n".repeat(50))).toHaveLength(10);
  });

  it("have guidance of at most 4,000 characters", () => {
    const [command] = parseCommands(`/afk retry ${"x".repeat(10_000)}`);
    expect(command?.kind === "retry" ? command.guidance?.length : undefined).toBe(4_000);
  });

  it("are all understood as help lists them", () => {
    const listed = Object.values(commandHelp).map(({ usage }) => parseCommands(usage.replace(" [guidance]", ""))[0]?.kind);
    expect(listed).toEqual(Object.keys(commandHelp));
  });

  it("never come out of a quoted comment, whatever it says", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        const quoted = `/afk cancel ${text}`
          .split(/\r\n|[\r\n]/)
          .map((line) => `> ${line}`)
          .join("\n");
        expect(parseCommands(quoted)).toEqual([]);
      }),
    );
  });
});
