import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createTurnTester, goodAgent, sampleFiles, type TurnTester, type TurnTesterOptions } from "./turn-tester.ts";

let tester: TurnTester | undefined;
afterEach(async () => {
  await tester?.close();
  tester = undefined;
});

async function given(options?: TurnTesterOptions): Promise<TurnTester> {
  tester = await createTurnTester(options);
  return tester;
}

/** Commits files as an agent would. */
function commits(files: Readonly<Record<string, string>>, message = "Change things"): string {
  const writes = Object.entries(files).map(
    ([path, text]) => `mkdir -p "$(dirname '${path}')"\ncat > '${path}' <<'AFK_END'\n${text}AFK_END`,
  );
  return [...writes, "git add -A", `git commit -q -m '${message}'`].join("\n");
}

const failingTest = `import test from "node:test";\nimport assert from "node:assert";\n\ntest("fails", () => assert.equal(1, 2));\n`;

describe("a turn that lands", () => {
  it("puts the work as one commit on the base", async () => {
    const afk = await given({ agent: `git commit -q --allow-empty -m one; ${goodAgent}` });
    const before = afk.head();
    await afk.turn();
    expect(afk.forge("rev-list", `${before}..main`).split("\n")).toHaveLength(1);
  });

  it("answers what was proved", async () => {
    const afk = await given();
    expect(await afk.turn()).toMatchObject({
      kind: "landed",
      evidence: {
        test: { command: "node --test", source: "config" },
        base: { exitCode: 0 },
        red: { exitCode: 1, how: "did-not-load" },
        green: { exitCode: 0, flaky: false },
        files: [
          { path: "product.js", added: 3, removed: 0 },
          { path: "test/product.test.js", added: 5, removed: 0 },
        ],
      },
    });
  });

  it("writes a message that closes nothing, skips no CI, notifies nobody, and says whose work it is", async () => {
    const afk = await given();
    await afk.turn();
    expect(afk.forge("log", "-1", "--format=%an <%ae>%n%B", "main")).toBe(
      "AFK <afk@example.com>\nAdd product\n\nMultiplies two numbers. see #7, thanks mallory\n\nRefs #7\n\nAFK-Run: run-1\nCo-authored-by: ada <1001+ada@users.noreply.github.com>",
    );
  });

  it("says in the lock that it landed", async () => {
    const afk = await given();
    await afk.turn();
    const view = await afk.lock.read({
      repo: afk.repo,
      url: join(afk.root, "forge.git"),
      credential: async () => ({ username: "x", token: "y" }),
    });
    expect(view).toMatchObject({ ledger: { landed: { sha: afk.head(), branch: "main" } } });
  });

  it("detects how the repo is tested where nobody says", async () => {
    const afk = await given();
    expect(await afk.turn({ plan: { test: undefined } })).toMatchObject({
      kind: "landed",
      evidence: { test: { command: "npm test", source: "detected" } },
    });
  });

  it("names a red proof that failed in its assertions", async () => {
    const agent = commits({
      "sum.js": "export function sum(...all) {\n  return all.reduce((a, b) => a + b, 0);\n}\n",
      "test/many.test.js": sampleFiles["test/sum.test.js"].replace("sum(1, 2), 3", "sum(1, 2, 3), 6"),
    });
    const afk = await given({ agent });
    expect(await afk.turn()).toMatchObject({ kind: "landed", evidence: { red: { how: "failed" } } });
  });

  it("accepts a rewritten history on another branch", async () => {
    const afk = await given({ agent: `git checkout -q --orphan other\n${goodAgent}` });
    expect(await afk.turn()).toMatchObject({ kind: "landed" });
  });

  it("keeps what the base gained meanwhile", async () => {
    const afk = await given({
      agent: goodAgent,
      wrapLock: (lock, afkOf) => ({
        ...lock,
        async land(claim, landing) {
          if (afkOf().forge("rev-list", "--count", "main") === "1") await afkOf().commit({ "other.js": "export {};\n" });
          return lock.land(claim, landing);
        },
      }),
    });
    await afk.turn();
    expect(afk.forge("ls-tree", "--name-only", "main").split("\n")).toEqual(["other.js", "package.json", "product.js", "sum.js", "test"]);
  });

  it("records a suite that passes only when run again as flaky", async () => {
    const afk = await given({ sandbox: "none" });
    const flag = join(afk.root, "flag");
    const test = `node --test && { [ ! -e produc?.js ] || [ -e ${flag} ] || { touch ${flag}; false; }; }`;
    expect(await afk.turn({ plan: { test } })).toMatchObject({ kind: "landed", evidence: { green: { exitCode: 0, flaky: true } } });
  });

  it("starts the next turn of the run from what landed", async () => {
    const afk = await given({
      agent: `if [ -e product.js ]; then echo again > note.txt; git add -A; git commit -q -m Note; else ${goodAgent}\nfi`,
    });
    await afk.turn();
    const landed = afk.head();
    await afk.turn({ kind: "fix-forward" });
    expect(afk.forge("rev-parse", "main^")).toBe(landed);
  });
});

