import { describe, expect, it } from "vitest";
import { createBotTester, provenEvidence, withoutSeal, type BotTester } from "../support/bot-tester.ts";

const refusal = { kind: "refused", gate: "tests-red", reason: "The new tests pass without the change.", evidence: provenEvidence } as const;

/** AFK's answer comment on an issue; there is at most one. */
function answer(afk: BotTester, issue: number): string {
  const answers = afk.comments(issue).filter((body) => body.startsWith("<!-- afk:answer -->"));
  expect(answers).toHaveLength(1);
  return withoutSeal(answers[0]);
}

function prompt(afk: BotTester): string {
  return afk.executor().turnOf(afk.api).order.prompt;
}

function kinds(afk: BotTester): readonly string[] {
  return afk.executor().orders.map(({ kind }) => kind);
}

async function handedOver(env: Record<string, string> = {}): Promise<{ afk: BotTester; issue: number }> {
  const afk = await createBotTester({ env });
  const issue = await afk.open("Sum is wrong", { body: "`sum(1, 2)` is 4." });
  await afk.agentEnds({ kind: "blocked", why: "It names no unit." });
  await afk.advance(60_000);
  return { afk, issue };
}

async function frozen(): Promise<{ afk: BotTester; issue: number; sha: string }> {
  const afk = await createBotTester({ env: { AFK_FIX_FORWARD_MAX_ATTEMPTS: "0" } });
  const issue = await afk.open("Sum is wrong");
  const sha = await afk.agentLands();
  await afk.ci(sha, "failure", "build");
  expect(afk.labels(issue)).toEqual(["ready-for-human"]);
  return { afk, issue, sha };
}

async function closeGreen(afk: BotTester, issue: number): Promise<void> {
  const sha = await afk.agentLands();
  await afk.ci(sha, "success", "build");
  await afk.advance(15_000);
  expect(afk.isOpen(issue)).toBe(false);
}

describe("/afk help", () => {
  it("lists what there is, reaction first", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    const comment = await afk.say(issue, "/afk help");
    expect(afk.forge.reactions(afk.api, comment)).toEqual(["+1"]);
    expect(afk.forge.writes.map(({ method }) => method)).toEqual(["react", "createComment"]);
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1008):

      What AFK understands, from people with write access:

      - \`/afk retry [guidance]\`: start over with the text as it is now, and fresh attempts and time
      - \`/afk fix [guidance]\`: one more turn of the agent, on what is there
      - \`/afk cancel\`: stop the run; what has landed stays
      - \`/afk status\`: say what is going on
      - \`/afk explain\`: say why AFK does what it does, or nothing
      - \`/afk help\`: show this list

      <!-- afk:desk … -->"
    `);
    expect(afk.comments(issue)).toHaveLength(1);
    await afk.finish();
  });

  it("comes to who says something unknown, or nothing after /afk", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    const comment = await afk.say(issue, "/afk dance `now`");
    expect(afk.forge.reactions(afk.api, comment)).toEqual(["confused"]);
    expect(answer(afk, issue)).toContain("AFK does not know `dance`. It understands:");
    await afk.say(issue, "/afk");
    expect(answer(afk, issue)).toContain("What AFK understands");
    expect(afk.comments(issue)).toHaveLength(1);
    await afk.finish();
  });
});

describe("/afk status", () => {
  it("says of an issue without a run how to start one", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    await afk.say(issue, "/afk status");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1008):

      AFK has no run here. \`ready-for-agent\` starts one.

      <!-- afk:desk … -->"
    `);
    await afk.finish();
  });

  it("says of a running issue what goes on, in one comment however often it is asked", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.say(issue, "/afk status");
    await afk.say(issue, "/afk status");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1018):

      AFK has a run on this issue. The agent is at work.

      <sub>1 attempt · cost not reported by the agent</sub>

      <!-- afk:desk … -->"
    `);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.executor().orders).toHaveLength(1);
  });

  it("says of a waiting issue what it waits for", async () => {
    const afk = await createBotTester();
    const first = await afk.open("First");
    const issue = await afk.open("Second");
    await afk.say(issue, "/afk status");
    expect(answer(afk, issue)).toContain(`Waiting behind #${first}`);
  });

  it("says of an ended run how it ended", async () => {
    const { afk, issue } = await handedOver();
    await afk.say(issue, "/afk status");
    expect(answer(afk, issue)).toContain("The last run was handed over");
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });
});

