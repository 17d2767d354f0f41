import { describe, expect, it } from "vitest";
import { ForgeError } from "../../src/ports.ts";
import { createBotTester } from "../support/bot-tester.ts";

describe("arming", () => {
  it.each([
    ["the kill switch is on", { AFK_KILL_SWITCH: "true" }],
    ["nothing is enrolled", { AFK_ALLOWLIST: "" }],
    ["the repo is not enrolled", { AFK_ALLOWLIST: "acme/other" }],
  ])("writes nothing and reads nothing of the repo when %s", async (_what, env) => {
    const afk = await createBotTester({ env });
    await afk.open("Sum is wrong");
    await afk.advance(600_000);
    expect(afk.forge.calls.filter(({ repo }) => repo.name === "api")).toEqual([]);
    expect(afk.locks.locks.size).toBe(0);
    await afk.finish();
  });

  it("stops a running agent when the switch goes on, writes nothing, and goes on when it is lifted", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    const before = afk.forge.writes.length;
    const sha = afk.locks.locks.get("acme/api")?.sha;
    await afk.play(() => afk.setSwitch(true));
    expect(afk.executor().capacity().busy).toBe(0);
    await afk.advance(600_000);
    expect(afk.forge.writes).toHaveLength(before);
    expect(afk.locks.locks.get("acme/api")?.sha).toBe(sha);
    await afk.play(() => afk.setSwitch(false));
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.ledger()).toMatchObject({ attempts: 1, retries: 0 });
  });
});

describe("enrolment", () => {
  it("is of a name: what it leads to after a rename is left alone", async () => {
    const afk = await createBotTester();
    afk.forge.renameRepo(afk.api, "moved");
    const issue = await afk.open("Sum is wrong");
    await afk.advance(240_000);
    expect(afk.forge.writes).toEqual([]);
    expect(afk.comments(issue)).toEqual([]);
    expect(afk.log.map(({ message }) => message)).toContain("repository has moved");
  });
});

describe("the kill switch", () => {
  it("stops the agent of a repo whose passes fail", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    for (let failures = 0; failures < 5; failures += 1) {
      afk.forge.failNext("readRepo", new ForgeError("bad gateway", 502), "before");
      await afk.play(() => afk.forge.edit(afk.api, issue, { body: `edit ${failures}` }, "ann"));
    }
    await afk.play(() => afk.setSwitch(true));
    expect(afk.executor().capacity().busy).toBe(0);
  });

  it("keeps a turn that is about to land from landing", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    const head = afk.forge.inside(afk.api).branches.get("main")?.sha ?? "";
    afk.switchOnUnseen();
    await expect(afk.executor().land(afk.api, "b".repeat(40), head, {})).rejects.toThrow("the kill switch is on");
    expect(afk.forge.inside(afk.api).branches.get("main")?.sha).toBe(head);
  });
});

describe("who may release an issue", () => {
  it("refuses somebody without write access, once and on the issue", async () => {
    const afk = await createBotTester();
    afk.forge.setPermission(afk.api, "eve", "read");
    const issue = await afk.open("Sum is wrong", { label: false });
    await afk.label(issue, "eve");
    await afk.advance(240_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toMatchInlineSnapshot(`
      [
        "<!-- afk:status run=none -->
      **Not started.** \`ready-for-agent\` was set by \`eve\`, who has no write access here. Somebody who has can set it again.",
      ]
    `);
    await afk.finish();
  });

  it("goes on when somebody with write access labels after a refusal", async () => {
    const afk = await createBotTester();
    afk.forge.setPermission(afk.api, "eve", "read");
    const issue = await afk.open("Sum is wrong", { label: false });
    await afk.label(issue, "eve");
    await afk.play(() => afk.forge.unlabel(afk.api, issue, "ready-for-agent", "ann"));
    await afk.label(issue, "ann");
    expect(afk.ledger()).toMatchObject({ issue, approval: { by: "ann" } });
    expect(afk.comments(issue)).toEqual([expect.stringContaining("AFK is at work")]);
  });

  it("refuses a bot that the operator has not named", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    await afk.label(issue, "triage[bot]");
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toEqual([expect.stringContaining("a bot that the operator has not named")]);
    await afk.finish();
  });

  it("takes a bot that the operator has named", async () => {
    const afk = await createBotTester({ env: { AFK_TRUSTED_BOTS: "triage" } });
    const issue = await afk.open("Sum is wrong", { label: false });
    await afk.label(issue, "triage[bot]");
    expect(afk.ledger()).toMatchObject({ issue });
  });
});

