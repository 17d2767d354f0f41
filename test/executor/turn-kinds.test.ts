import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lock } from "../../src/ports.ts";
import { createTurnTester, goodAgent, sampleFiles, type TurnTester, type TurnTesterOptions } from "./turn-tester.ts";

// A test runs up to four turns, each of them dozens of processes; a busy machine takes its time for them.
vi.setConfig({ testTimeout: 60_000 });

let tester: TurnTester | undefined;
afterEach(async () => {
  await tester?.close();
  tester = undefined;
});

/** The agent does what its prompt says: each turn brings its own script. */
async function given(options?: TurnTesterOptions): Promise<TurnTester> {
  tester = await createTurnTester({ agent: `. "$AFK_PROMPT_FILE"`, ...options });
  return tester;
}

/** Another machine takes the run over: everything it knows is on the forge. */
function loseDisk(afk: TurnTester): void {
  for (const folder of ["runs", "repos"]) rmSync(join(afk.home, folder), { recursive: true, force: true });
}

/** Somebody pushes to the base just before the first landing. */
function movedBy(files: Readonly<Record<string, string>>): NonNullable<TurnTesterOptions["wrapLock"]> {
  let isFirst = true;
  return (lock, afkOf) => ({
    ...lock,
    async land(claim, landing) {
      if (isFirst) await afkOf().commit(files);
      isFirst = false;
      return lock.land(claim, landing);
    },
  });
}

const writes = (path: string, text: string): string =>
  `mkdir -p "$(dirname ${path})"; printf '%s\\n' '${text}' > ${path}; git add ${path}; git commit -q -m 'Write ${path}'`;
const says = (command: string): string => `${command} > "$AFK_BLOCKED_FILE"`;
const untidy = `${goodAgent}\necho lost > lost.txt`;
const failingTest = `import test from "node:test";\nimport assert from "node:assert";\n\ntest("fails", () => assert.equal(1, 2));\n`;

/** The work and the base change the same line of `sum.js`, and the base another file besides. */
const mine = `${goodAgent}\n${writes("sum.js", "export const sum = (a, b) => b + a;")}`;
const theirs = { "sum.js": "export const sum = (a, b) => Number(a) + b;\n", "theirs.js": "export {};\n" };
const resolves = writes("sum.js", "export const sum = (a, b) => Number(b) + a;");

describe("a nudge", () => {
  it("lands both turns' work as one commit", async () => {
    const afk = await given();
    const before = afk.head();
    await afk.turn({ prompt: untidy });
    await afk.turn({ kind: "nudge", prompt: `rm lost.txt; ${writes("more.txt", "more")}` });
    expect(afk.forge("rev-list", `${before}..main`).split("\n")).toHaveLength(1);
    expect(afk.forge("diff", "--name-only", before, "main").split("\n")).toEqual(["more.txt", "product.js", "test/product.test.js"]);
  });

  it("does not prove a base again that has not moved", async () => {
    const afk = await given();
    const first = await afk.turn({ prompt: untidy });
    const second = await afk.turn({ kind: "nudge", prompt: "rm lost.txt" });
    if (first.kind !== "refused" || second.kind !== "landed") throw new Error(`${first.kind}, ${second.kind}`);
    expect(second.evidence.base).toEqual(first.evidence.base);
    expect(second.evidence).toMatchObject({ red: { exitCode: 1 }, green: { exitCode: 0 } });
  });

  it("lands on a base that has moved in between", async () => {
    const afk = await given();
    await afk.turn({ prompt: untidy });
    const moved = await afk.commit({ "other.js": "export {};\n" });
    expect(await afk.turn({ kind: "nudge", prompt: "rm lost.txt" })).toMatchObject({ kind: "landed" });
    expect(afk.forge("rev-parse", "main^")).toBe(moved);
  });

  it("goes on where an interrupted one had come to", async () => {
    const afk = await given();
    await afk.turn({ prompt: untidy });
    const id = await afk.start({ kind: "nudge", prompt: `rm lost.txt; ${writes("more.txt", "more")}; echo ready; sleep 600` });
    await afk.line(id, /ready/);
    await afk.executor.cancel(id, "shutdown");
    await afk.turn({ kind: "nudge", prompt: "true" });
    expect(afk.forge("ls-tree", "--name-only", "main").split("\n")).toEqual(expect.arrayContaining(["more.txt", "product.js"]));
  });

  it("of a correction may stand on a red base, as the correction may", async () => {
    const afk = await given();
    await afk.turn({ prompt: goodAgent });
    await afk.commit({ "test/broken.test.js": failingTest });
    const fix = writes("test/broken.test.js", failingTest.replace("1, 2", "2, 2"));
    expect(await afk.turn({ kind: "fix-forward", prompt: `${fix}; echo lost > lost.txt` })).toMatchObject({ gate: "committed" });
    expect(await afk.turn({ kind: "nudge", prompt: "rm lost.txt" })).toMatchObject({ kind: "landed" });
  });
});

