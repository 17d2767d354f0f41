import { describe, expect, it } from "vitest";
import { gates, type TurnOutcome } from "../../src/core/run.ts";
import { createBotTester, provenEvidence, type BotTester } from "../support/bot-tester.ts";

const withoutNudges = { AFK_NUDGE_MAX: "0", AFK_FIX_FORWARD_MAX_ATTEMPTS: "0" };

/** Asserts the one end state of a hand-over and answers the end comment. */
function expectHandedOver(afk: BotTester, issue: number): string {
  expect(afk.labels(issue)).toEqual(["ready-for-human"]);
  expect(afk.isOpen(issue)).toBe(true);
  expect(afk.ledger()).toBeUndefined();
  const comments = afk.comments(issue);
  expect(comments).toHaveLength(2);
  return comments[1] ?? "";
}

describe("an issue whose conversation is locked", () => {
  it("is worked on, and its run ends", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    afk.forge.inside(afk.api).issues.get(issue)!.isLocked = true;
    await afk.label(issue);
    await afk.agentEnds({ kind: "unchanged" });
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.log.filter(({ message }) => message === "comment refused")).not.toEqual([]);
    await afk.finish();
  });

  it("does not hold up the others of its repo when it has to wait", async () => {
    const afk = await createBotTester();
    const first = await afk.open("Sum is wrong");
    const locked = await afk.open("Product is wrong", { label: false });
    afk.forge.inside(afk.api).issues.get(locked)!.isLocked = true;
    await afk.label(locked);
    await afk.agentEnds({ kind: "unchanged" });
    expect(afk.labels(first)).toEqual(["ready-for-human"]);
    expect(afk.comments(first)).toHaveLength(2);
  });
});

