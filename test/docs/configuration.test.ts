import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { combine } from "../../src/core/policy.ts";
import { parseRepoConfig, repoConfigKeys } from "../../src/core/repo-config.ts";
import { defaultTestPatterns } from "../../src/executor/gates/test-files.ts";
import { settings } from "../../src/settings.ts";
import { readBlocks, readRows, readSection } from "./markdown.ts";

const page = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");
const repoPart = readSection(page, "The repository's file");

/** A row as the page has to have it. */
function rowOf(
  name: string,
  { fallback, doc, ...marks }: { readonly fallback: string | undefined; readonly doc: string },
): readonly string[] {
  const said = fallback === undefined ? "not set" : fallback === "" ? "empty" : `\`${fallback}\``;
  return [`\`${name}\``, said, "isWithoutEffect" in marks ? `${doc} _Not in effect yet._` : doc];
}

describe("the page about configuration", () => {
  it("lists every setting of the operator once, with its default and its meaning, and no other", () => {
    const rows = readRows(readSection(page, "The operator's environment"));
    const wanted = Object.entries(settings).map(([name, setting]) => rowOf(name, setting));
    expect(rows.map((row) => row.join(" | ")).toSorted()).toEqual(wanted.map((row) => row.join(" | ")).toSorted());
  });

  it("lists every key of the repository's file once, and no other", () => {
    const rows = readRows(repoPart).map(([key = ""]) => key);
    const { "": top = [], ...nested } = repoConfigKeys;
    const keys = [
      ...top.filter((key) => nested[key] === undefined),
      ...Object.entries(nested).flatMap(([key, inner]) => inner.map((name) => `${key}.${name}`)),
    ];
    expect(rows.toSorted()).toEqual(keys.map((key) => `\`${key}\``).toSorted());
  });

  it("gives examples that parse, and one for every key", () => {
    const examples = readBlocks(repoPart, "yaml");
    for (const example of examples) expect(parseRepoConfig(example), example).toMatchObject({ kind: "ok" });
    const used = new Set(examples.flatMap((example) => keysOf(parse(example))));
    expect([...used].toSorted()).toEqual(
      Object.entries(repoConfigKeys)
        .flatMap(([mapping, keys]) => keys.map((key) => (mapping === "" ? key : `${mapping}.${key}`)))
        .toSorted(),
    );
  });

  it("gives the defaults of the repository's file as they are", () => {
    const operator = {
      landing: "push",
      agent: "command",
      agentsAllowed: ["command"],
      mayLoosen: [],
      budgetUsd: 1,
      turnTimeoutMs: 1,
    } as const;
    const { policy } = combine(operator, {}, { defaultBranch: "main", isPrivate: true });
    const said = new Map(readRows(repoPart).map(([key, value]) => [key, value]));
    expect(said.get("`ci.settle_seconds`")).toBe(`\`${policy.ci.settleMs / 1000}\``);
    expect(said.get("`ci.timeout_minutes`")).toBe(`\`${policy.ci.timeoutMs / 60_000}\``);
    expect(said.get("`ci.none`")).toBe(`\`${policy.ci.none}\``);
    expect([policy.exempt, policy.protectedPaths, policy.ci.required]).toEqual([[], [], []]);
  });

  it("lists the patterns of test files", () => {
    expect(readBlocks(readSection(page, "What counts as a test"), "text")).toEqual([`${defaultTestPatterns.join("\n")}\n`]);
  });
});

/** The keys of a file, those of its mappings as `ci.required`. */
function keysOf(file: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(file).flatMap(([key, value]) => {
    const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
    return isMapping ? [key, ...Object.keys(value).map((name) => `${key}.${name}`)] : [key];
  });
}
