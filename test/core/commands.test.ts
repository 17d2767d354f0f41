import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commandHelp, mentionsCommand, parseCommands, type Command } from "../../src/core/commands.ts";

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

  it.each([
    ["lines", "/afk status\n".repeat(500)],
    ["paragraphs", "/afk status\n\n".repeat(500)],
  ])("are at most ten, however many %s ask", (_title, body) => {
    expect(parseCommands(body).map(({ kind }) => kind)).toEqual(Array<string>(10).fill("status"));
  });

  it.each([
    ["of guidance", `/afk fix ${"x".repeat(65_536)}`],
    ["of lines", `${"a line\n".repeat(9_000)}/afk fix`],
    ["of emphasis", `/afk fix ${"*_".repeat(32_000)}`],
    ["of brackets", `/afk fix ${"[".repeat(65_000)}`],
    ["of quotes", `${">".repeat(60_000)} /afk fix\n\n/afk cancel`],
    ["of control characters", `/afk fix ${"\u0000\u202e\u200b".repeat(20_000)}`],
    ["of backticks", `/afk fix ${"`".repeat(65_000)}`],
    ["of HTML comments that do not end", `/afk fix ${"<!-- ".repeat(13_000)}`],
  ])("are read without hanging from 64 KB %s", (_title, body) => {
    const startedAt = performance.now();
    const commands = parseCommands(body);
    expect(commands.length).toBeLessThanOrEqual(10);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it("carry no control or invisible character in guidance or word", () => {
    expect(parseCommands("/afk fix use\u0000 a\u202e Map\u200b")).toEqual([{ kind: "fix", guidance: "use a Map" }]);
    expect(parseCommands("/afk da\u0007nce")).toEqual([{ kind: "unknown", word: "dance" }]);
  });

  it("leave code, quotes and lists after them out of their guidance", () => {
    expect(parseCommands("/afk fix like this:\n\n```\nrm -rf /\n```\n\n> as before\n\n- a list")).toEqual([
      { kind: "fix", guidance: "like this:" },
    ]);
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

describe("mentioning a command", () => {
  it.each(["/afk", "/AFK status", "> /afk fix", "see the /afk commands", "/a\u200bfk cancel"])("does %j", (body) => {
    expect(mentionsCommand(body)).toBe(true);
  });

  it.each(["", "afk", "/ afk", "thanks, merged"])("does not %j", (body) => {
    expect(mentionsCommand(body)).toBe(false);
  });

  it("does every comment that holds a command", () => {
    const part = fc.constantFrom("/afk", "/a\u200bfk", " ", "\n", "fix", "cancel", ">", "`", "\u0000", "x");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const body = parts.join("");
        expect(parseCommands(body).length === 0 || mentionsCommand(body)).toBe(true);
      }),
    );
  });
});
