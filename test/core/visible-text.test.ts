import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderVisible } from "../../src/core/visible-text.ts";

describe("the visible text of an issue", () => {
  it.each([
    ["HTML comments", "a <!-- SECRET --> b"],
    ["HTML comments over paragraphs", "a\n\n<!--\nSECRET\n\nSECRET\n-->\n\nb"],
    ["raw HTML blocks", "a\n\n<div hidden>SECRET</div>\n\nb"],
    ["attributes of inline HTML", 'a <span title="SECRET">b</span>'],
    ["the alternative text of images", "a ![SECRET](https://x.y/z.png) b"],
    ["the address of images", "a ![x](https://x.y/SECRET.png) b"],
    ["images by reference", "a ![SECRET][i] b\n\n[i]: https://x.y/z.png"],
    ["link titles", 'a [b](https://x.y "SECRET")'],
    ["reference definitions that nothing uses", "a\n\n[SECRET]: https://x.y 'SECRET'"],
    ["addresses that are not http", "a [b](data:text/plain,SECRET)"],
    ["scripts by reference", "a [b][r]\n\n[r]: javascript:SECRET"],
    ["links without a text", "a [](https://x.y/SECRET) b"],
    ["comments in list items", "- a <!-- SECRET -->"],
    ["comments in quotes", "> <!-- SECRET -->\n> a"],
    ["comments in table cells", "| a <!-- SECRET --> |\n|-|\n| b |"],
  ])("leaves out %s", (_title, markdown) => {
    expect(renderVisible(markdown)).toMatch(/^(?=[^]*a)(?![^]*SECRET)/);
  });

  it.each([
    ["zero-width characters", "pass\u200b\u200cword\u2060\ufeff"],
    ["direction marks", "\u202epass\u2066word\u200f"],
    ["tag characters", "pass\u{e0041}\u{e0042}word\u{e007f}"],
    ["variation selectors", "pass\ufe01\u{e0101}word"],
    ["soft hyphens", "pass\u00adword"],
    ["control characters", "pass\u0007\u001bword\u0085"],
    ["fillers", "pass\u3164\u115fword"],
    ["invisible characters written as entities", "pass&#x200B;&#8238;word"],
  ])("loses %s", (_title, markdown) => {
    expect(renderVisible(markdown)).toBe("password");
  });

  it.each([
    ["headings", "## What to do", "## What to do"],
    ["emphasis by its text", "**very** _important_ ~~not~~", "very important not"],
    ["lists", "* one\n* two\n  * three", "- one\n- two\n\n  - three"],
    ["numbered lists", "3. one\n4. two", "3. one\n4. two"],
    ["tasks", "- [ ] open\n- [x] done", "- [ ] open\n- [x] done"],
    ["quotes", "> said\n> so", "> said\n> so"],
    ["tables", "| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n| 1 | 2 |"],
    ["links with their address", "see [the docs](https://x.y/z)", "see the docs (https://x.y/z)"],
    ["bare addresses once", "see https://x.y/z", "see https://x.y/z"],
    ["links by reference", "see [docs][d]\n\n[d]: https://x.y", "see docs (https://x.y)"],
    ["rules and breaks", "a  \nb\n\n---\n\nc", "a\nb\n\n---\n\nc"],
    ["escaped characters as what they show", "\\<!-- shown -->", "<!-- shown -->"],
    ["the text between inline tags", "a <b>bold</b> word", "a bold word"],
    ["the content of details", "<details><summary>x</summary>\n\ninner\n\n</details>", "inner"],
  ])("keeps %s", (_title, markdown, text) => {
    expect(renderVisible(markdown)).toBe(text);
  });

  it("keeps code as it is, comments and all: there it is visible", () => {
    const block = "```html\n<!-- shown -->\n  @alice\n```";
    expect(renderVisible(block)).toBe(block);
  });

  it("widens the fence around code that has fences", () => {
    expect(renderVisible("````\n```\ninner\n```\n````")).toBe("````\n```\ninner\n```\n````");
  });

  it("loses invisible characters in code, too", () => {
    expect(renderVisible("```\npass\u200bword\n```")).toBe("```\npassword\n```");
  });

  it("does not let invisible characters decide what is code", () => {
    expect(renderVisible("\u200b```\n<!-- x -->\n```")).toBe("```\n<!-- x -->\n```");
  });

  const markdown = fc
    .array(
      fc.oneof(
        fc.string({ unit: "binary", maxLength: 8 }),
        fc.constantFrom(
          "<!--",
          "-->",
          "<b>",
          "```",
          "`",
          "\n",
          "\n\n",
          "> ",
          "- ",
          "[a](",
          "[a]: ",
          ")",
          "![",
          "](",
          "|",
          "**",
          "\u200b",
          "&#x202e;",
          "\\",
          "    ",
        ),
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join(""));

  it("never has a character that shows nothing, whatever was written", () => {
    fc.assert(
      fc.property(markdown, (text) => {
        expect(renderVisible(text)).not.toMatch(/(?![\t\n])[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}]/u);
      }),
    );
  });

  it("never tells what stands in a comment, whatever stands around it", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        // A blank line before it closes what the text may have opened, except for fences and comments, where it is part of them.
        fc.pre(!/[`~<]/.test(text));
        expect(renderVisible(`${text}\n\n<!-- SECRET -->\n\nend`)).not.toContain("SECRET");
      }),
    );
  });

  it.each([
    ["long text", "word ".repeat(40_000)],
    ["text that grows when its links are spelled out", `[a]: https://x.y/${"z".repeat(900)}\n\n${"[a] ".repeat(2_000)}`],
  ])("has at most 64 Ki characters for %s", (_title, text) => {
    expect(renderVisible(text).length).toBeLessThanOrEqual(65_536);
  });

  // Each of these took a plain parser minutes, or its stack.
  it.each([
    ["quotes in quotes", ">".repeat(65_000)],
    ["lists in quotes", "> - ".repeat(16_000)],
    ["footnotes in footnotes", "[^a]: ".repeat(10_000)],
    ["images in images", "![".repeat(9_000) + "](x)".repeat(9_000)],
    ["brackets in brackets", "[".repeat(30_000) + "]".repeat(30_000)],
    ["comments that do not end", "a <!-- ".repeat(9_000)],
    ["emphasis in emphasis", "**a ".repeat(8_000) + "a** ".repeat(8_000)],
  ])("is rendered without trouble from %s", (_title, text) => {
    expect(renderVisible(text).length).toBeLessThanOrEqual(65_536);
  });
});