describe("/afk explain", () => {
  it("answers every gate of dispatch for an issue nobody has released", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    await afk.say(issue, "/afk explain");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1008):

      AFK does not work on this issue, because of what is not ticked:

      - [x] Is the kill switch off, and the repository enrolled? Yes.
      - [x] Is the issue open? Yes.
      - [ ] Is \`ready-for-agent\` on it? No.
      - [ ] May whoever released it do so, and is the text what they saw? Nobody has released it.
      - [x] Was it released anew since its last run? No run of it has ended.
      - [x] Are the issues closed that it waits for? It waits for none.
      - [x] Can AFK land work here? Yes.
      - [x] Is the repository free? Yes.
      - [x] Is it the first in line? Yes.
      - [x] Is an agent free? Yes, 10.

      <!-- afk:desk … -->"
    `);
    expect(afk.comments(issue)).toHaveLength(1);
    await afk.finish();
  });

  it("says what a running issue passed", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.say(issue, "/afk explain");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1013):

      AFK has a run on this issue. What it asks before it starts one, and the answers now:

      - [x] Is the kill switch off, and the repository enrolled? Yes.
      - [x] Is the issue open? Yes.
      - [x] Is \`ready-for-agent\` on it? Yes.
      - [x] May whoever released it do so, and is the text what they saw? Yes, \`ann\` released it.
      - [x] Was it released anew since its last run? No run of it has ended.
      - [x] Are the issues closed that it waits for? It waits for none.
      - [x] Can AFK land work here? Yes.
      - [x] Is the repository free? This issue has it.
      - [x] Is it the first in line? Yes.
      - [x] Is an agent free? Yes, 9.

      <!-- afk:desk … -->"
    `);
  });

  it("names everything that is in the way of a waiting issue", async () => {
    const afk = await createBotTester({ env: { AFK_MAX_CONCURRENCY: "1" } });
    afk.forge.setPermission(afk.api, "eve", "read");
    const blocker = await afk.open("Runs");
    const issue = await afk.open("Waits", { label: false });
    afk.forge.block(afk.api, issue, blocker);
    await afk.label(issue, "eve");
    afk.forge.protect(afk.api, "main");
    await afk.say(issue, "/afk explain");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/2#issuecomment-1018):

      AFK does not work on this issue, because of what is not ticked:

      - [x] Is the kill switch off, and the repository enrolled? Yes.
      - [x] Is the issue open? Yes.
      - [x] Is \`ready-for-agent\` on it? Yes.
      - [ ] May whoever released it do so, and is the text what they saw? \`ready-for-agent\` was set by \`eve\`, who has no write access here. Somebody who has can set it again.
      - [x] Was it released anew since its last run? No run of it has ended.
      - [ ] Are the issues closed that it waits for? No: #1.
      - [ ] Can AFK land work here? \`main\` is protected, and landing by pull request is not part of this version: take the protection off, or say \`landing: none\` in \`.github/afk.yml\`.
      - [ ] Is the repository free? No, AFK works on #1.
      - [x] Is it the first in line? Yes.
      - [ ] Is an agent free? No, none is.

      <!-- afk:desk … -->"
    `);
  });
});