describe("a turn that does not land", () => {
  it("ends unworkable in an empty repository", async () => {
    const afk = await given({ files: {} });
    expect(await afk.turn()).toEqual({ kind: "unworkable", reason: "the repository is empty: push a first commit with tests" });
  });

  it("ends unworkable without the base branch", async () => {
    const afk = await given();
    expect(await afk.turn({ base: "--upload-pack=touch /tmp/x" })).toEqual({
      kind: "unworkable",
      reason: 'the base branch "--upload-pack=touch /tmp/x" does not exist',
    });
  });

  it("ends unworkable where no tests are found", async () => {
    const afk = await given({ files: { "README.md": "# Nothing\n" } });
    expect(await afk.turn({ plan: { test: undefined } })).toEqual({
      kind: "unworkable",
      reason: "no tests found: set `test` in .github/afk.yml",
    });
  });

  it("ends unchanged when the agent did nothing", async () => {
    const afk = await given({ agent: "true" });
    expect(await afk.turn()).toEqual({ kind: "unchanged" });
  });

  it("ends unchanged when the agent's commits undo each other", async () => {
    const afk = await given({ agent: `${goodAgent}\ngit revert --no-edit HEAD >/dev/null` });
    expect(await afk.turn()).toEqual({ kind: "unchanged" });
  });

  it("ends blocked with the agent's own reason", async () => {
    const afk = await given({ agent: `printf 'I need the API key of \\033[31mstaging\\033[0m' > "$AFK_BLOCKED_FILE"` });
    expect(await afk.turn()).toEqual({ kind: "blocked", why: "I need the API key of staging" });
  });

  it("does not read a reason through a link", async () => {
    const afk = await given({ agent: `ln -s /etc/hostname "$AFK_BLOCKED_FILE"`, sandbox: "none" });
    expect(await afk.turn()).toEqual({ kind: "unchanged" });
  });

  it.each([
    ["2026-01-05T14:30:00+01:00\nFive hours are used up.", "2026-01-05T13:30:00.000Z", "Five hours are used up."],
    ["90\n", "2026-01-05T09:01:30.000Z", "The agent's provider has a limit."],
    ["soon\n\u001B[31mperhaps\u001B[0m", "2026-01-05T09:01:00.000Z", "soon\nperhaps"],
    ["1e3", "2026-01-05T09:01:00.000Z", "1e3"],
    ["99999999999", "2026-01-05T09:01:00.000Z", "99999999999"],
    ["2026-13-05T14:30:00Z", "2026-01-05T09:01:00.000Z", "2026-13-05T14:30:00Z"],
  ])("is limited as the agent says: %j", async (note, until, reason) => {
    const afk = await given({
      agent: `printf '${note.replaceAll("\n", "\\n").replaceAll("\u001B", "\\033")}' > "$AFK_LIMITED_FILE"; exit 1`,
    });
    expect(await afk.turn()).toEqual({ kind: "limited", until, reason });
  });

  it("keeps what an agent had committed before its provider's limit, and goes on with it", async () => {
    const afk = await given({ agent: `[ -e product.js ] && exit\n${goodAgent}\necho 60 > "$AFK_LIMITED_FILE"` });
    expect(await afk.turn()).toMatchObject({ kind: "limited", kept: { where: "branch", branch: "afk/issue-7" } });
    expect(await afk.turn()).toMatchObject({ kind: "landed" });
  });

  it("is blocked rather than limited where the agent says both", async () => {
    const afk = await given({ agent: `echo 60 > "$AFK_LIMITED_FILE"; echo why > "$AFK_BLOCKED_FILE"` });
    expect(await afk.turn()).toEqual({ kind: "blocked", why: "why" });
  });

  it("takes secrets out of what an agent says of its limit, and most of a long story", async () => {
    const afk = await given({
      agent: `{ echo 60; echo "key hunter2-hunter2"; head -c 10000 /dev/zero | tr '\\0' x; } > "$AFK_LIMITED_FILE"`,
      secrets: () => ["hunter2-hunter2"],
    });
    const outcome = await afk.turn();
    expect(outcome).toMatchObject({ kind: "limited", reason: expect.stringMatching(/^key \[secret\]\nx{4000,4096}$/) });
  });

  it("does not read a limit through a link", async () => {
    const afk = await given({ agent: `ln -s /etc/hostname "$AFK_LIMITED_FILE"`, sandbox: "none" });
    expect(await afk.turn()).toEqual({ kind: "unchanged" });
  });

  it("fails with the agent's last words when it crashes", async () => {
    const afk = await given({ agent: "echo out of tokens; exit 3" });
    expect(await afk.turn()).toEqual({ kind: "failed", reason: "the agent ended with exit code 3", tail: "out of tokens" });
  });

  it("fails when setup does", async () => {
    const afk = await given();
    expect(await afk.turn({ plan: { setup: "echo no network; false" } })).toEqual({
      kind: "failed",
      reason: "setup failed",
      tail: "no network",
    });
  });

  it("gives the agent its prompt on standard input and in a file", async () => {
    const afk = await given({
      agent: `cat > stdin.txt; cmp stdin.txt "$AFK_PROMPT_FILE"; cat stdin.txt > "$AFK_BLOCKED_FILE"; rm stdin.txt`,
    });
    expect(await afk.turn({ prompt: "Do `this` and $(that)\n--now" })).toEqual({ kind: "blocked", why: "Do `this` and $(that)\n--now" });
  });

  it("stops the agent when the base is red", async () => {
    const afk = await given({ files: { ...sampleFiles, "test/broken.test.js": failingTest }, agent: "sleep 600" });
    expect(await afk.turn()).toMatchObject({ kind: "base-red", evidence: { base: { exitCode: 1 } } });
  });

  it("conflicts when the base changed the same lines", async () => {
    const afk = await given({
      agent: commits({
        "sum.js": "export const sum = (a, b) => b + a;\nexport const two = 2;\n",
        "test/two.test.js": `import test from "node:test";\nimport { two } from "../sum.js";\n\ntest("two", () => two);\n`,
      }),
      wrapLock: (lock, afkOf) => ({
        ...lock,
        async land(claim, landing) {
          await afkOf().commit({ "sum.js": "export function sum(a, b) {\n  return Number(a) + b;\n}\n" });
          return lock.land(claim, landing);
        },
      }),
    });
    expect(await afk.turn()).toMatchObject({
      kind: "conflict",
      reason: "conflicts with the newest base in sum.js",
      kept: { where: "branch", branch: "afk/issue-7" },
    });
  });

  it("conflicts when the base moves every time", async () => {
    let moves = 0;
    const afk = await given({
      wrapLock: (lock, afkOf) => ({
        ...lock,
        async land(claim, landing) {
          await afkOf().commit({ "other.js": `export const moves = ${(moves += 1)};\n` });
          return lock.land(claim, landing);
        },
      }),
    });
    expect(await afk.turn()).toMatchObject({ kind: "conflict", reason: "the branch main moved 4 times while the change was being proved" });
  });

  it("conflicts when the base was rewritten", async () => {
    const afk = await given({
      wrapLock: (lock, afkOf) => ({
        ...lock,
        async land(claim, landing) {
          const orphan = afkOf().forge("commit-tree", "-m", "Rewritten", "main^{tree}");
          afkOf().forge("update-ref", "refs/heads/main", orphan);
          return lock.land(claim, landing);
        },
      }),
    });
    expect(await afk.turn()).toMatchObject({ kind: "conflict", reason: "the branch main was deleted or rewritten while the agent worked" });
  });

  it("shows the proved change and pushes nothing when the plan lands nothing", async () => {
    const afk = await given();
    const before = afk.head();
    const outcome = await afk.turn({ plan: { landing: "none" } });
    expect({ outcome, head: afk.head() }).toMatchObject({
      outcome: { kind: "proved", patch: expect.stringContaining("+export function product(a, b) {") },
      head: before,
    });
  });

  it("says why when the forge refuses the push, and keeps the work", async () => {
    const afk = await given({ wrapLock: (lock) => ({ ...lock, land: async () => ({ kind: "refused", reason: "protected branch" }) }) });
    expect(await afk.turn()).toMatchObject({
      kind: "unworkable",
      reason: "the forge does not take the push to main: protected branch",
      kept: { where: "branch" },
    });
  });
});

