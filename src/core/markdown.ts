/** Writing Markdown around text that is not ours: nothing in it can end its place, mention anybody, or hide. */

/** What shows nothing or reorders what is shown: controls, zero-width and bidirectional marks, tags, variation selectors, fillers. Not tab and line feed. */
const invisible = /(?![\t\n])[\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

/** Without invisible characters; lone surrogates become the replacement character; line ends are `\n`. */
export function visible(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .replace(/\r\n?|[\u2028\u2029]/g, "\n")
    .replace(invisible, "");
}

/** The first `max` characters, with an ellipsis in place of the rest. Splits no surrogate pair. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  return max < 1 ? "" : `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** The last `max` characters, with an ellipsis in place of what was before. Splits no surrogate pair. */
export function clipStart(text: string, max: number): string {
  if (text.length <= max) return text;
  return max < 1 ? "" : `…${text.slice(text.length - max + 1).replace(/^[\udc00-\udfff]/, "")}`;
}

/** One line of text as inline code. Backticks inside widen the fence; forges notify nobody mentioned in code. */
export function codeSpan(text: string, max = 200): string {
  const line = clip(visible(text).replace(/\s+/g, " ").trim(), max);
  if (line === "") return "``` ```";
  const fence = "`".repeat(longestRun(line) + 1);
  const pad = line.startsWith("`") || line.endsWith("`") ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** One line of text as code where only HTML is read, as in a `<summary>`. */
export function htmlCode(text: string, max = 200): string {
  const line = clip(visible(text).replace(/\s+/g, " ").trim(), max);
  return `<code>${line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</code>`;
}

/** Text as a fenced block whose fence is longer than any inside. `info` names the language. */
export function codeBlock(text: string, info = "text"): string {
  const lines = visible(text).replace(/\n+$/, "");
  const fence = "`".repeat(Math.max(3, longestRun(lines) + 1));
  return `${fence}${info}\n${lines}\n${fence}`;
}

/** One line of foreign prose: it stays text, whatever it looks like; mentions, references and addresses in it do not link. */
export function plain(text: string, max = 500): string {
  return clip(visible(text).replace(/\s+/g, " ").trim(), max)
    .replace(/[\\`*_[\]~<]/g, "\\$&")
    .replaceAll("&", "&amp;")
    .replace(/^[-+=>#|:]/, "\\$&")
    .replace(/^(\d+)([.)])/, "$1\\$2")
    .replace(/[@#]|:(?=\/\/)|\b(?:www|gh(?=-))/gi, "$&\u200b");
}

/** `[name](url)`; only the name, as code, when the url is not plain http(s). */
export function link(name: string, url: string): string {
  const label = codeSpan(name, 100);
  return /^https?:\/\/[^\s<>()"'`\\]{1,500}$/.test(url) ? `[${label}](${url})` : label;
}

/** `4.2 s`, `3 min 20 s`, `1 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
