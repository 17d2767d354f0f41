import * as fc from "fast-check";
import { stringify } from "yaml";
import { describe, expect, it } from "vitest";
import { parseRepoConfig, type RepoConfig } from "../../src/core/repo-config.ts";

const everything = `
agent: command
model: large
setup: npm ci
test: npm test
tests: ["test/**"]
exempt: ["docs/**"]
landing: none
base: release/1.x
protected: ["infra/**"]
ci:
  required: [build]
  none: false
  settle_seconds: 1
  timeout_minutes: 2
deploy:
  environment: production
  timeout_minutes: 3
budget_usd: 2.5
turn_timeout_seconds: 60
instructions: |
  Use tabs.
git_crypt: false
submodules: true
lfs: true
`;

describe("a repo's configuration", () => {
  it("is read with every key, in AFK's own spelling and in milliseconds", () => {
    expect(parseRepoConfig(everything)).toEqual({
      kind: "ok",
      config: {
        agent: "command",
        model: "large",
        setup: "npm ci",
        test: "npm test",
        tests: ["test/**"],
        exempt: ["docs/**"],
        landing: "none",
        base: "release/1.x",
        protected: ["infra/**"],
        ci: { required: ["build"], none: false, settleMs: 1_000, timeoutMs: 120_000 },
        deploy: { environment: "production", timeoutMs: 180_000 },
        budgetUsd: 2.5,
        turnTimeoutMs: 60_000,
        instructions: "Use tabs.\n",
        gitCrypt: false,
        submodules: true,
        lfs: true,
      } satisfies RepoConfig,
    });
  });

  it.each([
    ["no file", undefined],
    ["an empty file", ""],
    ["nothing but comments", "# later\n"],
  ])("is empty with %s", (_title, text) => {
    expect(parseRepoConfig(text)).toEqual({ kind: "ok", config: {} });
  });

  it("takes commands of several lines, as CI configurations have them", () => {
    expect(parseRepoConfig("setup: |\n  npm ci\n  npm run build\n")).toEqual({ kind: "ok", config: { setup: "npm ci\nnpm run build" } });
  });

  it("takes `ci: none` for a repo without CI", () => {
    expect(parseRepoConfig("ci: none")).toEqual({ kind: "ok", config: { ci: { none: true } } });
  });

  it.each([
    ["an unknown key", "tets: npm test", ['unknown key "tets" (did you mean "tests"?)']],
    ["an unknown key inside", "ci:\n  require: [build]", ['unknown key "require" in ci (did you mean "required"?)']],
    ["a key unlike any other", "wombat: 1", ['unknown key "wombat"']],
    ["our own spelling", "budgetUsd: 1", ['unknown key "budgetUsd" (did you mean "budget_usd"?)']],
    ["a wrong type", "test: 1", ["test: expected string, received number"]],
    ["a wrong word", "landing: later", ['landing: expected one of "push"|"pull-request"|"none"']],
    ["a branch that looks like an option", "base: --mirror", ["base: must be a branch name"]],
    ["a branch that climbs", "base: a/../b", ["base: must be a branch name"]],
    ["a deployment without a name", "deploy: {}", ["deploy: expected either environment or context"]],
    ["a list for a map", "- a", ["the file: expected object, received array"]],
    ["a word for a map", "hello", ["the file: expected object, received string"]],
    ["a key twice", "test: a\ntest: b", [expect.stringContaining("not valid YAML: Map keys must be unique")]],
    ["an anchor that is used", "tests: &a [x]\nexempt: *a", ["not valid YAML: Alias resolution is disabled"]],
    ["a tag", "test: !!js/function x", [expect.stringContaining("not valid YAML: Unresolved tag")]],
    ["two documents", "test: a\n---\ntest: b", [expect.stringContaining("multiple documents")]],
    ["broken YAML", "test: [a", [expect.stringContaining("not valid YAML")]],
    ["a megabyte", `instructions: ${"x".repeat(1_000_000)}`, ["the file is larger than 64 KiB"]],
    ["prototypes for keys", "__proto__: {a: 1}", ['unknown key "__proto__"']],
  ])("is refused with %s", (_title, text, faults) => {
    expect(parseRepoConfig(text)).toEqual({ kind: "faults", faults });
  });

  it("tells all its faults at once", () => {
    const reading = parseRepoConfig("tets: a\nlanding: later\nci:\n  none: 3\nlfs: yes please");
    expect(reading.kind === "faults" ? reading.faults.map((fault) => fault.split(/[ :]/, 3).join(" ")) : []).toEqual([
      "landing  expected",
      "ci.none  expected",
      "lfs  expected",
      'unknown key "tets"',
    ]);
  });

  it("survives anchors that would expand to gigabytes", () => {
    const bomb = [
      "a: &a [x, x, x, x, x, x, x, x, x]",
      ..."bcdefgh".split("").map((key, index) => `${key}: &${key} [${Array(9).fill(`*${"abcdefg"[index]}`).join(", ")}]`),
    ];
    expect(parseRepoConfig(bomb.join("\n")).kind).toBe("faults");
  });

  it("answers every text, and never throws", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json().map((json) => stringify(JSON.parse(json))),
    );
    fc.assert(
      fc.property(text, (anything) => {
        expect(["ok", "faults"]).toContain(parseRepoConfig(anything).kind);
      }),
    );
  });
});
