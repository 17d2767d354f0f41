import { fromMarkdown } from "mdast-util-from-markdown"; // Pure parsers, these three.
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import type { Nodes, Parents, Root } from "mdast";
import { clip, visible } from "./markdown.ts";

/** What a forge lets an issue's body have. */
const maxLength = 65_536;

/** Deeper quotes and lists than anybody writes are left out. */
const maxDepth = 40;

/** Parsing takes time with the square of these: 5,000 are half a second at worst, and a long issue has hundreds. What follows is cut. */
const maxSpecialCharacters = 5_000;
/** Images inside images take time with the cube; from each HTML comment that does not end, the rest of the text is searched for its end. */
const heavyWeight = 10;

/** Parses Markdown as the forge does, but within bounds of length, depth and time. Used wherever what people *see* counts, not what they typed. */
export function parseMarkdown(text: string): Root {
  const bounded = clip(text, maxLength).split("\n").map(flatten).join("\n");
  return fromMarkdown(cutSpecial(bounded), { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
}

/** A line that opens more quotes, lists and footnotes than `maxDepth` opens that many: each costs the parser a level of its stack. */
function flatten(line: string): string {
  const markers = /^(?:[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t])|\[\^[^\]\s]{1,100}\]:)){41,}/.exec(line);
  return markers === null ? line : "> ".repeat(maxDepth) + line.slice(markers[0].length);
}

function cutSpecial(text: string): string {
  let count = 0;
  for (const { index, 0: found } of text.matchAll(/!\[|<[!?]|[*_~[\]]/g)) {
    count += found.length > 1 ? heavyWeight : 1;
    if (count > maxSpecialCharacters) return `${text.slice(0, index)}…`;
  }
  return text;
}

/**
 * Markdown to the text a reader sees: no HTML, comments, images, link titles, reference definitions or invisible characters. Links keep
 * their text and, when http(s), their address; code stays as it is. At most 64 Ki characters.
 */
export function renderVisible(markdown: string): string {
  // Before parsing, too: an invisible character must not decide what is a heading and what is code.
  const root = parseMarkdown(visible(markdown));
  const text = render(root, { addresses: collectAddresses(root), depth: 0 });
  return clip(visible(text).trim(), maxLength);
}

interface Place {
  /** What reference links point to, by identifier. */
  readonly addresses: ReadonlyMap<string, string>;
  readonly depth: number;
}

function collectAddresses(root: Root): ReadonlyMap<string, string> {
  return new Map(root.children.flatMap((node) => (node.type === "definition" ? [[node.identifier, node.url] as const] : [])));
}

function render(node: Nodes, place: Place): string {
  switch (node.type) {
    case "root":
    case "footnoteDefinition":
      return blocks(node, place);
    case "blockquote":
      return indent(blocks(node, place), "> ", "> ");
    case "list":
      return node.children
        .map((item, index) => renderItem(item, node.ordered === true ? `${(node.start ?? 1) + index}. ` : "- ", place))
        .join("\n");
    case "heading":
      return `${"#".repeat(node.depth)} ${inline(node, place)}`;
    case "code":
      return fence(node.value, node.lang ?? "");
    case "inlineCode":
      return `\`${node.value}\``;
    case "text":
      return node.value;
    case "break":
      return "\n";
    case "thematicBreak":
      return "---";
    case "link":
      return withAddress(inline(node, place), node.url);
    case "linkReference":
      return withAddress(inline(node, place), place.addresses.get(node.identifier));
    case "table":
      return node.children.map((row) => render(row, place)).join("\n");
    case "tableRow":
      return `| ${node.children.map((cell) => inline(cell, place)).join(" | ")} |`;
    case "paragraph":
    case "emphasis":
    case "strong":
    case "delete":
    case "tableCell":
      return inline(node, place);
    case "listItem":
      return renderItem(node, "- ", place);
    case "html":
    case "image":
    case "imageReference":
    case "definition":
    case "footnoteReference":
    case "yaml":
      return "";
    default:
      return node satisfies never;
  }
}

function renderItem(item: Extract<Nodes, { type: "listItem" }>, marker: string, place: Place): string {
  const box = item.checked === true ? "[x] " : item.checked === false ? "[ ] " : "";
  return indent(box + blocks(item, place), marker, " ".repeat(marker.length));
}

function blocks(node: Parents, place: Place): string {
  return children(node, place)
    .filter((text) => text !== "")
    .join("\n\n");
}

function inline(node: Parents, place: Place): string {
  return children(node, place).join("");
}

function children(node: Parents, place: Place): string[] {
  return place.depth >= maxDepth ? [] : node.children.map((child) => render(child, { ...place, depth: place.depth + 1 }));
}

function indent(text: string, first: string, others: string): string {
  return text
    .split("\n")
    .map((line, index) => (index === 0 ? first + line : line === "" ? others.trimEnd() : others + line))
    .join("\n");
}

function fence(code: string, language: string): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([run]) => run.length));
  const ticks = "`".repeat(longest + 1);
  return `${ticks}${language}\n${code}\n${ticks}`;
}

function withAddress(text: string, url: string | undefined): string {
  if (url === undefined || !/^https?:\/\//i.test(url) || text === url) return text;
  return text === "" ? "" : `${text} (${url})`;
}
