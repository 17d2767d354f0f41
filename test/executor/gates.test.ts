import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readChangedPaths, readFileChanges, type Change } from "../../src/executor/change.ts";
import { findRefusal, gateContext } from "../../src/executor/gates/gates.ts";
import type { TurnPlan } from "../../src/ports.ts";

/** A path's content; `link:` and `module:` make a symbolic link and a submodule, `undefined` leaves the path out. */
type Tree = Readonly<Record<string, string>>;

let store: string;
beforeAll(() => {
  store = mkdtempSync(join(tmpdir(), "afk-gates-"));
  git(["init", "-q", "--bare"]);
});
afterAll(() => rmSync(store, { recursive: true, force: true }));

function git(args: readonly string[], input: string | Buffer = "", env = {}): string {
  const identity = { GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@b" };
  return execFileSync("git", ["-C", store, ...args], {
    input,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null", ...identity, ...env },
  }).trim();
}

function commitOf(tree: Tree, parent?: string): string {
  const index = { GIT_INDEX_FILE: join(store, "index") };
  const entries = Object.entries(tree).map(([path, text]) => {
    if (text.startsWith("module:")) return `160000 ${text.slice(7)}\t${path}\0`;
    const isLink = text.startsWith("link:");
    const blob = git(["hash-object", "-w", "--stdin"], isLink ? text.slice(5) : text);
    return `${isLink ? "120000" : "100644"} ${blob}\t${path}\0`;
  });
  git(["read-tree", "--empty"], "", index);
  git(["update-index", "-z", "--index-info"], entries.join(""), index);
  const written = git(["write-tree"], "", index);
  return git(["commit-tree", ...(parent === undefined ? [] : ["-p", parent]), "-m", "x", written]);
}

async function changeOf(before: Tree, after: Tree, messages: readonly string[] = ["Change things"]): Promise<Change> {
  const base = commitOf(before);
  const commit = commitOf(after, base);
  return {
    store,
    base,
    commit,
    tree: git(["rev-parse", `${commit}^{tree}`]),
    paths: await readChangedPaths(store, base, commit),
    files: await readFileChanges(store, base, commit),
    messages,
  };
}

const plan: TurnPlan = {
  setup: undefined,
  test: undefined,
  tests: undefined,
  exempt: [],
  protectedPaths: ["deploy/**"],
  landing: "push",
  turnTimeoutMs: 1000,
  commandTimeoutMs: 1000,
  notes: [],
};
const operatorSecret = "correct-horse-battery-staple";

async function refusalOf(before: Tree, after: Tree, { test = "npm test", messages }: { test?: string; messages?: readonly string[] } = {}) {
  const change = await changeOf(before, after, messages);
  return findRefusal(
    change,
    gateContext({ owner: "octo", name: "sample" }, plan, test, () => [operatorSecret]),
  );
}

const manifest = (more: object): string => JSON.stringify({ name: "sample", scripts: { test: "node scripts/run-tests.js" }, ...more });
const twoTests = `test("a", () => {});\ntest("b", () => {});\n`;
// Put together at run time, so that this file does not look like a leak itself.
const githubToken = ["gh", "p_", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("");
const privateKey = [
  "-----BEGIN RSA PRIVATE",
  " KEY-----\n",
  "MIIEpAIBAAKCAQEA04up8hoqzS1+APIB0RhjXyObwHQnOzhAk5Bd7mhkSbPkyhP1\n".repeat(12),
  "-----END RSA PRIVATE",
  " KEY-----\n",
].join("");
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("an ordinary change", () => {
  it.each<[string, Tree, Tree]>([
    ["adds a file and a test", {}, { "src/a.js": "export {};\n", "test/a.test.js": twoTests }],
    ["changes a dependency", { "package.json": manifest({}) }, { "package.json": manifest({ dependencies: { zod: "4" } }) }],
    ["reformats the manifest", { "package.json": manifest({}) }, { "package.json": JSON.stringify(JSON.parse(manifest({})), null, 2) }],
    ["moves a test", { "test/a.test.js": twoTests }, { "test/b/a.test.js": twoTests }],
    [
      "moves tests between files",
      { "test/a.test.js": twoTests, "test/b.test.js": twoTests },
      { "test/a.test.js": `test("a", () => {});\n`, "test/b.test.js": `${twoTests}test("c", () => {});\n` },
    ],
    [
      "touches a test that was skipped before",
      { "test/a.test.js": `test.skip("a");\n` },
      { "test/a.test.js": `test.skip("a");\ntest("b");\n` },
    ],
    ["links inside the repository", {}, { "docs/readme": "link:../README.md", "docs/a/b": "link:../../src/./c" }],
    ["configures a tool that runs no tests", {}, { ".gitignore": "lib\n", ".editorconfig": "root = true\n" }],
    ["has a strange name", {}, { "a\nb": "x", "--option": "x", "$(touch x)": "x", "snö/ß.txt": "x" }],
    ["holds something that was there before", { "a.js": `${githubToken}\n` }, { "a.js": `${githubToken}\nexport {};\n` }],
  ])("that %s passes", async (_what, before, after) => {
    expect(await refusalOf(before, after)).toBeUndefined();
  });
});

const conflict = "<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> main\n";

describe("a conflict's markers", () => {
  it("are refused where the change brings them", async () => {
    expect(await refusalOf({ "a.md": "# A\n" }, { "a.md": `# A\n${conflict}` })).toEqual({
      gate: "committed",
      reason: "conflict markers are left in a.md",
    });
  });

  it.each<[string, Tree, Tree]>([
    ["were there before", { "a.md": conflict }, { "a.md": `${conflict}more\n` }],
    ["are only underlines", {}, { "a.md": "A\n=======\n\n>>>>>>> deeply quoted\n" }],
  ])("pass where they %s", async (_what, before, after) => {
    expect(await refusalOf(before, after)).toBeUndefined();
  });
});

describe("the size gate refuses", () => {
  it("more than 100 files", async () => {
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`f${index}`, "same"]));
    expect(await refusalOf({}, many)).toEqual({ gate: "size", reason: "the change touches 101 files; at most 100 may land at once" });
  });

  it("more than 4 MiB", async () => {
    expect(await refusalOf({}, { big: "x".repeat(4 * 1024 * 1024 + 1) })).toEqual({
      gate: "size",
      reason: "the changed files hold 4.0 MiB; at most 4 may land at once",
    });
  });
});