describe("a resolve turn", () => {
  async function conflicting(options: TurnTesterOptions = {}): Promise<TurnTester> {
    const afk = await given({ wrapLock: movedBy(theirs), ...options });
    expect(await afk.turn({ prompt: mine })).toMatchObject({ kind: "conflict", reason: "conflicts with the newest base in sum.js" });
    return afk;
  }

  it("stands in the middle of a merge with the newest base", async () => {
    const afk = await conflicting();
    const outcome = await afk.turn({ kind: "resolve", prompt: says("{ git rev-parse MERGE_HEAD; cat sum.js; }") });
    expect(outcome).toMatchObject({ kind: "blocked", why: expect.stringContaining(`${afk.head()}\n<<<<<<< HEAD`) });
  });

  it("lands the resolved work as one commit on the newest base", async () => {
    const afk = await conflicting();
    const newest = afk.head();
    expect(await afk.turn({ kind: "resolve", prompt: resolves })).toMatchObject({ kind: "landed" });
    expect(afk.forge("log", "--format=%P", `${newest}..main`)).toBe(newest);
    expect(afk.forge("show", "main:sum.js")).toContain("Number(b) + a");
  });

  it("is refused when the conflict is left as it is", async () => {
    const afk = await conflicting();
    expect(await afk.turn({ kind: "resolve", prompt: "true" })).toMatchObject({
      kind: "refused",
      gate: "committed",
      reason: expect.stringContaining("sum.js"),
    });
  });

  it("is refused when the conflict's marks are committed", async () => {
    const afk = await given({
      files: { ...sampleFiles, "notes.txt": "one\n" },
      wrapLock: movedBy({ "notes.txt": "theirs\n" }),
    });
    await afk.turn({ prompt: `${goodAgent}\n${writes("notes.txt", "mine")}` });
    expect(await afk.turn({ kind: "resolve", prompt: "git commit -q -a --no-edit" })).toMatchObject({
      kind: "refused",
      gate: "committed",
      reason: "conflict markers are left in notes.txt",
    });
  });

  it("conflicts again when the agent gives the merge up", async () => {
    const afk = await conflicting();
    expect(await afk.turn({ kind: "resolve", prompt: "git merge --abort" })).toMatchObject({
      kind: "conflict",
      reason: "conflicts with the newest base in sum.js",
      kept: { where: "branch" },
    });
  });

  it("needs nothing of the agent where the base only moved too often", async () => {
    let moves = 0;
    const afk = await given({
      wrapLock: (lock, afkOf) => ({
        ...lock,
        async land(claim, landing) {
          if (moves < 4) await afkOf().commit({ "other.js": `export const moves = ${(moves += 1)};\n` });
          return lock.land(claim, landing);
        },
      }),
    });
    expect(await afk.turn({ prompt: goodAgent })).toMatchObject({ kind: "conflict", reason: expect.stringContaining("moved 4 times") });
    expect(await afk.turn({ kind: "resolve", prompt: "true" })).toMatchObject({ kind: "landed" });
  });

  it("takes the work up from the forge on another machine", async () => {
    const afk = await conflicting();
    loseDisk(afk);
    expect(await afk.turn({ kind: "resolve", prompt: `git rev-parse MERGE_HEAD; ${resolves}` })).toMatchObject({ kind: "landed" });
    expect(afk.forge("ls-tree", "--name-only", "main").split("\n")).toEqual(expect.arrayContaining(["product.js", "theirs.js"]));
  });

  it("merges without a sandbox too", async () => {
    const afk = await conflicting({ sandbox: "none" });
    expect(await afk.turn({ kind: "resolve", prompt: `git rev-parse MERGE_HEAD; ${resolves}` })).toMatchObject({ kind: "landed" });
  });

  it("merges over what setup has changed", async () => {
    const afk = await given({
      files: { ...sampleFiles, "lock.txt": "1\n" },
      wrapLock: movedBy({ ...theirs, "lock.txt": "2\n" }),
    });
    const plan = { setup: "echo installed >> lock.txt" };
    await afk.turn({ prompt: mine.replace("git add -A", "git add product.js test"), plan });
    expect(await afk.turn({ kind: "resolve", prompt: `git rev-parse MERGE_HEAD; ${resolves}`, plan })).toMatchObject({ kind: "landed" });
  });

  it("goes on with a merge that an interrupted one had half done", async () => {
    const afk = await conflicting();
    const id = await afk.start({ kind: "resolve", prompt: "echo half > sum.js; echo ready; sleep 600" });
    await afk.line(id, /ready/);
    await afk.executor.cancel(id, "kill switch");
    expect(await afk.turn({ kind: "resolve", prompt: says("{ cat sum.js; git rev-parse MERGE_HEAD; }") })).toMatchObject({
      why: `half\n${afk.head()}`,
    });
  });

  it("does not merge again what an interrupted one had merged", async () => {
    const afk = await conflicting();
    const id = await afk.start({ kind: "resolve", prompt: `${resolves}; echo ready; sleep 600` });
    await afk.line(id, /ready/);
    await afk.executor.cancel(id, "kill switch");
    expect(await afk.turn({ kind: "resolve", prompt: "true" })).toMatchObject({ kind: "landed" });
  });
});

