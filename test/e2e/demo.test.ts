import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogLine } from "./afk-process.ts";
import { leftovers, openDemos, type Demo, type Demos } from "./demos.ts";

let demos: Demos;
let root: string;
beforeAll(() => {
  demos = openDemos();
  root = mkdtempSync(join(tmpdir(), "afk-e2e-own-"));
});
afterAll(async () => {
  await demos.close();
  rmSync(root, { recursive: true, force: true });
});

/** What the demo told, by its `event`; checklist lines by their text. */
function told({ program }: Demo): readonly string[] {
  return program.lines().map(({ event, text }) => (event === "phase" ? String(text).replace(/:.*/, "") : String(event)));
}

function last({ program }: Demo): LogLine | undefined {
  return program.lines().at(-1);
}

function expectInOrder(events: readonly string[], order: readonly string[]): void {
  expect(events).toEqual(expect.arrayContaining([...order]));
  const places = order.map((event) => events.indexOf(event));
  expect(places, `${order.join(", ")} in ${events.join(", ")}`).toEqual(places.toSorted((one, other) => one - other));
}

const proved = [
  "ready",
  "issue",
  "released",
  "claimed",
  "Workspace ready",
  "New tests fail without the change",
  "All tests pass with the change",
];

describe.concurrent("the demo", () => {
  it("closes its issue with one proven commit and two comments, and stays up until Ctrl-C when it is asked to", async () => {
    const demo = demos.start(["--json", "--keep"]);
    const { forge, afk } = await demo.program.line(({ event }) => event === "kept", "kept", 60_000);
    const events = told(demo);
    expectInOrder(events, [...proved, "Landed", "CI is green", "diff", "end", "kept"]);
    expectInOrder(events, ["claimed", "landed", "ci", "CI is green"]);
    const end = demo.program.lines().find(({ event }) => event === "end");
    expect(end).toMatchObject({ outcome: "closed", issue: 1, landed: expect.stringMatching(/^[0-9a-f]{40}$/), phase: "done" });
    expect(demo.program.lines().filter(({ event, change }) => event === "comment" && change === "created")).toHaveLength(2);

    const [bare = ""] = readdirSync(demo.tmp).filter((name) => name.startsWith("forge-git-"));
    const git = (...args: readonly string[]): string =>
      execFileSync("git", ["-C", join(demo.tmp, bare, "acme/readable-time.git"), ...args], { encoding: "utf8" });
    expect(git("rev-list", "--count", "main").trim()).toBe("2");
    expect(git("rev-parse", "main").trim()).toBe(end?.["landed"]);
    expect(git("log", "-1", "--format=%an", "main").trim()).toBe("AFK");
    expect(git("log", "-1", "--format=%B", "main")).toMatch(
      /^Refs #1\n\nAFK-Run: 1-[a-z2-7]{8}\nCo-authored-by: ann <\d+\+ann@users\.noreply\.\S+>$/m,
    );

    expect(await (await fetch(`${String(afk)}/health`)).json()).toMatchObject({ active: 0 });
    expect((await fetch(String(forge))).status).toBe(404);
    // A terminal sends it to every process of the group, and npm hands it on once more.
    demo.program.signalGroup("SIGINT");
    demo.program.signalGroup("SIGINT");
    expect((await demo.program.exit()).code).toBe(0);
    expect(demo.program.output()).not.toContain("Warning");
    expect(leftovers(demo)).toEqual([]);
  });

  it("shows the diff and lands nothing with --landing none", async () => {
    const demo = demos.start(["--json", "--landing", "none"]);
    expect((await demo.program.exit(60_000)).code).toBe(0);
    expectInOrder(told(demo), [...proved, "end"]);
    expect(told(demo)).not.toContain("landed");
    expect(last(demo)).toMatchObject({ event: "end", outcome: "handed-over", landed: null });
    const comments = demo.program.lines().filter(({ event }) => event === "comment");
    expect(comments.filter(({ change }) => change === "created")).toHaveLength(2);
    expect(JSON.stringify(comments.map(({ lines }) => lines))).toContain("+  const minutes = Math.floor(seconds / 60);");
    expect(leftovers(demo)).toEqual([]);
  });

  it("works on a copy of a person's own repository and leaves the original as it is", async () => {
    const repo = makeOwnRepo();
    const before = fingerprint(repo);
    const demo = demos.start([
      "--json",
      ...ownIssue(repo),
      "--agent-command",
      `"${process.execPath}" ${script("own-agent.mjs", ownAgent)}`,
    ]);
    expect((await demo.program.exit(60_000)).code).toBe(0);
    expect(last(demo)).toMatchObject({ event: "end", outcome: "closed", landed: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(demo.program.lines().find(({ event }) => event === "diff")?.["text"]).toContain("+export const twice = (n) => 2 * n;");
    expect(fingerprint(repo)).toEqual(before);
    expect(leftovers(demo)).toEqual([]);
  });

  it("ends with 1 and says so to people when the agent does nothing", async () => {
    const demo = demos.start(["--agent-command", "true"]);
    expect((await demo.program.exit(60_000)).code).toBe(1);
    expect(demo.program.output()).toContain("The agent ended without changing anything.");
    expect(demo.program.output().trimEnd()).toMatch(/#1 is handed to a human\.$/);
    expect(leftovers(demo)).toEqual([]);
  });

  it("ends with 1 and leaves nothing behind when it is stopped in the middle", async () => {
    const demo = demos.start(["--json", "--agent-command", "sleep 60"]);
    await demo.program.line(({ event }) => event === "claimed", "claimed");
    demo.program.signalGroup("SIGINT");
    expect((await demo.program.exit()).code).toBe(1);
    expect(last(demo)).toMatchObject({ event: "end", outcome: "failed", reason: "stopped by hand" });
    expect(leftovers(demo)).toEqual([]);
  });
});

describe.concurrent("the demo's command line", () => {
  it.each([
    ["an unknown option", ["--fast"], "--fast"],
    ["a title without a repository", ["--title", "Add it"], "--title and --body-file go with --repo"],
    ["a repository without a title", ["--repo", "."], "--repo needs --title"],
    [
      "a repository that is not there",
      ["--repo", "/nowhere", "--title", "Add it", "--body-file", "package.json"],
      "/nowhere is no git repository",
    ],
    ["a body file that is not there", ["--repo", ".", "--title", "Add it", "--body-file", "/nowhere.md"], "/nowhere.md cannot be read"],
    ["another landing", ["--landing", "moon"], "--landing is push or none"],
  ])("answers %s with exit code 2 and its usage", async (_what, args, said) => {
    const demo = demos.start(args);
    expect((await demo.program.exit()).code).toBe(2);
    expect(demo.program.output()).toContain(said);
    expect(demo.program.output()).toContain("Usage: npm run demo");
  });

  it("ends with 3 and says how to get it when git is missing", async () => {
    const demo = demos.start([], { PATH: mkdtempSync(join(root, "empty-")) });
    expect((await demo.program.exit()).code).toBe(3);
    expect(demo.program.output()).toContain("git is not installed. Debian: apt-get install git");
  });
});

const ownAgent = `import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
writeFileSync("twice.mjs", "export const twice = (n) => 2 * n;\\n");
writeFileSync("test/twice.test.mjs", 'import test from "node:test";\\nimport assert from "node:assert";\\nimport { twice } from "../twice.mjs";\\ntest("doubles", () => assert.equal(twice(2), 4));\\n');
execFileSync("git", ["add", "--all"]);
execFileSync("git", ["commit", "--quiet", "--message", "Double numbers"]);
`;

function script(name: string, text: string): string {
  const path = join(mkdtempSync(join(root, "script-")), name);
  writeFileSync(path, text);
  return path;
}

function ownIssue(repo: string): readonly string[] {
  return ["--repo", repo, "--title", "Double numbers", "--body-file", script("issue.md", "There is no way to double a number.\n")];
}

/** With history, a branch, a stash, a hook, and work that is not committed. */
function makeOwnRepo(): string {
  const repo = mkdtempSync(join(root, "own-"));
  const user = {
    GIT_AUTHOR_NAME: "Pat",
    GIT_AUTHOR_EMAIL: "pat@example.com",
    GIT_COMMITTER_NAME: "Pat",
    GIT_COMMITTER_EMAIL: "pat@example.com",
    GIT_CONFIG_GLOBAL: "/dev/null",
  };
  const git = (...args: readonly string[]): void =>
    void execFileSync("git", ["-C", repo, ...args], { env: { ...process.env, ...user }, stdio: "ignore" });
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(repo, path)), { recursive: true });
    writeFileSync(join(repo, path), text);
  };
  git("init", "--initial-branch=trunk");
  write("package.json", `{ "type": "module", "scripts": { "test": "node --test" } }\n`);
  write("once.mjs", "export const once = (n) => n;\n");
  write(
    "test/once.test.mjs",
    `import test from "node:test";\nimport assert from "node:assert";\nimport { once } from "../once.mjs";\ntest("keeps", () => assert.equal(once(2), 2));\n`,
  );
  write(".github/afk.yml", "ci:\n  settle_seconds: 0\n");
  git("add", "--all");
  git("commit", "--message", "Begin");
  git("branch", "other");
  write("once.mjs", "export const once = (n) => n; // stashed\n");
  git("stash");
  write("once.mjs", "export const once = (n) => n; // not committed\n");
  write(".git/hooks/post-checkout", "#!/bin/sh\ntouch hook-ran\n");
  return repo;
}

/** Every file, git's own included, by what is in it. */
function fingerprint(folder: string): Readonly<Record<string, string>> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).toSorted();
  return Object.fromEntries(paths.map((path) => [path, createHash("sha256").update(readFileSync(path)).digest("hex")]));
}
