import { describe, expect, it } from "vitest";
import { createBotTester, provenEvidence, type BotTester } from "../support/bot-tester.ts";

const refusal = { kind: "refused", gate: "tests-red", reason: "It proves nothing.", evidence: provenEvidence } as const;
const failure = { kind: "failed", reason: "crash", tail: "" } as const;
const hour = 3_600_000;

/** Counts that a pause must not change. */
function counts(afk: BotTester): object {
  const { attempts, nudges, retries, parks, spentUsd } = afk.ledger() ?? {};
  return { attempts, nudges, retries, parks, spentUsd };
}

async function pause(afk: BotTester, ms = hour): Promise<void> {
  const writes = afk.forge.writes.length;
  const lock = afk.locks.locks.get("acme/api")?.sha;
  await afk.play(() => afk.setSwitch(true));
  expect(afk.executor().capacity().busy).toBe(0);
  await afk.advance(ms);
  expect(afk.forge.writes).toHaveLength(writes);
  expect(afk.locks.locks.get("acme/api")?.sha).toBe(lock);
  await afk.play(() => afk.setSwitch(false));
}

async function closeGreen(afk: BotTester, issue: number): Promise<void> {
  const sha = await afk.agentLands();
  await afk.ci(sha, "success");
  await afk.advance(15_000);
  expect(afk.isOpen(issue)).toBe(false);
}

describe("a run under the kill switch", () => {
  it.each([
    ["in its first turn", [], "implement"],
    ["in a nudge", [refusal], "nudge"],
    ["in a retry", [failure], "implement"],
  ] as const)("stops %s, writes nothing, and begins the same turn again when it is lifted", async (_where, outcomes, kind) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    for (const outcome of outcomes) await afk.agentEnds(outcome);
    await afk.advance(10_000);
    const before = counts(afk);
    await pause(afk);
    expect(afk.executor().turnOf(afk.api).order.kind).toBe(kind);
    expect(counts(afk)).toEqual(before);
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("keeps the report of the correction that it stopped", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    afk.forge.explainFailure(afk.api, sha, "test", { from: "log", text: "expected 3, got 4" });
    await afk.ci(sha, "failure");
    await pause(afk);
    expect(afk.executor().turnOf(afk.api).order.kind).toBe("fix-forward");
    expect(afk.executor().turnOf(afk.api).order.prompt).toContain("expected 3, got 4");
    expect(counts(afk)).toMatchObject({ attempts: 2, retries: 0 });
  });

  it("is not late for having been stopped: CI's deadline moves on by the pause", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentLands();
    await afk.advance(hour / 2);
    await pause(afk, 5 * hour);
    await afk.advance(hour / 2 - 60_000);
    expect(afk.ledger()?.end).toBeUndefined();
    await afk.advance(120_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("has its deadline moved on once, also when the first thing after the pause is a command", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentLands();
    await afk.play(() => afk.setSwitch(true));
    await afk.advance(hour / 2);
    await afk.say(issue, "/afk status");
    await afk.play(() => afk.setSwitch(false));
    await afk.advance(hour - 60_000);
    expect(afk.ledger()?.end).toBeUndefined();
    await afk.advance(120_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it("has its deadline moved on once, also when the first pass after the pause fails", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    await afk.play(() => afk.setSwitch(true));
    await afk.advance(hour / 2);
    afk.forge.ci(afk.api, sha, undefined);
    afk.forge.failNext("editComment", new Error("bad gateway"));
    await afk.play(() => afk.setSwitch(false));
    await afk.advance(hour - 60_000);
    expect(afk.ledger()?.end).toBeUndefined();
    await afk.advance(120_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toHaveLength(2);
  });

  it("closes when CI was green all the while", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    await afk.play(() => afk.setSwitch(true));
    await afk.ci(sha, "success");
    await afk.advance(hour);
    expect(afk.isOpen(issue)).toBe(true);
    await afk.play(() => afk.setSwitch(false));
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("is cancelled when people took the label off meanwhile", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.play(() => afk.setSwitch(true));
    await afk.play(() => afk.forge.unlabel(afk.api, issue, "ready-for-agent", "ann"));
    expect(afk.ledger()).toBeDefined();
    await afk.play(() => afk.setSwitch(false));
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("survives a restart under the switch, with its counts", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(refusal);
    const before = counts(afk);
    await afk.play(() => afk.setSwitch(true));
    await afk.restart();
    await afk.advance(hour);
    expect(afk.executor().orders).toEqual([]);
    await afk.play(() => afk.setSwitch(false));
    expect(afk.executor().turnOf(afk.api).order.kind).toBe("nudge");
    expect(counts(afk)).toMatchObject({ ...before, retries: 1 });
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });
});

describe("commands under the kill switch", () => {
  it("get no answer until it is lifted, and then are carried out", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    await afk.play(() => afk.setSwitch(true));
    const comment = await afk.say(issue, "/afk retry in seconds");
    await afk.advance(hour);
    expect(afk.forge.writes).toEqual([]);
    await afk.play(() => afk.setSwitch(false));
    await afk.advance(120_000);
    expect(afk.forge.reactions(afk.api, comment)).toEqual(["+1"]);
    expect(afk.executor().turnOf(afk.api).order.prompt).toContain("in seconds");
    expect(afk.comments(issue)).toHaveLength(2);
  });
});

describe("two repos under the kill switch", () => {
  it("both stop, and both go on", async () => {
    const afk = await createBotTester();
    await afk.open("In one");
    await afk.open("In the other", { repo: afk.web });
    await pause(afk);
    expect(afk.executor().capacity().busy).toBe(2);
    expect(afk.ledger(afk.web)).toMatchObject({ attempts: 1, retries: 0 });
  });
});