describe("a correction", () => {
  it("starts from the newest base, also when AFK crashed right after the landing", async () => {
    const crashing = (lock: Lock): Lock => ({
      ...lock,
      async land(claim, landing) {
        await lock.land(claim, landing);
        throw new Error("crashed");
      },
    });
    const afk = await given({ wrapLock: crashing });
    await afk.turn({ prompt: goodAgent });
    const newest = await afk.commit({ "other.js": "export {};\n" });
    expect(await afk.turn({ kind: "fix-forward", prompt: says("git rev-parse HEAD") })).toMatchObject({ why: newest });
  });

  it("starts from the newest base on another machine, whatever was kept before the landing", async () => {
    const afk = await given();
    await afk.turn({ prompt: untidy });
    await afk.turn({ kind: "nudge", prompt: `rm lost.txt; ${writes("more.txt", "more")}` });
    loseDisk(afk);
    expect(await afk.turn({ kind: "fix-forward", prompt: says("git rev-parse HEAD") })).toMatchObject({ why: afk.head() });
  });

  it("goes on with its own kept work on another machine", async () => {
    const afk = await given();
    await afk.turn({ prompt: goodAgent });
    await afk.turn({ kind: "fix-forward", prompt: `${writes("fix.txt", "fix")}; exit 1` });
    loseDisk(afk);
    expect(await afk.turn({ kind: "fix-forward", prompt: says("cat fix.txt") })).toMatchObject({ why: "fix" });
  });

  it("goes on where an interrupted one had come to", async () => {
    const afk = await given();
    await afk.turn({ prompt: goodAgent });
    const id = await afk.start({ kind: "fix-forward", prompt: `${writes("fix.txt", "fix")}; echo ready; sleep 600` });
    await afk.line(id, /ready/);
    await afk.executor.cancel(id, "kill switch");
    expect(await afk.turn({ kind: "fix-forward", prompt: says("cat fix.txt") })).toMatchObject({ why: "fix" });
  });

  it("may stand on a red base, and says that it has no red proof", async () => {
    const afk = await given();
    await afk.turn({ prompt: goodAgent });
    await afk.commit({ "sum.js": "export const sum = () => 0;\n" });
    const outcome = await afk.turn({ kind: "fix-forward", prompt: writes("sum.js", "export const sum = (a, b) => a + b;") });
    expect(outcome).toMatchObject({
      kind: "landed",
      evidence: { base: { exitCode: 1 }, green: { exitCode: 0 }, notes: [expect.stringMatching(/^No red proof/)] },
    });
    expect(outcome).not.toHaveProperty("evidence.red");
    expect(outcome).not.toHaveProperty("evidence.redExempt");
  });

  it("does not call the run exempt from tests because it is itself", async () => {
    const afk = await given();
    await afk.turn({ prompt: goodAgent });
    const outcome = await afk.turn({ kind: "fix-forward", prompt: writes("docs/a.md", "docs"), plan: { exempt: ["docs/**"] } });
    expect(outcome).toMatchObject({ kind: "landed", evidence: { notes: [expect.stringMatching(/^No red proof/)] } });
    expect(outcome).not.toHaveProperty("evidence.redExempt");
  });

  it("that changes nothing is unchanged", async () => {
    const afk = await given();
    await afk.turn({ prompt: goodAgent });
    expect(await afk.turn({ kind: "fix-forward", prompt: "true" })).toEqual({ kind: "unchanged" });
  });

  it("may not take the work back with its tests", async () => {
    const afk = await given();
    await afk.turn({ prompt: goodAgent });
    expect(await afk.turn({ kind: "fix-forward", prompt: "git revert --no-edit HEAD" })).toMatchObject({
      kind: "refused",
      gate: "tests-weakened",
    });
  });
});

