import { describe, expect, it } from "vitest";
import type { TurnOutcome } from "../../src/core/run.ts";
import { createBotTester, withoutSeal, type BotTester } from "../support/bot-tester.ts";

const failure: TurnOutcome = { kind: "failed", reason: "The clone failed.", tail: "fatal: the remote end hung up" };

function limited(afk: BotTester, forMs: number): TurnOutcome {
  return { kind: "limited", until: new Date(afk.clock.now() + forMs).toISOString(), reason: "The five-hour limit is reached." };
}

describe("a failure around the agent", () => {
  it("backs off and begins the same turn again, counted by itself", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(failure);
    expect(afk.comments(issue).map(withoutSeal)).toMatchInlineSnapshot(`
      [
        "<!-- afk:status run=1-id1xxxxx -->
      ### AFK is at work

      - [ ] Workspace ready
      - [ ] New tests fail without the change
      - [ ] All tests pass with the change
      - [ ] Landed
      - [ ] CI is green
      - [ ] Done

      Something failed around the agent; the next try is at 09:00 UTC.

      <!-- afk:ledger … -->",
      ]
    `);
    await afk.advance(9_999);
    expect(afk.executor().orders).toHaveLength(1);
    await afk.advance(1);
    expect(afk.executor().turnOf(afk.api).order.kind).toBe("implement");
    expect(afk.ledger()).toMatchObject({ attempts: 1, nudges: 0, retries: 1 });
    const sha = await afk.agentLands();
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("doubles the wait each time, up to five minutes", async () => {
    const afk = await createBotTester({ env: { AFK_RETRY_MAX_ATTEMPTS: "7" } });
    await afk.open("Sum is wrong");
    for (const waitMs of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      await afk.agentEnds(failure);
      await afk.advance(waitMs - 1);
      expect(afk.executor().capacity().busy).toBe(0);
      await afk.advance(1);
      expect(afk.executor().capacity().busy).toBe(1);
    }
    expect(afk.ledger()).toMatchObject({ attempts: 1, retries: 7 });
  });

  it("is handed over after three failed tries", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    for (const waitMs of [10_000, 20_000, 0]) {
      await afk.agentEnds(failure);
      await afk.advance(waitMs);
    }
    expect(afk.executor().orders).toHaveLength(3);
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    const comments = afk.comments(issue);
    expect(comments).toHaveLength(2);
    expect(comments[1]).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** Something around the agent failed, and the run's 2 retries are spent.

      > The clone failed.

      <details><summary>The last output</summary>

      \`\`\`text
      fatal: the remote end hung up
      \`\`\`

      </details>

      **What it needs from you:** have the operator look at AFK's log, then set \`ready-for-agent\` again.

      <sub>1 attempt · 2 retries · 30.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    await afk.finish();
  });

  it("is tried again when the agent ran out of time, too", async () => {
    const afk = await createBotTester({ env: { AFK_RETRY_MAX_ATTEMPTS: "1" } });
    const issue = await afk.open("Sum is wrong");
    const late: TurnOutcome = { kind: "timed-out", afterMs: 2_700_000, tail: "still compiling" };
    await afk.agentEnds(late);
    await afk.advance(10_000);
    await afk.agentEnds(late);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toMatch(/ran out of time[\s\S]*still compiling/);
    await afk.finish();
  });

  it("holds up no other repo, even where there is one agent for all", async () => {
    const afk = await createBotTester({ env: { AFK_MAX_CONCURRENCY: "1" } });
    await afk.open("Has the slot");
    const other = await afk.open("In the other", { repo: afk.web });
    await afk.agentEnds(failure);
    expect(afk.executor().turnOf(afk.web).order.issue.number).toBe(other);
    await afk.advance(10_000);
    expect(afk.ledger()).toMatchObject({ retries: 0 });
    await afk.agentEnds({ kind: "unchanged" }, afk.web);
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.ledger()).toMatchObject({ retries: 1 });
  });

  it("frees the repo for its next issue once it is handed over", async () => {
    const afk = await createBotTester({ env: { AFK_RETRY_MAX_ATTEMPTS: "0" } });
    await afk.open("Fails");
    const next = await afk.open("Waits behind it");
    await afk.agentEnds(failure);
    expect(afk.ledger()).toMatchObject({ issue: next });
  });
});

describe("a provider's limit", () => {
  it("parks the run until it resets, and counts nothing else", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(limited(afk, 5 * 3_600_000));
    expect(afk.comments(issue).map(withoutSeal)).toMatchInlineSnapshot(`
      [
        "<!-- afk:status run=1-id1xxxxx -->
      ### AFK is at work

      - [ ] Workspace ready
      - [ ] New tests fail without the change
      - [ ] All tests pass with the change
      - [ ] Landed
      - [ ] CI is green
      - [ ] Done

      The agent's provider allows no more for now; AFK goes on at 14:00 UTC.

      <!-- afk:ledger … -->",
      ]
    `);
    await afk.advance(5 * 3_600_000 - 1);
    expect(afk.executor().orders).toHaveLength(1);
    await afk.advance(1);
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.ledger()).toMatchObject({ attempts: 1, retries: 0, nudges: 0, parks: 1 });
    const sha = await afk.agentLands();
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("keeps the slot for nobody while the run is parked", async () => {
    const afk = await createBotTester({ env: { AFK_MAX_CONCURRENCY: "1" } });
    await afk.open("Is parked");
    await afk.agentEnds(limited(afk, 3_600_000));
    await afk.open("In the other", { repo: afk.web });
    expect(afk.executor().turnOf(afk.web)).toBeDefined();
  });

  it.each([
    ["in the past", "2020-01-01T00:00:00Z", 60_000],
    ["unreadable", "soon", 60_000],
    ["years away", "2099-01-01T00:00:00Z", 24 * 3_600_000],
  ])("that is %s is asked about again within bounds", async (_what, until, afterMs) => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    await afk.agentEnds({ kind: "limited", until, reason: "limit" });
    await afk.advance(afterMs - 1);
    expect(afk.executor().orders).toHaveLength(1);
    await afk.advance(1);
    expect(afk.executor().orders).toHaveLength(2);
  });

  it("that never ends is handed over some day", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    for (let parks = 0; parks <= 34; parks += 1) {
      await afk.agentEnds({ kind: "limited", until: "soon", reason: "The plan is too small." });
      await afk.advance(60_000);
    }
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toContain("The plan is too small.");
    await afk.finish();
  });
});
