import { describe, expect, it } from "vitest";
import { ForgeError } from "../../src/ports.ts";
import { createBotTester, type BotTester } from "../support/bot-tester.ts";

/** From open to closed, with the agent and CI doing well. Answers the issue's number and the landed commit. */
async function walkMainPath(afk: BotTester): Promise<{ issue: number; sha: string }> {
  const issue = await afk.open("Sum is wrong", { body: "`sum(1, 2)` is 4." });
  const sha = await afk.agentLands();
  await afk.ci(sha, "success");
  await afk.advance(15_000);
  return { issue, sha };
}

describe("the main path", () => {
  it("carries a labelled issue to its close, and says how in two comments", async () => {
    const afk = await createBotTester();
    const { issue, sha } = await walkMainPath(afk);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.ledger()).toBeUndefined();
    const [status = "", end] = afk.comments(issue);
    expect(status).toContain("- [x] Done");
    expect(afk.sealed(status, issue)).toMatchObject({ end: { kind: "closed" }, landed: { sha }, attempts: 1 });
    expect(end).toMatchInlineSnapshot(`
      "@ann **Done.** The change is on \`main\` as [\`aaaaaaa\`](https://forge.test/acme/api/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5), and CI is green: [\`test\`](https://forge.test/acme/api/runs/1014).

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      <sub>1 attempt · 16.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    await afk.finish();
  });

  it("gives the agent the approved text and shows what it does", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { body: "`sum(1, 2)` is 4." });
    expect(afk.labels(issue)).toEqual(["ready-for-agent", "agent-in-progress"]);
    expect(afk.executor().turnOf(afk.api).order.prompt).toContain("is 4");
    expect(afk.comments(issue)).toEqual([expect.stringContaining("- [ ] Workspace ready ← now")]);
    await afk.play(() => afk.executor().progress(afk.api, { phase: "tests-red", lines: ["running the new test"] }));
    expect(afk.comments(issue)).toEqual([
      expect.stringMatching(/- \[ \] New tests fail without the change ← now[\s\S]*running the new test/),
    ]);
  });

  it("shows the agent's lines at most every 15 s", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const edits = () => afk.forge.writes.filter(({ method }) => method === "editComment").length;
    for (const line of ["one", "two", "three"]) await afk.play(() => afk.executor().progress(afk.api, { lines: [line] }));
    expect(edits()).toBe(0);
    await afk.advance(15_000);
    expect(edits()).toBe(1);
    expect(afk.comments(issue)[0]).toContain("three");
  });

  it("closes only after green has settled", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    await afk.ci(sha, undefined);
    expect(afk.isOpen(issue)).toBe(true);
    await afk.ci(sha, "success");
    await afk.advance(10_000);
    expect(afk.isOpen(issue)).toBe(true);
    await afk.advance(5_000);
    expect(afk.isOpen(issue)).toBe(false);
  });

  it("writes at most ten times from label to close", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    await afk.play(() => afk.executor().progress(afk.api, { phase: "tests-red" }));
    await afk.play(() => afk.executor().progress(afk.api, { phase: "green" }));
    const sha = await afk.agentLands();
    await afk.ci(sha, undefined);
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.forge.writes.length).toBeLessThanOrEqual(10);
  });

  it.each(["lost", "doubled"] as const)("comes to the same end when webhooks are %s", async (webhooks) => {
    const afk = await createBotTester({ webhooks });
    const issue = await afk.open("Sum is wrong");
    await afk.advance(120_000);
    const sha = await afk.agentLands();
    await afk.ci(sha, "success");
    await afk.advance(120_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.executor().orders).toHaveLength(1);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("comes to the same end when webhooks arrive late and in the wrong order", async () => {
    const afk = await createBotTester({ webhooks: "held" });
    const issue = await afk.open("Sum is wrong");
    await afk.deliverHeld();
    const sha = await afk.agentLands();
    await afk.ci(sha, undefined);
    await afk.ci(sha, "success");
    await afk.deliverHeld("reversed");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("does nothing when every delivery of a finished run comes again", async () => {
    const afk = await createBotTester();
    const { issue } = await walkMainPath(afk);
    const before = afk.forge.writes.length;
    await afk.redeliver();
    await afk.advance(120_000);
    expect(afk.forge.writes).toHaveLength(before);
    expect(afk.executor().orders).toHaveLength(1);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("writes nothing in a pass over an unchanged world", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    const before = afk.forge.writes.length;
    await afk.advance(120_000);
    await afk.advance(120_000);
    expect(afk.forge.writes).toHaveLength(before);
  });
});

describe("taking turns", () => {
  it("works on one issue of a repo at a time, the most urgent first, and says so on the others", async () => {
    const afk = await createBotTester({ webhooks: "lost" });
    const [later, urgent] = [await afk.open("Later"), await afk.open("Urgent", { labels: ["priority:1"] })];
    await afk.advance(120_000);
    expect(afk.executor().turnOf(afk.api).order.issue.number).toBe(urgent);
    expect(afk.comments(later)).toEqual([expect.stringContaining(`Waiting behind #${urgent}`)]);
    const sha = await afk.agentLands();
    await afk.ci(sha, "success");
    await afk.advance(120_000);
    expect(afk.executor().turnOf(afk.api).order.issue.number).toBe(later);
    expect(afk.comments(later)).toEqual([expect.stringContaining("AFK is at work")]);
  });

  it("works on two repos at once", async () => {
    const afk = await createBotTester();
    await afk.open("In one");
    await afk.open("In the other", { repo: afk.web });
    expect(afk.executor().capacity().busy).toBe(2);
  });

  it("claims nothing without a free slot, and gives the next one to the issue released first", async () => {
    const afk = await createBotTester({ env: { AFK_MAX_CONCURRENCY: "1", AFK_ALLOWLIST: "acme/api,acme/web,acme/old" } });
    const old = afk.forge.addRepo("acme/old", { isPrivate: true });
    afk.forge.setPermission(old, "ann", "write");
    await afk.open("Has the slot");
    await afk.advance(1_000);
    const first = await afk.open("Second in time", { repo: old });
    await afk.advance(1_000);
    await afk.open("Third in time", { repo: afk.web });
    expect(afk.ledger(old)).toBeUndefined();
    expect(afk.comments(first, old)).toEqual([expect.stringContaining("Waiting for a free agent")]);
    await afk.agentLands();
    expect(afk.executor().turnOf(old).order.issue.number).toBe(first);
    expect(afk.ledger(afk.web)).toBeUndefined();
  });

  it("claims nothing while the executor is ill", async () => {
    const afk = await createBotTester();
    afk.executor().setAilment("the disk is full");
    await afk.open("Sum is wrong");
    expect(afk.ledger()).toBeUndefined();
    afk.executor().setAilment(undefined);
    await afk.advance(120_000);
    expect(afk.ledger()).toBeDefined();
  });
});

describe("a repo that fails while it waits for a slot", () => {
  it("does not keep the others from theirs", async () => {
    const afk = await createBotTester({ env: { AFK_MAX_CONCURRENCY: "1", AFK_ALLOWLIST: "acme/api,acme/web,acme/old" } });
    const old = afk.forge.addRepo("acme/old", { isPrivate: true });
    afk.forge.setPermission(old, "ann", "write");
    await afk.open("Has the slot");
    await afk.advance(1_000);
    await afk.open("Waits first", { repo: old });
    await afk.advance(1_000);
    const next = await afk.open("Waits second", { repo: afk.web });
    afk.forge.failNext("listIssues", new ForgeError("bad gateway", 502), "before");
    await afk.play(() => afk.forge.edit(old, 1, { body: "looked at again" }, "ann"));
    await afk.agentLands();
    expect(afk.executor().turnOf(afk.web).order.issue.number).toBe(next);
  });
});
