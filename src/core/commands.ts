import type { Paragraph, PhrasingContent } from "mdast";
import { clip, visible } from "./markdown.ts";
import { maxGuidance } from "./run-steps.ts";
import { parseMarkdown } from "./visible-text.ts";

/** What people can ask of AFK in a comment. */
export type Command =
  | { readonly kind: "retry" | "fix"; readonly guidance: string | undefined }
  | { readonly kind: "cancel" | "status" | "explain" | "help" }
  | { readonly kind: "unknown"; readonly word: string };

/** The commands with what they do, in the order that help lists them. */
export const commandHelp = {
  retry: { usage: "/afk retry [guidance]", does: "start over with the text as it is now, and fresh attempts and time" },
  fix: { usage: "/afk fix [guidance]", does: "one more turn of the agent, on what is there" },
  cancel: { usage: "/afk cancel", does: "stop the run; what has landed stays" },
  status: { usage: "/afk status", does: "say what is going on" },
  explain: { usage: "/afk explain", does: "say why AFK does what it does, or nothing" },
  help: { usage: "/afk help", does: "show this list" },
} as const satisfies Record<Exclude<Command["kind"], "unknown">, { readonly usage: string; readonly does: string }>;

/** More commands than that in one comment are a mistake or an attack; the rest is not read. */
const maxCommands = 10;

/**
 * The commands of a comment, in order. One begins a line of a paragraph; in code, quotes, lists, headings or HTML it is only talked about.
 * Guidance is the rest of its paragraph, up to the next command.
 */
export function parseCommands(body: string): readonly Command[] {
  if (!mentionsCommand(body)) return []; // Most comments are for people; parsing them would be for nothing.
  const text = visible(body);
  const paragraphs = parseMarkdown(text).children.filter((node) => node.type === "paragraph");
  return paragraphs.flatMap(commandsOf).slice(0, maxCommands);
}

/** Whether a comment could hold a command at all. */
export function mentionsCommand(body: string): boolean {
  return /\/afk/i.test(visible(body));
}

function commandsOf(paragraph: Paragraph): Command[] {
  const lines = paragraph.children.map(textOf).join("").split("\n");
  const starts = lines.flatMap((line, index) => (isCommand(line) ? [index] : []));
  return starts.map((start, index) => readCommand(lines.slice(start, starts[index + 1])));
}

function isCommand(line: string): boolean {
  return /^\s*\/afk(?:\s|$)/i.test(line);
}

function readCommand(lines: readonly string[]): Command {
  const [, word = "help", rest = ""] = /^\s*\/afk(?:\s+(\S+))?([\s\S]*)$/i.exec(lines.join("\n")) ?? [];
  const kind = word.toLowerCase();
  switch (kind) {
    case "retry":
    case "fix":
      return { kind, guidance: rest.trim() === "" ? undefined : clip(rest.trim(), maxGuidance) };
    case "cancel":
    case "status":
    case "explain":
    case "help":
      return { kind };
    default:
      return { kind: "unknown", word: clip(word, 40) };
  }
}

/** Code keeps its backticks, so that a line beginning with code begins no command; struck-out text is taken back. */
function textOf(node: PhrasingContent): string {
  if (node.type === "text") return node.value;
  if (node.type === "inlineCode") return `\`${node.value}\``;
  if (node.type === "break") return "\n";
  return node.type !== "delete" && "children" in node ? node.children.map(textOf).join("") : "";
}