describe("/afk cancel", () => {
  it("stops a running agent, says so in the end comment alone, and rings nobody", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const comment = await afk.say(issue, "/afk cancel");
    expect(afk.forge.reactions(afk.api, comment)).toEqual(["+1"]);
    expect(afk.executor().capacity().busy).toBe(0);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual([]);
    const comments = afk.comments(issue);
    expect(comments).toHaveLength(2);
    expect(comments[1]).toMatchInlineSnapshot(`
      "**Stopped**, because somebody asked for it by \`/afk cancel\`. \`ready-for-agent\` starts it anew, \`/afk fix\` lets it go on.

      <sub>1 attempt · 0.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    expect(afk.rings).toEqual([]);
    await afk.crash();
    await afk.advance(240_000);
    expect(afk.executor().orders).toEqual([]);
    await afk.finish();
  });

  it("stops watching CI; what has landed stays", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    await afk.say(issue, "/afk cancel");
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toContain("has landed on `main` and stays");
    expect(afk.forge.inside(afk.api).branches.get("main")?.sha).toBe(sha);
    expect(afk.isOpen(issue)).toBe(true);
    await afk.finish();
  });

  it.each([
    ["parked", { kind: "limited", until: "2026-01-05T20:00:00Z", reason: "limit" }],
    ["backing off", { kind: "failed", reason: "crash", tail: "" }],
  ] as const)("ends a run that is %s", async (_state, outcome) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(outcome);
    await afk.say(issue, "/afk cancel");
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.advance(24 * 3_600_000);
    expect(afk.executor().orders).toHaveLength(1);
    await afk.finish();
  });

  it("takes a waiting issue off the list, and off it stays", async () => {
    const afk = await createBotTester();
    await afk.open("Runs");
    const issue = await afk.open("Waits");
    await afk.say(issue, "/afk cancel");
    expect(afk.labels(issue)).toEqual([]);
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/2#issuecomment-1017):

      Taken off the list. \`ready-for-agent\` or \`/afk retry\` releases it anew.

      <!-- afk:desk … -->"
    `);
    await afk.agentEnds({ kind: "unchanged" });
    await afk.crash();
    await afk.advance(240_000);
    expect(afk.executor().orders).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(1)).toHaveLength(2);
    await afk.finish();
  });

  it("has nothing to do where nothing is going on", async () => {
    const { afk, issue } = await handedOver();
    const comment = await afk.say(issue, "/afk cancel");
    expect(afk.forge.reactions(afk.api, comment)).toEqual(["confused"]);
    expect(answer(afk, issue)).toContain("There is nothing to cancel");
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });
});

