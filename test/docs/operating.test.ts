import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readRows, readSection } from "./markdown.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(join(root, "docs/operating.md"), "utf8");

/** Every message in the sources with its level, as a row of the page begins. */
function messagesIn(folder: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  const sources = files.map((path) => readFileSync(join(folder, path), "utf8"));
  return sources.flatMap((source) =>
    [...source.matchAll(/\blog\.(debug|info|warn|error)\(\s*(?:\w+|\{[\s\S]*?\}),\s*"([^"]+)"/g)].map(
      ([, level, message]) => `${message} (${level})`,
    ),
  );
}

describe("the page about operating", () => {
  it("lists every log message with its level, and no other", () => {
    const said = readRows(readSection(page, "Logs")).map(([message = "", level]) => `${message.replaceAll("`", "")} (${level})`);
    expect(said.toSorted()).toEqual([...new Set(messagesIn(join(root, "src")))].toSorted());
  });
});
