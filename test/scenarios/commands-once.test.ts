import { describe, expect, it } from "vitest";
import { ForgeError } from "../../src/ports.ts";
import { createBotTester, provenEvidence, type BotTester, type BotTesterOptions } from "../support/bot-tester.ts";

const refusal = { kind: "refused", gate: "tests-red", reason: "It proves nothing.", evidence: provenEvidence } as const;
const badGateway = new ForgeError("bad gateway", 502);

async function handedOver(options: BotTesterOptions = {}): Promise<{ afk: BotTester; issue: number }> {
  const afk = await createBotTester(options);
  const issue = await afk.open("Sum is wrong");
  await afk.advance(120_000);
  await afk.agentEnds({ kind: "blocked", why: "It names no unit." });
  await afk.advance(120_000);
  return { afk, issue };
}

/** How often a text occurs in the prompt of the running turn. */
function inPrompt(afk: BotTester, text: string): number {
  return afk.executor().turnOf(afk.api).order.prompt.split(text).length - 1;
}

function answers(afk: BotTester, issue: number): number {
  return afk.comments(issue).filter((body) => body.startsWith("<!-- afk:answer -->")).length;
}

describe("a command is carried out once", () => {
  it.each(["delivered", "doubled", "lost"] as const)("when its webhook is %s", async (webhooks) => {
    const { afk, issue } = await handedOver({ webhooks });
    const comment = await afk.say(issue, "/afk retry in seconds");
    await afk.advance(120_000);
    expect(afk.forge.reactions(afk.api, comment)).toEqual(["+1"]);
    expect(inPrompt(afk, "in seconds")).toBe(1);
    await afk.redeliver();
    await afk.advance(120_000);
    expect(afk.executor().orders).toHaveLength(2);
    expect(afk.ledger()).toMatchObject({ attempts: 1 });
    expect(afk.comments(issue)).toHaveLength(4);
  });

  it("whoever finds it: the next process looks through the comments of days, and leaves what is taken", async () => {
    const { afk, issue } = await handedOver();
    await afk.say(issue, "/afk retry in seconds");
    await afk.agentEnds({ kind: "unchanged" });
    await afk.crash();
    await afk.restart();
    await afk.advance(240_000);
    expect(afk.executor().orders).toEqual([]);
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(5);
    await afk.finish();
  });

  it("when it was said while no process was there", async () => {
    const { afk, issue } = await handedOver({ webhooks: "lost" });
    await afk.say(issue, "/afk retry in seconds");
    await afk.crash();
    expect(inPrompt(afk, "in seconds")).toBe(1);
    await afk.crash();
    expect(inPrompt(afk, "in seconds")).toBe(1);
    expect(afk.ledger()).toMatchObject({ attempts: 1, retries: 1 });
    expect(afk.comments(issue)).toHaveLength(4);
  });

  it("when it is older than a week and nobody waits for it any more: not at all", async () => {
    const { afk, issue } = await handedOver({ webhooks: "lost" });
    await afk.say(issue, "/afk retry in seconds");
    await afk.play(() => afk.setSwitch(true));
    afk.clock.advance(8 * 24 * 3_600_000);
    await afk.play(() => afk.setSwitch(false));
    await afk.advance(120_000);
    expect(afk.executor().orders).toHaveLength(1);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it.each(
    (["react", "addLabel", "createComment", "editComment"] as const).flatMap((method) => [
      [method, "before"] as const,
      [method, "after"] as const,
    ]),
  )("when it releases an issue and %s fails %s it is done, and the process dies", async (method, when) => {
    const { afk, issue } = await handedOver();
    await afk.say(issue, "/afk help");
    afk.forge.failNext(method, badGateway, when);
    await afk.say(issue, "/afk retry in seconds");
    await afk.crash();
    await afk.advance(2_000);
    expect(inPrompt(afk, "in seconds")).toBe(1);
    expect(afk.ledger()).toMatchObject({ attempts: 1, continuations: 0, approval: { by: "ann" } });
    expect(afk.labels(issue)).toEqual(["ready-for-agent", "agent-in-progress"]);
    expect(answers(afk, issue)).toBe(1);
    expect(afk.comments(issue)).toHaveLength(4);
  });

  it.each(
    (["react", "createComment", "editComment"] as const).flatMap((method) => [[method, "before"] as const, [method, "after"] as const]),
  )("when it is for a running agent and %s fails %s it is done", async (method, when) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    if (method === "editComment") await afk.say(issue, "/afk help");
    afk.forge.failNext(method, badGateway, when);
    await afk.say(issue, "/afk fix also round");
    await afk.advance(2_000);
    await afk.agentEnds(refusal);
    expect(inPrompt(afk, "also round")).toBe(1);
    expect(answers(afk, issue)).toBe(1);
    expect(afk.comments(issue)).toHaveLength(2);
  });

  it.each(["before the watermark is saved", "after it"])("when the process dies %s", async (when) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    let swaps = 0;
    afk.locks.onExchange = (what) => {
      if (what === "swap" && (swaps += 1) === 1 && when !== "after it") throw new ForgeError("unreachable", undefined);
    };
    await afk.say(issue, "/afk fix also round");
    await afk.crash();
    expect(inPrompt(afk, "also round")).toBe(1);
    await afk.agentEnds(refusal);
    expect(afk.ledger()?.turn?.guidance).toBeUndefined();
    expect(answers(afk, issue)).toBe(1);
    expect(afk.comments(issue)).toHaveLength(2);
  });

  it.each(
    (["react", "removeLabel", "createComment", "editComment"] as const).flatMap((method) => [
      [method, "before"] as const,
      [method, "after"] as const,
    ]),
  )("when it cancels a run and %s fails %s it is done, and the process dies", async (method, when) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    afk.forge.failNext(method, badGateway, when);
    await afk.say(issue, "/afk cancel");
    await afk.crash();
    await afk.advance(2_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.rings).toEqual([]);
    await afk.restart();
    await afk.advance(240_000);
    expect(afk.executor().capacity().busy).toBe(0);
    expect(afk.comments(issue)).toHaveLength(2);
  });

  it("where somebody deletes the answer: the next one is a new comment", async () => {
    const { afk, issue } = await handedOver();
    await afk.say(issue, "/afk status");
    const comment = afk.forge.readComments(afk.api, issue).find(({ body }) => body.startsWith("<!-- afk:answer -->"));
    afk.forge.deleteComment(afk.api, comment?.id ?? 0, "ann");
    await afk.advance(120_000);
    expect(answers(afk, issue)).toBe(0);
    await afk.say(issue, "/afk help");
    expect(answers(afk, issue)).toBe(1);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });
});

describe("commands on several issues", () => {
  it("are all carried out, each answered on its own issue", async () => {
    const afk = await createBotTester({ webhooks: "lost" });
    const issues = [
      await afk.open("One", { label: false }),
      await afk.open("Two", { label: false }),
      await afk.open("Three", { label: false }),
    ];
    for (const issue of issues.toReversed()) await afk.say(issue, "/afk status");
    await afk.advance(120_000);
    for (const issue of issues) expect(afk.comments(issue)).toEqual([expect.stringContaining("AFK has no run here.")]);
    await afk.finish();
  });

  it("do not keep a run from its next turn", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    const other = await afk.open("Other", { label: false });
    for (let said = 0; said < 30; said += 1) afk.forge.comment(afk.api, other, `/afk status ${said}`, "ann");
    await afk.agentEnds(refusal);
    expect(afk.executor().turnOf(afk.api).order.kind).toBe("nudge");
    expect(afk.comments(other)).toHaveLength(1);
  });
});