it.each([
  ".github/workflows/ci.yml",
  ".forgejo/workflows/ci.yml",
  ".gitea/workflows/ci.yml",
  ".GitHub/Workflows/x.yml",
  ".gitlab-ci.yml",
  "Jenkinsfile",
  "azure-pipelines.yml",
  "bitbucket-pipelines.yml",
  ".appveyor.yml",
  ".cirrus.yml",
])("the workflows gate refuses %s", async (path) => {
  expect(await refusalOf({}, { [path]: "on: push\n" })).toMatchObject({ gate: "workflows" });
});

describe("the protected-path gate refuses", () => {
  it.each([
    "CODEOWNERS",
    "docs/CODEOWNERS",
    ".github/CODEOWNERS",
    "CLAUDE.md",
    "packages/a/AGENTS.md",
    "gemini.md",
    ".cursorrules",
    ".mcp.json",
    ".claude.json",
    "opencode.json",
    ".claude/settings.json",
    ".husky/pre-commit",
    ".env",
    ".gitmodules",
    "sub/.gitattributes",
    "deploy/prod.yml",
    "packages/a/.claude/settings.json",
    "packages/a/.vscode/tasks.json",
  ])("%s", async (path) => {
    expect(await refusalOf({}, { [path]: "x\n" })).toMatchObject({ gate: "protected-path" });
  });

  it("moving a protected file away", async () => {
    expect(await refusalOf({ "AGENTS.md": "Be good.\nVery good.\n" }, { "old.md": "Be good.\nVery good.\n" })).toMatchObject({
      gate: "protected-path",
    });
  });

  it.each(["/etc/passwd", "../outside", "a/../../outside", ".git/config"])("a link to %s", async (target) => {
    expect(await refusalOf({}, { link: `link:${target}` })).toMatchObject({
      gate: "protected-path",
      reason: expect.stringContaining("leaves the repository"),
    });
  });

  it.each(["a/../../outside", "links/elsewhere/../../../outside", "links/./../outside"])(
    "a link that goes up after it went down, as %s",
    async (target) => {
      expect(await refusalOf({}, { "x/y/link": `link:${target}` })).toMatchObject({ gate: "protected-path" });
    },
  );

  it("a link in place of a dot-directory", async () => {
    expect(await refusalOf({}, { ".claude": "link:claude", "claude/settings.json": "{}\n" })).toMatchObject({ gate: "protected-path" });
  });

  it("a link in place of a dot-directory that nobody knows", async () => {
    expect(await refusalOf({}, { ".tool": "link:tool", "tool/hooks": "x\n" })).toMatchObject({ gate: "protected-path" });
  });

  it("a submodule that points elsewhere", async () => {
    expect(await refusalOf({ lib: `module:${"1".repeat(40)}` }, { lib: `module:${"2".repeat(40)}` })).toMatchObject({
      gate: "protected-path",
    });
  });
});

