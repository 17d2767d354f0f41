import { describe, expect, it } from "vitest";
import { createBotTester, type BotTester } from "../support/bot-tester.ts";

function calls(afk: BotTester, method: string): number {
  return afk.forge.calls.filter((call) => call.method === method).length;
}

describe("passes spare the forge", () => {
  it("what its listing has answered: an issue without comments and blockers", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    expect([calls(afk, "listComments"), calls(afk, "readBlockers")]).toEqual([0, 0]);
  });

  it("one permission when who labels is who wrote", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    expect(calls(afk, "readPermission")).toBe(1);
  });

  it("a pass between a landing and its end", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    await afk.play(() => afk.executor().progress(afk.api, { phase: "green" }));
    const before = afk.forge.calls.length;
    await afk.play(() => afk.executor().progress(afk.api, { phase: "landed" }));
    expect(afk.forge.calls).toHaveLength(before);
  });
});

describe("the log", () => {
  it("has a decision once, however many passes come to it", async () => {
    const afk = await createBotTester();
    const decisions = () => afk.log.filter(({ message, level }) => message === "decision" && level === "info").length;
    const before = decisions();
    await afk.advance(600_000);
    expect(decisions()).toBe(before);
  });
});