describe("/afk retry", () => {
  it("releases a handed over issue anew: the text as it is now, fresh budgets, another run", async () => {
    const { afk, issue } = await handedOver();
    const former = afk.executor().orders[0]?.run;
    await afk.play(() => afk.forge.edit(afk.api, issue, { body: "In seconds." }, "ann"));
    await afk.say(issue, "/afk retry and round down");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1020):

      \`ann\` has released this: the text as it is now, with fresh attempts and time. AFK takes it up as soon as the repository and an agent are free.

      <!-- afk:desk … -->"
    `);
    expect(prompt(afk)).toContain("In seconds.");
    expect(prompt(afk)).toContain("and round down");
    expect(afk.ledger()).toMatchObject({ attempts: 1, nudges: 0, retries: 0, approval: { by: "ann" } });
    expect(afk.ledger()?.run).not.toBe(former);
    expect(afk.labels(issue)).toEqual(["ready-for-agent", "agent-in-progress"]);
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(5);
    await afk.finish();
  });

  it("counts as a release however long AFK takes to put its own label on", async () => {
    const { afk, issue } = await handedOver();
    afk.forge.onWebhook(({ name, payload }) => {
      // The label's own time is later than the comment's.
      if (name === "issues" && payload["action"] === "labeled")
        afk.forge
          .inside(afk.api)
          .issues.get(issue)
          ?.timeline.splice(-1, 1, {
            event: "labeled",
            actor: afk.forge.appLogin,
            at: new Date(afk.clock.now() + 3_000).toISOString(),
            label: "ready-for-agent",
          });
    });
    await afk.say(issue, "/afk retry in seconds");
    expect(prompt(afk)).toContain("in seconds");
    expect(afk.ledger()?.approval.by).toBe("ann");
    expect(afk.comments(issue)).toHaveLength(4);
  });

  it("starts a running run over with the text as it is now", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { body: "as it was" });
    await afk.agentEnds(refusal);
    const { run } = afk.executor().turnOf(afk.api).order;
    await afk.play(() => afk.forge.edit(afk.api, issue, { body: "as it is" }, "ann"));
    await afk.say(issue, "/afk retry think of negatives");
    expect(kinds(afk)).toEqual(["implement", "nudge", "implement"]);
    expect(afk.executor().capacity().busy).toBe(1);
    expect(prompt(afk)).toContain("as it is");
    expect(prompt(afk)).not.toContain("as it was");
    expect(prompt(afk)).toContain("think of negatives");
    expect(afk.ledger()).toMatchObject({ run, attempts: 1, nudges: 0, retries: 0 });
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1014):

      Starting over for \`ann\`, with the text as it is now and fresh attempts and time. What has landed stays.

      <!-- afk:desk … -->"
    `);
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it("starts a run over that watches CI, on top of what has landed", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    await afk.say(issue, "/afk retry");
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
    expect(afk.ledger()).toMatchObject({ attempts: 2, landed: { sha } });
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it("of an issue waits behind the run that has the repo, then starts with its guidance and approval", async () => {
    const { afk, issue } = await handedOver();
    const running = await afk.open("Has the repo");
    afk.forge.setPermission(afk.api, "bob", "write");
    await afk.say(issue, "/afk retry in seconds", "bob");
    expect(afk.labels(issue)).toEqual(["ready-for-human", "ready-for-agent"]);
    expect(afk.ledger()).toMatchObject({ issue: running });
    await afk.crash();
    await afk.agentEnds({ kind: "unchanged" });
    expect(afk.ledger()).toMatchObject({ issue, approval: { by: "bob" } });
    expect(prompt(afk)).toContain("in seconds");
    expect(afk.labels(issue)).toEqual(["ready-for-agent", "agent-in-progress"]);
    // The first run's status and end, the answer, why it waits, which the second run takes over.
    expect(afk.comments(issue)).toHaveLength(4);
  });

  it("is the approval of the text as it was then: a stranger's later edit takes it back", async () => {
    const afk = await createBotTester();
    const running = await afk.open("Has the repo");
    const issue = await afk.open("Sum is wrong", { by: "stranger", body: "harmless", label: false });
    await afk.advance(1_000);
    await afk.say(issue, "/afk retry");
    await afk.advance(1_000);
    await afk.play(() => afk.forge.edit(afk.api, issue, { body: "rm -rf" }, "stranger"));
    await afk.agentEnds({ kind: "unchanged" });
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toEqual([expect.stringContaining("has released this"), expect.stringContaining("was edited after")]);
    expect(afk.comments(running)).toHaveLength(2);
    await afk.finish();
  });

  it("does not release a stranger's text that was edited after the comment", async () => {
    const afk = await createBotTester({ webhooks: "lost" });
    const issue = await afk.open("Sum is wrong", { by: "stranger", body: "harmless", label: false });
    await afk.say(issue, "/afk retry");
    afk.clock.advance(1_000);
    afk.forge.edit(afk.api, issue, { body: "rm -rf" }, "stranger");
    await afk.advance(120_000);
    expect(answer(afk, issue)).toContain("**Not released.** The issue was edited after");
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(1);
    await afk.finish();
  });

  it("has nothing to do on a closed issue", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    await afk.play(() => afk.forge.close(afk.api, issue, "ann"));
    await afk.say(issue, "/afk retry");
    expect(answer(afk, issue)).toContain("closed issue. Open it again first.");
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(1);
    await afk.finish();
  });

  it("starts once the replica that lags behind shows the label that AFK put on", async () => {
    const { afk, issue } = await handedOver();
    const { labels } = afk.forge.inside(afk.api).issues.get(issue)!;
    const stop = afk.forge.onWebhook(({ name, payload }) => {
      if (name === "issues" && payload["action"] === "labeled") labels.splice(labels.indexOf("ready-for-agent"), 1);
    });
    await afk.say(issue, "/afk retry in seconds");
    expect(afk.ledger()).toBeUndefined();
    stop();
    labels.push("ready-for-agent");
    await afk.advance(120_000);
    expect(prompt(afk)).toContain("in seconds");
    expect(afk.comments(issue)).toHaveLength(4);
  });
});