describe("a turn that is begun again", () => {
  it("has what the agent had committed before it crashed", async () => {
    const afk = await given();
    await afk.turn({ prompt: `${goodAgent}\nexit 1` });
    expect(await afk.turn({ prompt: "true" })).toMatchObject({ kind: "landed" });
  });

  it("has what the agent had committed when its time was up, and no lock of its git", async () => {
    const afk = await given();
    await afk.turn({ prompt: `${goodAgent}\ntouch .git/index.lock .git/refs/heads/main.lock; sleep 600`, plan: { turnTimeoutMs: 2000 } });
    expect(await afk.turn({ prompt: writes("more.txt", "more") })).toMatchObject({ kind: "landed" });
    expect(afk.forge("ls-tree", "--name-only", "main").split("\n")).toEqual(expect.arrayContaining(["more.txt", "product.js"]));
  });

  it.each([
    ["without its repository", "rm -rf .git"],
    ["with a repository full of garbage", "for f in HEAD index config; do echo garbage > .git/$f; done"],
    ["without its objects", `${writes("a.txt", "a")}; rm -rf .git/objects/*`],
    ["without the newest commit's files", `${writes("a.txt", "a")}; rm -f .git/objects/$(git rev-parse HEAD:a.txt | sed 's/^../&\\//')`],
    ["with a broken configuration of git", `echo garbage > "$HOME/.gitconfig"`],
    ["without a commit", "git checkout -q --orphan other"],
    ["closed to everybody", "chmod 000 ."],
    ["with a closed mailbox", `chmod 000 "$(dirname "$AFK_PROMPT_FILE")"`],
  ])("makes a workspace anew that was left %s", async (_how, breaks) => {
    const afk = await given();
    await afk.turn({ prompt: `${breaks}; exit 1` });
    expect(await afk.turn({ prompt: goodAgent })).toMatchObject({ kind: "landed" });
  });

  it("takes kept work up where the workspace is broken", async () => {
    const afk = await given();
    await afk.turn({ prompt: `${goodAgent}\nexit 1` });
    await afk.turn({ prompt: "rm -rf .git; exit 1" });
    expect(await afk.turn({ prompt: "true" })).toMatchObject({ kind: "landed" });
  });
});

describe("a forge that refuses the push", () => {
  function hook(afk: TurnTester, name: string, script: string): void {
    const path = join(afk.root, "forge.git/hooks", name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }

  it("is quoted, and the work is kept", async () => {
    const afk = await given();
    hook(afk, "pre-receive", `grep -q refs/heads/main || exit 0; echo 'Direct pushes to main are not allowed.' >&2; exit 1`);
    expect(await afk.turn({ prompt: goodAgent })).toMatchObject({
      kind: "unworkable",
      reason: "the forge does not take the push to main: Direct pushes to main are not allowed.",
      kept: { where: "branch", branch: "afk/issue-7" },
    });
  });

  it("that says nothing is quoted with what git says", async () => {
    const afk = await given();
    hook(afk, "update", `test "$1" != refs/heads/main`);
    expect(await afk.turn({ prompt: goodAgent })).toMatchObject({
      kind: "unworkable",
      reason: expect.stringContaining("hook declined"),
      kept: { where: "branch" },
    });
  });

  it("altogether leaves the work as a bundle", async () => {
    const afk = await given();
    hook(afk, "pre-receive", `grep -q refs/heads/ || exit 0; echo 'This repository is read-only.' >&2; exit 1`);
    expect(await afk.turn({ prompt: goodAgent })).toMatchObject({
      kind: "unworkable",
      reason: expect.stringContaining("This repository is read-only."),
      kept: { where: "bundle" },
    });
  });
});