describe("an end without landing", () => {
  it.each(gates)("hands over what the gate %s refuses, with the gate's reason", async (gate) => {
    const afk = await createBotTester({ env: withoutNudges });
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds({ kind: "refused", gate, reason: "because of `that.js`", evidence: {} });
    expect(expectHandedOver(afk, issue)).toContain("that.js");
    await afk.finish();
  });

  it("says where refused work is kept", async () => {
    const afk = await createBotTester({ env: withoutNudges });
    const issue = await afk.open("Sum is wrong");
    const kept = { where: "branch", branch: `afk/issue-${issue}`, sha: "b".repeat(40) } as const;
    await afk.agentEnds({
      kind: "refused",
      gate: "tests-red",
      reason: "the new tests pass without the change",
      evidence: provenEvidence,
      kept,
    });
    expect(expectHandedOver(afk, issue)).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** AFK's own checks refused the work: its tests do not fail without the change, so they prove nothing.

      > the new tests pass without the change

      <details><summary>The last output of <code>npm test</code> (exit 1)</summary>

      \`\`\`text
      1 failing
      \`\`\`

      </details>

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      **The work is kept** on the branch [\`afk/issue-1\`](https://forge.test/acme/api/tree/afk/issue-1) (\`bbbbbbbbbbbb\`).

      **What it needs from you:** finish the work by hand, or say what to do differently: \`/afk fix\` with a hint gives the agent one more turn.

      <sub>1 attempt · 0.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
  });

  it.each<[string, TurnOutcome, string]>([
    ["a blocked agent", { kind: "blocked", why: "The issue names no unit." }, "names no unit"],
    ["an agent that changed nothing", { kind: "unchanged" }, "without changing anything"],
    [
      "a red base",
      { kind: "base-red", evidence: { base: { command: "npm test", exitCode: 1, durationMs: 1, tail: "2 failing" } } },
      "2 failing",
    ],
    ["a repo without tests", { kind: "unworkable", reason: "No tests were found." }, "No tests were found"],
    ["a proved change where nothing lands", { kind: "proved", evidence: provenEvidence, patch: "+ fixed" }, "+ fixed"],
    ["a conflict", { kind: "conflict", reason: "src/sum.js", evidence: provenEvidence }, "src/sum.js"],
  ])("hands over %s", async (_what, outcome, said) => {
    const afk = await createBotTester({ env: withoutNudges });
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(outcome);
    expect(expectHandedOver(afk, issue)).toContain(said);
    await afk.finish();
  });

  it("tries infrastructure again with backoff, then hands over", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    for (const backoffMs of [10_000, 20_000]) {
      await afk.agentEnds({ kind: "failed", reason: "The clone failed.", tail: "fatal: reset" });
      await afk.advance(backoffMs - 1);
      expect(afk.executor().capacity().busy).toBe(0);
      await afk.advance(1);
      expect(afk.executor().capacity().busy).toBe(1);
    }
    expect(afk.ledger()).toMatchObject({ attempts: 1, retries: 2 });
    await afk.agentEnds({ kind: "failed", reason: "The clone failed.", tail: "fatal: reset" });
    expect(expectHandedOver(afk, issue)).toContain("fatal: reset");
    await afk.finish();
  });

  it("goes on with the next issue of the repo", async () => {
    const afk = await createBotTester();
    await afk.open("Blocked one");
    const next = await afk.open("Next one");
    await afk.agentEnds({ kind: "blocked", why: "unclear" });
    expect(afk.ledger()).toMatchObject({ issue: next });
  });

  it("starts a new run when somebody labels the issue again", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds({ kind: "blocked", why: "unclear" });
    await afk.advance(60_000);
    await afk.label(issue);
    expect(afk.ledger()).toMatchObject({ issue, attempts: 1 });
    expect(afk.labels(issue)).toEqual(["ready-for-agent", "agent-in-progress"]);
  });

  it("hands over a repo whose afk.yml cannot be used, and runs nothing", async () => {
    const afk = await createBotTester();
    afk.forge.setFile(afk.api, ".github/afk.yml", "tset: npm test\nlanding: 7\n");
    const issue = await afk.open("Sum is wrong");
    expect(expectHandedOver(afk, issue)).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** \`.github/afk.yml\` cannot be used.

      > landing: expected one of "push"|"pull-request"|"none"
      > unknown key "tset" (did you mean "test"?)

      **What it needs from you:** correct the file on the base branch, then set \`ready-for-agent\` again.

      <sub>0.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    expect(afk.executor().orders).toEqual([]);
  });
});

describe("a cancelled run", () => {
  it.each([
    ["the ready label is taken off", (afk: BotTester, issue: number) => afk.forge.unlabel(afk.api, issue, "ready-for-agent", "ann")],
    ["the issue is closed", (afk: BotTester, issue: number) => afk.forge.close(afk.api, issue, "ann")],
  ])("stops the agent when %s", async (_when, act) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.play(() => act(afk, issue));
    expect(afk.executor().capacity().busy).toBe(0);
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toEqual([expect.stringContaining("AFK has stopped"), expect.stringContaining("**Stopped**")]);
    await afk.finish();
  });

  it.each([
    ["deleted", (afk: BotTester, issue: number) => afk.forge.deleteIssue(afk.api, issue, "ann")],
    ["transferred", (afk: BotTester, issue: number) => afk.forge.transferIssue(afk.api, issue, "ann")],
  ])("stops the agent and frees the repo when the issue is %s", async (_how, act) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.play(() => act(afk, issue));
    expect(afk.executor().capacity().busy).toBe(0);
    expect(afk.ledger()).toBeUndefined();
  });
});

describe("CI", () => {
  async function land(env: Record<string, string> = {}): Promise<{ afk: BotTester; issue: number; sha: string }> {
    const afk = await createBotTester({ env: { ...withoutNudges, ...env } });
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    return { afk, issue, sha };
  }

  it("freezes when it is red: hands over, reverts nothing, names the check", async () => {
    const { afk, issue, sha } = await land();
    await afk.ci(sha, "failure", "build");
    expect(expectHandedOver(afk, issue)).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** CI is red, and no attempt or time is left to correct it.

      [\`aaaaaaa\`](https://forge.test/acme/api/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://forge.test/acme/api/runs/1014): \`failure\`

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      **What it needs from you:** fix it forward or revert it by hand. \`/afk fix\` with a hint gives the agent one more turn.

      <sub>1 attempt · 1.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    expect(afk.forge.inside(afk.api).branches.get("main")?.sha).toBe(sha);
    await afk.finish();
  });

  it.each([
    ["absent", () => {}, "no checks is not green"],
    ["pending", (afk: BotTester, sha: string) => afk.forge.ci(afk.api, sha, undefined, "slow"), "did not finish in time"],
    ["only skipped", (afk: BotTester, sha: string) => afk.forge.ci(afk.api, sha, "skipped", "docs"), "no checks is not green"],
  ])("hands over at the deadline when it is %s", async (_what, act, said) => {
    const { afk, issue, sha } = await land();
    await afk.play(() => act(afk, sha));
    await afk.advance(59 * 60_000);
    expect(afk.isOpen(issue)).toBe(true);
    expect(afk.ledger()?.end).toBeUndefined();
    await afk.advance(60_000);
    expect(expectHandedOver(afk, issue)).toContain(said);
    await afk.finish();
  });

  it("is done without checks where the repo says it has none", async () => {
    const afk = await createBotTester();
    afk.forge.setFile(afk.api, ".github/afk.yml", "ci: none\n");
    const issue = await afk.open("Sum is wrong");
    await afk.agentLands();
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)[1]).toContain("no CI to wait for");
  });

  it("waits for a required context that has not reported", async () => {
    const afk = await createBotTester();
    afk.forge.setFile(afk.api, ".github/afk.yml", "ci:\n  required: [deploy-preview]\n");
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    await afk.ci(sha, "success", "test");
    await afk.advance(60_000);
    expect(afk.isOpen(issue)).toBe(true);
    await afk.ci(sha, "success", "deploy-preview");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
  });

  it("counts a green descendant when the landed commit's checks were cancelled", async () => {
    const { afk, issue, sha } = await land();
    await afk.ci(sha, "cancelled");
    await afk.advance(60_000);
    expect(afk.isOpen(issue)).toBe(true);
    const newer = afk.forge.landCommit(afk.api, "main");
    await afk.ci(newer, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
  });

  it("turns a burst of events into few passes", async () => {
    const { afk, sha } = await land();
    const passes = () => afk.log.filter(({ message }) => message === "decision").length;
    const before = passes();
    await afk.play(() => Array.from({ length: 50 }, (_, job) => afk.forge.ci(afk.api, sha, undefined, `job ${job}`)));
    await afk.play(() => Array.from({ length: 50 }, (_, job) => afk.forge.ci(afk.api, sha, "success", `job ${job}`)));
    await afk.advance(1_000);
    expect(passes() - before).toBeLessThanOrEqual(3);
  });
});