describe("proofs", () => {
  it("refuses a change without tests", async () => {
    const afk = await given({ agent: commits({ "product.js": "export const product = (a, b) => a * b;\n" }) });
    expect(await afk.turn()).toMatchObject({
      kind: "refused",
      gate: "tests-red",
      reason: "the change has no separable tests: add a test file that fails without it",
    });
  });

  it("refuses tests that pass without the change", async () => {
    const afk = await given({
      agent: commits({ "product.js": "export {};\n", "test/true.test.js": `import test from "node:test";\n\ntest("true", () => {});\n` }),
    });
    expect(await afk.turn()).toMatchObject({
      kind: "refused",
      gate: "tests-red",
      reason: "the new tests pass without the change, so they do not test it",
    });
  });

  it("does not take a test command that cannot run for a red proof", async () => {
    const afk = await given();
    expect(await afk.turn({ plan: { test: "test ! -e test/product.test.js || exit 127" } })).toMatchObject({
      kind: "refused",
      gate: "tests-red",
      reason: expect.stringContaining("could not be run (exit 127)"),
    });
  });

  it("does not take a time limit for a red proof", async () => {
    const afk = await given();
    expect(await afk.turn({ plan: { test: "test ! -e test/product.test.js || sleep 600", commandTimeoutMs: 1500 } })).toMatchObject({
      kind: "refused",
      gate: "tests-red",
      reason: expect.stringContaining("reached the time limit"),
    });
  });

  it("needs no red proof for exempt paths", async () => {
    const afk = await given({ agent: commits({ "docs/guide.md": "# Guide\n" }) });
    expect(await afk.turn({ plan: { exempt: ["docs/**"] } })).toMatchObject({ kind: "landed", evidence: { redExempt: true } });
  });

  it("refuses work that fails the suite, with the end of its output", async () => {
    const afk = await given({ agent: `${goodAgent}\n${commits({ "sum.js": "export const sum = () => 0;\n" })}` });
    expect(await afk.turn()).toMatchObject({
      kind: "refused",
      gate: "tests-green",
      reason: expect.stringMatching(/^the tests fail with the change \(exit 1\):\n[^]*# fail 1/),
    });
  });

  it("runs setup again in every checkout", async () => {
    const afk = await given({ files: { ...sampleFiles, ".gitignore": "installed.json\n" } });
    const outcome = await afk.turn({ plan: { setup: "echo '{}' > installed.json", test: "cat installed.json && node --test" } });
    expect(outcome).toMatchObject({ kind: "landed" });
  });

  it("leaves no checkout behind", async () => {
    const afk = await given();
    await afk.turn();
    expect(() => readFileSync(join(afk.home, "runs/run-1/proofs/green/checkout/package.json"))).toThrow("ENOENT");
  });
});

describe("kept work", () => {
  it("is a branch on the forge, as one commit", async () => {
    const afk = await given({ agent: `${goodAgent}\necho lost > lost.txt` });
    const outcome = await afk.turn();
    expect(outcome).toMatchObject({
      kind: "refused",
      gate: "committed",
      reason: expect.stringContaining("lost.txt"),
      kept: { where: "branch", branch: "afk/issue-7", sha: afk.head("afk/issue-7") },
    });
  });

  it("replaces the branch of an earlier turn", async () => {
    const afk = await given({ agent: `date +%N > time.txt; git add -A; git commit -q -m Time; exit 1` });
    await afk.turn();
    const outcome = await afk.turn();
    expect(outcome).toMatchObject({ kept: { branch: "afk/issue-7", sha: afk.head("afk/issue-7") } });
  });

  it("is not kept a second time", async () => {
    const afk = await given({ agent: `[ -e product.js ] && exit 1\n${goodAgent}\nexit 1` });
    const first = await afk.turn();
    expect(await afk.turn()).toEqual(first);
  });

  it("never touches a branch that a person has pushed to", async () => {
    const afk = await given({ agent: `${goodAgent}\nexit 1` });
    const theirs = await afk.commit({ "mine.txt": "mine\n" }, { branch: "afk/issue-7", message: "Mine\n\nAFK-Run: run-1\nRefs #7" });
    const outcome = await afk.turn();
    expect({ outcome, head: afk.head("afk/issue-7") }).toMatchObject({ outcome: { kept: { branch: "afk/issue-7-2" } }, head: theirs });
  });

  it("is a bundle in the home when it may not be seen on the forge", async () => {
    const afk = await given({ agent: commits({ ".github/workflows/ci.yml": "on: push\n" }) });
    const outcome = await afk.turn();
    expect(outcome).toMatchObject({
      kind: "refused",
      gate: "workflows",
      kept: { where: "bundle", path: join(afk.home, "kept/octo/sample/issue-7-run-1.bundle") },
    });
  });

  it("lies beside its patch", async () => {
    const afk = await given({ agent: commits({ ".github/workflows/ci.yml": "on: push\n" }) });
    await afk.turn();
    expect(readFileSync(join(afk.home, "kept/octo/sample/issue-7-run-1.patch"), "utf8")).toContain("+on: push");
  });

  it("is where the next machine goes on", async () => {
    const afk = await given({ agent: `if [ -e product.js ]; then exit 0; fi\n${goodAgent}\nexit 1` });
    await afk.turn();
    writeFileSync(join(afk.home, "runs/run-1/notes.json"), "lost");
    expect(await afk.turn()).toMatchObject({ kind: "landed" });
  });
});
