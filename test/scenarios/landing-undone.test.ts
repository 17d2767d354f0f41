import { describe, expect, it } from "vitest";
import { createBotTester, withoutSeal, type BotTester } from "../support/bot-tester.ts";

/** Somebody force-pushes the branch to where it was before the landing, and on. */
function forcePush(afk: BotTester): void {
  const { branches, commits } = afk.forge.inside(afk.api);
  const main = branches.get("main")!;
  main.sha = commits.get(main.sha)?.parent ?? "";
  afk.forge.landCommit(afk.api, "main");
}

async function land(): Promise<{ afk: BotTester; issue: number; sha: string }> {
  const afk = await createBotTester();
  const issue = await afk.open("Sum is wrong");
  const sha = await afk.agentLands();
  await afk.advance(60_000);
  return { afk, issue, sha };
}

describe("a landed commit that is no longer on its branch", () => {
  it("closes nothing, however green it is: a human hears of it", async () => {
    const { afk, issue, sha } = await land();
    forcePush(afk);
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(true);
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** What has landed is no longer on \`main\`: somebody has taken it off again.

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      **What it needs from you:** close this issue if that was meant. Otherwise \`/afk fix\` or \`ready-for-agent\` has the change made anew.

      <sub>1 attempt · 1 min 0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    expect(afk.rings.map(({ urgency, reason }) => [urgency, reason])).toEqual([["high", "landing-undone"]]);
    await afk.finish();
  });

  it("is not fixed forward when it is red", async () => {
    const { afk, issue, sha } = await land();
    forcePush(afk);
    await afk.ci(sha, "failure");
    expect(afk.executor().orders).toHaveLength(1);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toContain("no longer on `main`");
    await afk.finish();
  });

  it("is found out when its checks were cancelled with it", async () => {
    const { afk, issue, sha } = await land();
    forcePush(afk);
    await afk.ci(sha, "cancelled");
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("is found out where the branch itself is gone", async () => {
    const { afk, issue, sha } = await land();
    const { branches } = afk.forge.inside(afk.api);
    branches.delete("main");
    branches.set("other", { sha: "c".repeat(40), isProtected: false, files: new Map() });
    afk.forge.inside(afk.api).defaultBranch = "other";
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(true);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toContain("no longer on `main`");
    await afk.finish();
  });

  it("is made anew when somebody asks for a fix", async () => {
    const { afk, issue, sha } = await land();
    forcePush(afk);
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    await afk.say(issue, "/afk fix do it again, please");
    const { order } = afk.executor().turnOf(afk.api);
    expect(order.kind).toBe("implement");
    expect(order.prompt).toContain("do it again, please");
    expect(afk.ledger()?.landed).toBeUndefined();
    const second = await afk.agentLands();
    await afk.ci(second, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(4);
    expect(withoutSeal(afk.comments(issue)[0])).toContain("- [x] Done");
    await afk.finish();
  });
});

describe("a landed commit that is on its branch", () => {
  it("closes under later commits of other people", async () => {
    const { afk, issue, sha } = await land();
    afk.forge.landCommit(afk.api, "main");
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("closes after the default branch got another name", async () => {
    const { afk, issue, sha } = await land();
    const repo = afk.forge.inside(afk.api);
    repo.branches.set("trunk", repo.branches.get("main")!);
    repo.branches.delete("main");
    repo.defaultBranch = "trunk";
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("is not given up because a replica of the forge still shows the branch without it", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const main = afk.forge.inside(afk.api).branches.get("main")!;
    const before = main.sha;
    const sha = await afk.agentLands();
    main.sha = before;
    await afk.ci(sha, "success");
    main.sha = sha;
    await afk.advance(60_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("costs no more than a look at the branch's head, and none while its checks run", async () => {
    const { afk, issue, sha } = await land();
    const calls = (method: string): number => afk.forge.calls.filter((call) => call.method === method).length;
    await afk.ci(sha, undefined);
    const before = calls("readBranch");
    await afk.advance(600_000);
    expect(calls("readBranch")).toBe(before);
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(calls("readBranch")).toBe(before + 2);
    expect(calls("listCommitsSince")).toBe(0);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });
});
