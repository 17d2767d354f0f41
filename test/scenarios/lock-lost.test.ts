import { describe, expect, it } from "vitest";
import { ForgeError } from "../../src/ports.ts";
import { createBotTester, type BotTester } from "../support/bot-tester.ts";

/** Somebody deletes the lock's ref. */
function deleteLock(afk: BotTester): void {
  afk.locks.locks.clear();
}

function deleteStatusComment(afk: BotTester, issue: number): void {
  const status = afk.forge.readComments(afk.api, issue).find(({ body }) => body.startsWith("<!-- afk:status"));
  afk.forge.deleteComment(afk.api, status?.id ?? 0, "ann");
}

async function closeGreen(afk: BotTester, issue: number): Promise<void> {
  if (afk.executor().capacity().busy > 0) await afk.agentLands();
  await afk.ci(afk.ledger()?.landed?.sha ?? "", "success");
  await afk.advance(15_000);
  expect(afk.isOpen(issue)).toBe(false);
}

describe("a lock that somebody deletes", () => {
  it("while the agent is at work is taken again for the same run, whose turn begins again: one lives, and nothing counts", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const { run } = afk.ledger()!;
    deleteLock(afk);
    await afk.advance(120_000);
    expect(afk.executor().orders.map((order) => order.run)).toEqual([run, run]);
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.ledger()).toMatchObject({ run, attempts: 1, retries: 0 });
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("while the agent is at work ends that turn, when another issue is taken up first", async () => {
    const afk = await createBotTester();
    const urgent = await afk.open("Urgent", { label: false });
    const issue = await afk.open("Sum is wrong");
    await afk.label(urgent);
    expect(afk.ledger()).toMatchObject({ issue });
    deleteLock(afk);
    await afk.advance(120_000);
    expect(afk.ledger()).toMatchObject({ issue: urgent });
    expect(afk.executor().capacity().busy).toBe(1);
    await closeGreen(afk, urgent);
    expect(afk.ledger()).toMatchObject({ issue, attempts: 1 });
    await closeGreen(afk, issue);
    expect(afk.comments(urgent)).toHaveLength(2);
    // Its status, then why it waits, which the run takes over when it goes on, and its end.
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it.each([
    ["while CI is watched", async (afk: BotTester) => void (await afk.agentLands())],
    ["while the run backs off", (afk: BotTester) => afk.agentEnds({ kind: "failed", reason: "crash", tail: "" })],
    ["while it is parked", (afk: BotTester) => afk.agentEnds({ kind: "limited", until: "2026-01-05T09:30:00Z", reason: "limit" })],
  ])("%s is taken again for the same run, with its counts", async (_when, act) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await act(afk);
    const before = afk.ledger()!;
    deleteLock(afk);
    await afk.advance(120_000);
    expect(afk.ledger()).toMatchObject({ run: before.run, attempts: before.attempts, parks: before.parks });
    await afk.advance(1_800_000);
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.executor().orders.length).toBeLessThanOrEqual(2);
    await afk.finish();
  });

  it("when the run has ended and shown it, is not missed", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds({ kind: "unchanged" });
    deleteLock(afk);
    await afk.advance(240_000);
    expect(afk.executor().orders).toHaveLength(1);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("when the run has ended and not yet shown it, ends once", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    await afk.ci(sha, "success");
    afk.forge.failNext("closeIssue", new ForgeError("bad gateway", 502));
    await afk.advance(15_000);
    expect(afk.ledger()?.end).toBeDefined();
    deleteLock(afk);
    await afk.crash();
    await afk.advance(240_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.executor().orders).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.labels(issue)).not.toContain("agent-in-progress");
  });

  it("together with the status comment, while CI is watched, begins a new run: nothing is left to know the old one by", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentLands();
    const { run } = afk.ledger()!;
    deleteLock(afk);
    deleteStatusComment(afk, issue);
    await afk.crash();
    expect(afk.ledger()).toMatchObject({ issue, attempts: 1 });
    expect(afk.ledger()?.run).not.toBe(run);
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.comments(issue)).toHaveLength(1);
  });
});

describe("a status comment that somebody deletes", () => {
  it.each([
    ["while the agent is at work", async () => {}],
    ["while CI is watched", async (afk: BotTester) => void (await afk.agentLands())],
  ])("%s is written anew", async (_when, act) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await act(afk);
    deleteStatusComment(afk, issue);
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("when the end is told, is written anew, and the end is told once", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    afk.forge.failNext("removeLabel", new ForgeError("bad gateway", 502));
    await afk.agentEnds({ kind: "unchanged" });
    expect(afk.ledger()?.end).toBeDefined();
    deleteStatusComment(afk, issue);
    await afk.crash();
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
  });
});

describe("a lock that holds something foreign", () => {
  it("keeps every issue from starting, which says so, until somebody deletes it", async () => {
    const afk = await createBotTester();
    afk.locks.locks.set("acme/api", { sha: "f".repeat(40), record: "unreadable" });
    const issue = await afk.open("Sum is wrong");
    expect(afk.comments(issue)).toEqual([expect.stringContaining("none of its own")]);
    deleteLock(afk);
    await afk.advance(120_000);
    expect(afk.ledger()).toMatchObject({ issue });
    expect(afk.comments(issue)).toHaveLength(1);
  });
});

it("a lock that somebody deletes right after a command does not have it carried out again", async () => {
  const afk = await createBotTester();
  const issue = await afk.open("Sum is wrong");
  await afk.say(issue, "/afk retry in seconds");
  const { run } = afk.ledger()!;
  deleteLock(afk);
  await afk.crash();
  await afk.advance(20_000);
  expect(afk.ledger()).toMatchObject({ run, attempts: 1 });
  expect(afk.log.filter(({ message }) => message === "commands answered")).toHaveLength(1);
});