describe("/afk retry on what is done", () => {
  it("starts another run once somebody has opened the issue again", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await closeGreen(afk, issue);
    await afk.play(() => afk.forge.reopen(afk.api, issue, "ann"));
    await afk.say(issue, "/afk retry it is still wrong for negatives");
    expect(kinds(afk)).toEqual(["implement", "implement"]);
    expect(prompt(afk)).toContain("it is still wrong for negatives");
    expect(afk.ledger()).toMatchObject({ attempts: 1, continuations: 0 });
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(5);
    expect(new Set(afk.rings.map(({ id }) => id)).size).toBe(2);
    await afk.finish();
  });

  it("waits while a replica shows the label and not yet the answer, and then starts with its guidance", async () => {
    const { afk, issue } = await handedOver();
    const { comments, timeline } = afk.forge.inside(afk.api).issues.get(issue)!;
    const earlier = comments.length;
    await afk.play(() => afk.setSwitch(true));
    await afk.say(issue, "/afk retry in seconds");
    // Another replica has put the label on, and its answer is on its way.
    afk.forge.label(afk.api, issue, "ready-for-agent", afk.forge.appLogin);
    const [said] = comments.splice(earlier, 1);
    await afk.play(() => afk.setSwitch(false));
    expect(afk.executor().orders).toHaveLength(1);
    expect(timeline.at(-1)?.actor).toBe(afk.forge.appLogin);
    comments.push(said!);
    await afk.advance(120_000);
    expect(prompt(afk)).toContain("in seconds");
    // Why it did not start, in between, is taken over by the run's status.
    expect(afk.comments(issue)).toHaveLength(4);
    expect(afk.comments(issue).filter((body) => body.includes("**Not started.**"))).toEqual([]);
  });
});

describe("/afk fix", () => {
  it("gives a running agent's next turn the guidance, and says so", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const comment = await afk.say(issue, "/afk fix also round");
    expect(afk.forge.reactions(afk.api, comment)).toEqual(["+1"]);
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1013):

      The agent is at work. When this turn has ended, it gets one more for this.

      <!-- afk:desk … -->"
    `);
    expect(kinds(afk)).toEqual(["implement"]);
    await afk.agentEnds(refusal);
    expect(kinds(afk)).toEqual(["implement", "nudge"]);
    expect(prompt(afk)).toContain("also round");
    expect(prompt(afk)).toContain(refusal.reason);
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it("collects the guidance of several comments for one turn, and has it once", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.say(issue, "/afk fix also round");
    await afk.say(issue, "/afk fix and mind the sign");
    await afk.agentLands();
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
    expect(prompt(afk)).toMatch(/also round\s+and mind the sign/);
    await closeGreen(afk, issue);
    expect(kinds(afk)).toHaveLength(2);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it("begins a further turn at once while CI is watched", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentLands();
    await afk.say(issue, "/afk fix also round");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1014):

      The agent gets one more turn for this, as soon as one is free.

      <!-- afk:desk … -->"
    `);
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
    expect(prompt(afk)).toContain("A maintainer wants a further change to it");
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it.each([
    ["parked", { kind: "limited", until: "2026-01-05T20:00:00Z", reason: "limit" }],
    ["backing off", { kind: "failed", reason: "crash", tail: "" }],
  ] as const)("begins a turn at once when the run is %s", async (_state, outcome) => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(outcome);
    await afk.say(issue, "/afk fix the mirror is back");
    expect(kinds(afk)).toEqual(["implement", "implement"]);
    expect(prompt(afk)).toContain("the mirror is back");
    await closeGreen(afk, issue);
    expect(kinds(afk)).toHaveLength(2);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it("keeps what a failed nudge was about", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(refusal);
    await afk.agentEnds({ kind: "failed", reason: "crash", tail: "" });
    await afk.say(issue, "/afk fix the mirror is back");
    expect(kinds(afk)).toEqual(["implement", "nudge", "nudge"]);
    expect(prompt(afk)).toContain(refusal.reason);
    expect(prompt(afk)).toContain("the mirror is back");
  });

  it("has a handed over run go on for one more turn, in its counts", async () => {
    const { afk, issue } = await handedOver();
    const former = afk.executor().orders[0]?.run;
    await afk.say(issue, "/afk fix in seconds");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1019):

      \`ann\` has released this for one more turn on what the last run left. AFK takes it up as soon as the repository and an agent are free.

      <!-- afk:desk … -->"
    `);
    expect(afk.ledger()).toMatchObject({ run: former, continuations: 1, attempts: 2 });
    expect(prompt(afk)).toContain("in seconds");
    await closeGreen(afk, issue);
    const comments = afk.comments(issue);
    // The status, the first end, the answer, the second end: the run is the same, and so is its status comment.
    expect(comments).toHaveLength(4);
    expect(afk.rings.map(({ id }) => id)).toEqual([`${former}-end-1`, `${former}-end-2`]);
    await afk.finish();
  });

  it("gives a frozen run one more turn, and freezes again when that does not help", async () => {
    const { afk, issue } = await frozen();
    await afk.say(issue, "/afk fix the build needs node 20");
    expect(afk.executor().turnOf(afk.api).order.kind).toBe("fix-forward");
    expect(prompt(afk)).toContain("the build needs node 20");
    expect(prompt(afk)).toContain("build: failure");
    const sha = await afk.agentLands();
    await afk.ci(sha, "failure", "build");
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
    expect(afk.comments(issue)).toHaveLength(4);
    expect(afk.rings.map(({ kind }) => kind)).toEqual(["frozen", "frozen"]);
    await afk.finish();
  });

  it("takes up a cancelled run again", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.say(issue, "/afk cancel");
    await afk.advance(60_000);
    await afk.say(issue, "/afk fix go on after all");
    expect(afk.ledger()).toMatchObject({ issue, continuations: 1 });
    expect(prompt(afk)).toContain("go on after all");
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(4);
    await afk.finish();
  });

  it("has nothing to go on with after a close, nor where no run has been", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await closeGreen(afk, issue);
    const never = await afk.open("Never released", { label: false });
    await afk.say(issue, "/afk fix more");
    await afk.say(never, "/afk fix more");
    await afk.play(() => afk.forge.reopen(afk.api, issue, "ann"));
    await afk.say(issue, "/afk fix more");
    expect(answer(afk, issue)).toContain("There is nothing to fix");
    expect(answer(afk, never)).toContain("There is nothing to fix");
    expect(afk.comments(issue)).toHaveLength(3);
    expect(afk.labels(issue)).toEqual([]);
    expect(kinds(afk)).toHaveLength(1);
    await afk.finish();
  });
});

