import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { detectTestCommand } from "../src/core/detect-test-command.ts";
import { parseRepoConfig, repoConfigPath } from "../src/core/repo-config.ts";
import type { CiCheckout } from "./front/ci.ts";

/** What the demo's CI runs in a checkout: the repo's own setup and tests, found as AFK finds them. `undefined`: there are none. */
export function ciCommandOf({ directory }: Pick<CiCheckout, "directory">): readonly string[] | undefined {
  const file = join(directory, repoConfigPath);
  const parsed = parseRepoConfig(existsSync(file) ? readFileSync(file, "utf8") : undefined);
  const config = parsed.kind === "ok" ? parsed.config : {};
  const detected = detectTestCommand(readTexts(directory));
  const test = config.test ?? detected?.test;
  if (test === undefined) return undefined;
  const setup = config.setup ?? (config.test === undefined ? detected?.setup : undefined);
  return ["sh", "-e", "-c", [setup, test].filter((line) => line !== undefined).join("\n")];
}

/** Detection reads a few files at the root by name, and the names of tests; nothing longer than a manifest. */
const longestRead = 1_000_000;

function readTexts(directory: string): ReadonlyMap<string, string> {
  const paths = [...listFiles(directory), ...listFiles(join(directory, "test")), ...listFiles(join(directory, "tests"))];
  return new Map(paths.map((path) => [relative(directory, path), readFileSync(path, "utf8").slice(0, longestRead)]));
}

function listFiles(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(folder, entry.name));
}
