/** A heading's part of a page, up to the next heading of its level or above. Throws when there is no such heading. */
export function readSection(page: string, heading: string): string {
  const lines = page.split("\n");
  const levels = levelsOf(lines);
  const start = lines.findIndex((line, index) => levels[index] !== undefined && line.replace(/^#+ /, "") === heading);
  const level = levels[start];
  if (level === undefined) throw new Error(`no heading ${JSON.stringify(heading)}`);
  const end = levels.findIndex((other, index) => index > start && other !== undefined && other <= level);
  return lines.slice(start + 1, end < 0 ? undefined : end).join("\n");
}

/** Each line's level as a heading; `undefined` for other lines, those of code blocks among them. */
function levelsOf(lines: readonly string[]): readonly (number | undefined)[] {
  let isCode = false;
  return lines.map((line) => {
    if (line.startsWith("```")) isCode = !isCode;
    return isCode ? undefined : /^(#+) /.exec(line)?.[1]?.length;
  });
}

/** The cells of every table's rows, without the heads. */
export function readRows(text: string): readonly (readonly string[])[] {
  const lines = text.split("\n");
  const isTable = (line: string | undefined) => line?.startsWith("|") === true;
  return lines
    .filter((line, index) => isTable(line) && isTable(lines[index - 1]) && !/^\|[\s|:-]*$/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The content of every fenced block of a language. */
export function readBlocks(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, content = ""]) => content);
}