describe("the secret gate refuses", () => {
  it.each<[string, Tree]>([
    ["a forge token", { "a.js": `const token = "${githubToken}";\n` }],
    ["a private key", { "key.pem": privateKey }],
    ["a token behind a comment that switches the search off", { "a.js": `// secretlint-disable\nconst token = "${githubToken}";\n` }],
    ["a secret of the operator", { "a.txt": `it is ${operatorSecret}!\n` }],
    ["a secret of the operator in base64", { "a.txt": base64(operatorSecret) }],
    ["a secret of the operator inside of base64", { "a.txt": base64(`x${operatorSecret}`) }],
    ["a secret of the operator deeper inside of base64", { "a.txt": base64(`xy${operatorSecret}z`) }],
    ["a secret of the operator in a name", { [operatorSecret]: "" }],
  ])("%s", async (_what, after) => {
    expect(await refusalOf({}, after)).toMatchObject({ gate: "secret" });
  });

  it("a secret in a commit message", async () => {
    expect(await refusalOf({}, { "a.txt": "a\n" }, { messages: [`Use ${githubToken}`] })).toMatchObject({ gate: "secret" });
  });

  it("without repeating it", async () => {
    expect((await refusalOf({}, { "a.js": githubToken }))?.reason).not.toContain(githubToken);
  });
});

describe("the tests-weakened gate refuses", () => {
  it.each<[string, Tree, Tree]>([
    ["a deleted test file", { "test/a.test.js": twoTests }, {}],
    ["a test file moved out of the tests", { "test/a.test.js": twoTests }, { "lib/a.js": twoTests }],
    ["fewer tests", { "test/a.test.js": twoTests }, { "test/a.test.js": `test("a", () => {});\n` }],
    ["a skipped test", { "test/a.test.js": twoTests }, { "test/a.test.js": twoTests.replace("test(", "test.skip(") }],
    ["a test singled out", { "test/a.test.js": twoTests }, { "test/a.test.js": twoTests.replace("test(", "test.only(") }],
    ["a skipped suite in a new file", {}, { "test/a.test.js": `describe.skip("x", () => {});\n` }],
    ["a skip option", {}, { "test/a.test.js": `test("a", { skip: true }, () => {});\n` }],
    ["a skipped Python test", { "test_a.py": "def test_a():\n  pass\n" }, { "test_a.py": "@pytest.mark.skip\ndef test_a():\n  pass\n" }],
    [
      "a skipped Go test",
      { "a_test.go": "func TestA(t *testing.T) {\n}\n" },
      { "a_test.go": "func TestA(t *testing.T) {\n\tt.Skip()\n}\n" },
    ],
    ["an ignored Rust test", { "tests/a.rs": "#[test]\nfn a() {}\n" }, { "tests/a.rs": "#[test]\n#[ignore]\nfn a() {}\n" }],
  ])("%s", async (_what, before, after) => {
    expect(await refusalOf(before, after)).toMatchObject({ gate: "tests-weakened" });
  });
});