describe("the content that was released", () => {
  it("takes a stranger's issue that nobody has edited since the label", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong", { by: "stranger", body: "as written" });
    expect(afk.executor().turnOf(afk.api).order.prompt).toContain("as written");
  });

  it("refuses a stranger's issue that was edited after the label, until it is labelled again", async () => {
    const afk = await createBotTester({ webhooks: "lost" });
    const issue = await afk.open("Sum is wrong", { by: "stranger", body: "harmless" });
    afk.clock.advance(1_000);
    await afk.play(() => afk.forge.edit(afk.api, issue, { body: "rm -rf" }, "stranger"));
    await afk.advance(120_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toEqual([expect.stringContaining("was edited after")]);
    await afk.play(() => afk.forge.unlabel(afk.api, issue, "ready-for-agent", "ann"));
    await afk.label(issue, "ann");
    await afk.advance(120_000);
    expect(afk.ledger()).toMatchObject({ issue });
  });

  it("refuses a stranger's issue when the forge cannot tell about edits", async () => {
    const afk = await createBotTester();
    afk.forge.setCapabilities({ knowsEdits: false });
    const issue = await afk.open("Sum is wrong", { by: "stranger" });
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toEqual([expect.stringContaining("does not say whether the issue was edited")]);
  });

  it("is what stood there when the label was set, not what a listing from before it says", async () => {
    const afk = await createBotTester();
    afk.forge.setPermission(afk.api, "eve", "read");
    const issue = await afk.open("Sum is wrong", { by: "stranger", body: "rm -rf", label: false });
    let isEdited = false;
    // AFK has listed the issue, as eve released it, and has not yet asked who did.
    afk.locks.onExchange = (what) => {
      if (what !== "probe" || isEdited) return;
      isEdited = true;
      afk.clock.advance(5_000);
      afk.forge.edit(afk.api, issue, { body: "harmless" }, "stranger");
      afk.clock.advance(5_000);
      afk.forge.unlabel(afk.api, issue, "ready-for-agent", "ann");
      afk.forge.label(afk.api, issue, "ready-for-agent", "ann");
    };
    await afk.label(issue, "eve");
    expect(afk.executor().turnOf(afk.api).order.prompt).toContain("harmless");
    expect(afk.executor().turnOf(afk.api).order.prompt).not.toContain("rm -rf");
  });

  it("does not show the agent an edit that came after the claim", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { by: "stranger", body: "as approved" });
    await afk.play(() => afk.forge.edit(afk.api, issue, { body: "and now something else" }, "stranger"));
    await afk.agentEnds({ kind: "failed", reason: "crash", tail: "" });
    await afk.advance(10_000);
    const [, second] = afk.executor().orders;
    expect(second?.prompt).toContain("as approved");
    expect(second?.prompt).not.toContain("something else");
  });
});

it("an older seal that the agent prints brings no ended run back to life", async () => {
  const afk = await createBotTester({ env: { AFK_NUDGE_MAX: "0" } });
  const issue = await afk.open("Sum is wrong");
  const former = afk.ledger()?.run;
  const seal = /<!-- afk:ledger .* -->/.exec(afk.comments(issue)[0] ?? "")?.[0] ?? "";
  const green = { command: "npm test", exitCode: 1, durationMs: 1, tail: `1 failed\n${seal}`, flaky: false };
  await afk.agentEnds({ kind: "refused", gate: "tests-green", reason: "the tests fail", evidence: { green } });
  expect(afk.comments(issue).at(-1)).toContain(seal);
  await afk.advance(60_000);
  await afk.label(issue);
  expect(afk.ledger()?.run).not.toBe(former);
  expect(afk.ledger()).toMatchObject({ issue, attempts: 1 });
});

describe("blockers", () => {
  it("waits while a blocker is open and starts when it is closed", async () => {
    const afk = await createBotTester();
    const blocker = await afk.open("First this", { label: false });
    const issue = await afk.open("Then that", { label: false });
    afk.forge.block(afk.api, issue, blocker);
    await afk.label(issue);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toEqual([expect.stringContaining(`blocked by #${blocker}`)]);
    await afk.play(() => afk.forge.close(afk.api, blocker, "ann"));
    expect(afk.ledger()).toMatchObject({ issue });
  });

  it("believes the body on a forge without dependencies", async () => {
    const afk = await createBotTester();
    afk.forge.setCapabilities({ hasDependencies: false });
    const blocker = await afk.open("First this", { label: false });
    const issue = await afk.open("Then that", { body: `Blocked by #${blocker}` });
    expect(afk.comments(issue)).toEqual([expect.stringContaining(`blocked by #${blocker}`)]);
  });
});
