import { describe, expect, it } from "vitest";
import { detectTestCommand, type TestCommand } from "../../src/core/detect-test-command.ts";

function manifest(more: object = {}): string {
  return JSON.stringify({ scripts: { test: "vitest run" }, ...more });
}

const needs = { dependencies: { zod: "4" } };

describe("detecting how a repo is tested", () => {
  it.each<[string, Record<string, string>, TestCommand | undefined]>([
    ["an empty repo", {}, undefined],
    ["npm without dependencies", { "package.json": manifest() }, { test: "npm test" }],
    ["npm with a lockfile", { "package.json": manifest(needs), "package-lock.json": "{}" }, { setup: "npm ci", test: "npm test" }],
    ["npm with a shrinkwrap", { "package.json": manifest(needs), "npm-shrinkwrap.json": "{}" }, { setup: "npm ci", test: "npm test" }],
    ["npm with dependencies and no lockfile", { "package.json": manifest(needs) }, { setup: "npm install", test: "npm test" }],
    [
      "development dependencies alone",
      { "package.json": manifest({ devDependencies: { x: "1" } }), "package-lock.json": "" },
      { setup: "npm ci", test: "npm test" },
    ],
    ["workspaces", { "package.json": manifest({ workspaces: ["a"] }), "package-lock.json": "" }, { setup: "npm ci", test: "npm test" }],
    ["pnpm", { "package.json": manifest(needs), "pnpm-lock.yaml": "" }, { setup: "pnpm install --frozen-lockfile", test: "pnpm test" }],
    ["old yarn", { "package.json": manifest(needs), "yarn.lock": "# v1" }, { setup: "yarn install --frozen-lockfile", test: "yarn test" }],
    [
      "new yarn",
      { "package.json": manifest(needs), "yarn.lock": "__metadata:\n" },
      { setup: "yarn install --immutable", test: "yarn test" },
    ],
    [
      "bun, whose own `bun test` is another thing",
      { "package.json": manifest(needs), "bun.lockb": "" },
      { setup: "bun install --frozen-lockfile", test: "bun run test" },
    ],
    [
      "the named package manager, before the lockfile",
      { "package.json": manifest({ ...needs, packageManager: "pnpm@9.0.0" }), "package-lock.json": "" },
      { setup: "pnpm install", test: "pnpm test" },
    ],
    [
      "npm's default script, which is none",
      { "package.json": manifest({ scripts: { test: 'echo "Error: no test specified" && exit 1' } }) },
      undefined,
    ],
    ["a manifest without scripts", { "package.json": "{}" }, undefined],
    ["a manifest of odd types", { "package.json": '{"scripts": 3, "dependencies": []}' }, undefined],
    ["a broken manifest", { "package.json": "{" }, undefined],
    ["a broken manifest beside another custom", { "package.json": "{", "go.mod": "" }, { test: "go test ./..." }],
    ["pytest by its file", { "pytest.ini": "" }, { test: "python3 -m pytest" }],
    ["pytest in pyproject.toml", { "pyproject.toml": "[project]\n[tool.pytest.ini_options]\n" }, { test: "python3 -m pytest" }],
    ["a pyproject.toml that says nothing of tests", { "pyproject.toml": "[project]\n" }, undefined],
    ["pytest in setup.cfg", { "setup.cfg": "[tool:pytest]\n" }, { test: "python3 -m pytest" }],
    ["pytest by a file in tests", { "tests/unit/test_cart.py": "" }, { test: "python3 -m pytest" }],
    ["a Python file that is no test", { "src/test_cart.py": "" }, undefined],
    ["Go", { "go.mod": "module x" }, { test: "go test ./..." }],
    ["Cargo", { "Cargo.toml": "[package]" }, { test: "cargo test" }],
    ["make with a test target", { Makefile: "all: build\n\ntest: all\n\t./run\n" }, { test: "make test" }],
    ["make with several targets in a line", { makefile: "check test::\n" }, { test: "make test" }],
    ["make without one", { Makefile: "build:\n\techo test:\n" }, undefined],
    ["make with a variable of that name", { Makefile: "test := 1\ntest:=2\nlatest:\n" }, undefined],
    ["npm before make", { "package.json": manifest(), Makefile: "test:\n" }, { test: "npm test" }],
  ])("finds %s", (_title, files, expected) => {
    expect(detectTestCommand(new Map(Object.entries(files)))).toEqual(expected);
  });
});
