import * as fc from "fast-check";
import { fromMarkdown } from "mdast-util-from-markdown";
import { describe, expect, it } from "vitest";
import { clip, clipStart, codeBlock, codeSpan, duration, htmlCode, link, plain, visible } from "../../src/core/markdown.ts";

const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 6 }),
      fc.constantFrom("`", "``", "```", "\n", "*", "_", "<!--", "-->", "&lt;", "[a](b)", "1. ", "- ", "# ", "> ", "===", "\\", "~~"),
    ),
    {
      maxLength: 20,
    },
  )
  .map((parts) => parts.join(""));

describe("foreign text in Markdown", () => {
  it("is one code span, whatever it is", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const [paragraph, ...others] = fromMarkdown(`a ${codeSpan(text)} b`).children;
        expect(others).toEqual([]);
        expect(paragraph?.type === "paragraph" ? paragraph.children.map(({ type }) => type) : undefined).toEqual([
          "text",
          "inlineCode",
          "text",
        ]);
      }),
    );
  });

  it("is one code block, with all its visible text", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const [block, end, ...others] = fromMarkdown(`${codeBlock(text)}\n\nend`).children;
        expect([block?.type, end?.type, others]).toEqual(["code", "paragraph", []]);
        expect(block?.type === "code" ? block.value : undefined).toBe(visible(text).replace(/\n+$/, ""));
      }),
    );
  });

  it("is nothing but text as prose, in a quotation, too", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        fc.pre(plain(text) !== "");
        const [quotation, ...others] = fromMarkdown(`> ${plain(text)}\n> ${plain(text)}`).children;
        expect(others).toEqual([]);
        const [paragraph, ...rest] = quotation?.type === "blockquote" ? quotation.children : [];
        expect(rest).toEqual([]);
        expect(paragraph?.type === "paragraph" ? paragraph.children.map(({ type }) => type) : paragraph?.type).toEqual(["text"]);
      }),
    );
  });

  it.each([
    ["a mention", "ask @alice", "ask @\u200balice"],
    ["a reference", "see #3 and GH-3", "see #\u200b3 and GH\u200b-3"],
    ["an address", "https://x.y www.x.y", "https:\u200b//x.y www\u200b.x.y"],
    ["an entity", "&#64;alice", "&amp;#\u200b64;alice"],
  ])("does not link %s", (_title, text, written) => {
    expect(plain(text)).toBe(written);
  });

  it("is code in HTML", () => {
    expect(htmlCode("<b>`&")).toBe("<code>&lt;b&gt;`&amp;</code>");
  });

  it.each([
    ["http", "https://x.y/z?a=b", "[`build`](https://x.y/z?a=b)"],
    ["a script", "javascript:alert(1)", "`build`"],
    ["one that ends the link", "https://x.y/) @everyone", "`build`"],
    ["none", "", "`build`"],
  ])("is a link only with a plain address: %s", (_title, url, written) => {
    expect(link("build", url)).toBe(written);
  });
});

describe("shortening", () => {
  it.each([clip, clipStart])("stays within its limit, splits no pair and is done once: %o", (shorten) => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat({ max: 30 }), (text, max) => {
        const short = shorten(text, max);
        expect(short.length).toBeLessThanOrEqual(max);
        expect(short).not.toMatch(/\p{Surrogate}/u);
        expect(shorten(short, max)).toBe(short);
      }),
    );
  });
});

describe("durations", () => {
  it.each([
    [0, "0.0 s"],
    [4_210, "4.2 s"],
    [200_000, "3 min 20 s"],
    [3_900_000, "1 h 5 min"],
    [-5, "0.0 s"],
  ])("of %d ms read %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});