describe("several commands in one comment", () => {
  it("are carried out in order and answered together", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.say(issue, "/afk status\n/afk fix also round\n/afk dance");
    expect(answer(afk, issue)).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`ann\`](https://forge.test/acme/api/issues/1#issuecomment-1013):

      AFK has a run on this issue. The agent is at work.

      <sub>1 attempt · cost not reported by the agent</sub>

      The agent is at work. When this turn has ended, it gets one more for this.

      AFK does not know \`dance\`. It understands:

      - \`/afk retry [guidance]\`: start over with the text as it is now, and fresh attempts and time
      - \`/afk fix [guidance]\`: one more turn of the agent, on what is there
      - \`/afk cancel\`: stop the run; what has landed stays
      - \`/afk status\`: say what is going on
      - \`/afk explain\`: say why AFK does what it does, or nothing
      - \`/afk help\`: show this list

      <!-- afk:desk … -->"
    `);
    await afk.agentEnds(refusal);
    expect(prompt(afk)).toContain("also round");
    expect(prompt(afk)).not.toContain("dance");
  });

  it("stop a run and release it anew", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { body: "as it was" });
    await afk.play(() => afk.forge.edit(afk.api, issue, { body: "as it is" }, "ann"));
    await afk.say(issue, "/afk cancel\n\n/afk retry in seconds");
    expect(afk.executor().capacity().busy).toBe(1);
    expect(prompt(afk)).toContain("as it is");
    expect(prompt(afk)).toContain("in seconds");
    await closeGreen(afk, issue);
    await afk.advance(240_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it("release an issue and take it back", async () => {
    const { afk, issue } = await handedOver();
    await afk.say(issue, "/afk retry\n\n/afk cancel");
    await afk.advance(240_000);
    expect(kinds(afk)).toEqual(["implement"]);
    expect(afk.labels(issue)).not.toContain("ready-for-agent");
    expect(afk.comments(issue)).toHaveLength(3);
    await afk.finish();
  });

  it("cancel once, however often they say so", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.say(issue, "/afk cancel\n/afk cancel");
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });
});