it.each([
  ["chained calls", "it."],
  ["empty lines", "\n"],
  ["indented lines", "  \n"],
  ["options", "{ , skip "],
  ["calls without their parenthesis", "test  "],
])("megabytes of %s in a test file do not hold AFK up", async (_what, text) => {
  const startedAt = performance.now();
  await refusalOf({}, { "test/a.test.js": text.repeat(Math.floor(2_000_000 / text.length)) });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

it("an option that says not to skip is no skipped test", async () => {
  expect(await refusalOf({}, { "test/a.test.js": `test("a", { skip: false }, () => {});\n` })).toBeUndefined();
});

describe("the runner-configuration gate refuses", () => {
  it.each<[string, Tree, Tree]>([
    ["another test script", { "package.json": manifest({}) }, { "package.json": manifest({ scripts: { test: "true" } }) }],
    [
      "a hook of the test script",
      { "package.json": manifest({}) },
      { "package.json": manifest({ scripts: { test: "node scripts/run-tests.js", pretest: "rm -r test" } }) },
    ],
    ["a runner's key in the manifest", { "package.json": manifest({}) }, { "package.json": manifest({ jest: { testMatch: [] } }) }],
    ["a manifest that does not parse", { "package.json": manifest({}) }, { "package.json": "{" }],
    [
      "a script that the test script calls",
      { "package.json": manifest({}), "scripts/run-tests.js": "a\n" },
      { "package.json": manifest({}), "scripts/run-tests.js": "b\n" },
    ],
    ["a runner's configuration", {}, { "vitest.config.ts": "export default {};\n" }],
    ["npm's configuration", {}, { ".npmrc": "script-shell=/bin/true\n" }],
    [
      "pytest's section",
      { "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'\n" },
      { "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-k nothing'\n" },
    ],
    ["pytest's file", {}, { "pytest.ini": "[pytest]\n" }],
    ["pytest's hidden file", {}, { ".pytest.ini": "[pytest]\n" }],
    ["pytest's newest file", {}, { "pytest.toml": "[pytest]\n" }],
    ["a runner among the dependencies", {}, { "node_modules/.bin/vitest": "#!/bin/true\n" }],
    ["a file that Python runs at its start", {}, { "lib/x.pth": "import os\n" }],
    [
      "what a name in the code stands for",
      { "package.json": manifest({}) },
      { "package.json": manifest({ imports: { "#sum": "./fake.js" } }) },
    ],
    ["the kind of modules", { "package.json": manifest({ type: "module" }) }, { "package.json": manifest({}) }],
    [
      "a script that the test script calls by another name",
      { "package.json": manifest({ scripts: { test: "npm run unit", unit: "node tools/run.js" } }), "tools/run.js": "a\n" },
      { "package.json": manifest({ scripts: { test: "npm run unit", unit: "node tools/run.js" } }), "tools/run.js": "b\n" },
    ],
  ])("%s", async (_what, before, after) => {
    expect(await refusalOf(before, after)).toMatchObject({ gate: "runner-configuration" });
  });

  it("the Makefile when make runs the tests", async () => {
    expect(await refusalOf({ Makefile: "test:\n\tgo test\n" }, { Makefile: "test:\n\ttrue\n" }, { test: "make test" })).toMatchObject({
      gate: "runner-configuration",
    });
  });

  it("a file that the Makefile may include", async () => {
    expect(await refusalOf({}, { "common.mk": "test:\n\ttrue\n" }, { test: "make test" })).toMatchObject({ gate: "runner-configuration" });
  });

  it("a script named by the test command", async () => {
    expect(await refusalOf({ "check.sh": "false\n" }, { "check.sh": "true\n" }, { test: "sh ./check.sh" })).toMatchObject({
      gate: "runner-configuration",
    });
  });
});
