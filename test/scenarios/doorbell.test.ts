import { describe, expect, it } from "vitest";
import { ForgeError } from "../../src/ports.ts";
import { createBotTester, type BotTester } from "../support/bot-tester.ts";

async function land(env: Record<string, string> = {}): Promise<{ afk: BotTester; issue: number; sha: string }> {
  const afk = await createBotTester({ env });
  const issue = await afk.open("Sum is wrong");
  return { afk, issue, sha: await afk.agentLands() };
}

async function closeGreen(afk: BotTester, sha: string): Promise<void> {
  await afk.ci(sha, "success");
  await afk.advance(15_000);
}

describe("the doorbell", () => {
  it("rings low for a close, with what it is about", async () => {
    const { afk, issue, sha } = await land();
    const { run } = afk.executor().orders[0]!;
    await closeGreen(afk, sha);
    expect(afk.rings).toEqual([
      {
        id: `${run}-end-1`,
        kind: "closed",
        urgency: "low",
        repo: "acme/api",
        issue: { number: issue, title: "Sum is wrong", url: `https://forge.test/acme/api/issues/${issue}` },
        run,
        releasedBy: "ann",
        landed: { sha, branch: "main" },
        attempts: 1,
        spentUsd: 0,
        startedAt: "2026-01-05T09:00:00.000Z",
        endedAt: "2026-01-05T09:00:16.000Z",
      },
    ]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("rings high for a hand-over, with the reason", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds({ kind: "blocked", why: "no unit" });
    expect(afk.rings).toMatchObject([{ kind: "handed-over", urgency: "high", reason: "blocked" }]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("rings high for a freeze", async () => {
    const { afk, issue, sha } = await land({ AFK_FIX_FORWARD_MAX_ATTEMPTS: "0" });
    await afk.ci(sha, "failure");
    expect(afk.rings).toMatchObject([{ kind: "frozen", urgency: "high", reason: "ci-red", landed: { sha } }]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it.each([
    ["the label was taken off", (afk: BotTester, issue: number) => afk.forge.unlabel(afk.api, issue, "ready-for-agent", "ann")],
    ["the issue was closed", (afk: BotTester, issue: number) => afk.forge.close(afk.api, issue, "ann")],
    ["the issue was deleted", (afk: BotTester, issue: number) => afk.forge.deleteIssue(afk.api, issue, "ann")],
    ["somebody said so", (afk: BotTester, issue: number) => afk.forge.comment(afk.api, issue, "/afk cancel", "ann")],
  ])("rings nobody for a run that is cancelled because %s", async (_why, act) => {
    const { afk, issue } = await land();
    await afk.play(() => act(afk, issue));
    expect(afk.ledger()).toBeUndefined();
    expect(afk.rings).toEqual([]);
  });

  it.each([
    ["before the lock is released", "swap"],
    ["before the labels are put right", "removeLabel"],
    ["before the issue is closed", "closeIssue"],
  ] as const)("rings at most the same id again when the process dies %s", async (_when, what) => {
    const { afk, issue, sha } = await land();
    await afk.ci(sha, "success");
    if (what !== "swap") afk.forge.failNext(what, new ForgeError("bad gateway", 502), "after");
    let swaps = 0;
    afk.locks.onExchange = (exchange) => {
      // The first move saves the end, the second releases the lock.
      if (what === "swap" && exchange === "swap" && (swaps += 1) === 2) throw new ForgeError("unreachable", undefined);
    };
    await afk.advance(15_000);
    await afk.crash();
    await afk.advance(2_000);
    expect(afk.ledger()).toBeUndefined();
    expect(new Set(afk.rings.map(({ id }) => id)).size).toBe(1);
    expect(afk.rings.length).toBeLessThanOrEqual(2);
    expect(afk.comments(issue)).toHaveLength(2);
  });

  it("rings anew, by another id, when a run that people had go on ends again", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds({ kind: "blocked", why: "no unit" });
    await afk.advance(1_000);
    await afk.say(issue, "/afk fix seconds");
    await closeGreen(afk, await afk.agentLands());
    expect(afk.rings.map(({ kind, urgency }) => [kind, urgency])).toEqual([
      ["handed-over", "high"],
      ["closed", "low"],
    ]);
    expect(new Set(afk.rings.map(({ id }) => id)).size).toBe(2);
    expect(afk.comments(issue)).toHaveLength(4);
    await afk.finish();
  });

  it("does not ring while a run goes on, however long", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    await afk.agentEnds({ kind: "failed", reason: "crash", tail: "" });
    await afk.advance(600_000);
    await afk.crash();
    expect(afk.rings).toEqual([]);
  });
});
