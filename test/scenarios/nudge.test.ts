import { describe, expect, it } from "vitest";
import type { TurnOutcome } from "../../src/core/run.ts";
import { createBotTester, provenEvidence, withoutSeal, type BotTester } from "../support/bot-tester.ts";

const refusal: TurnOutcome = {
  kind: "refused",
  gate: "tests-red",
  reason: "The new tests pass without the change.",
  evidence: { ...provenEvidence, red: { command: "npm test", exitCode: 0, durationMs: 800, tail: "7 passing", how: "failed" } },
};
const conflict: TurnOutcome = { kind: "conflict", reason: "src/sum.js was changed on both sides.", evidence: provenEvidence };

function kinds(afk: BotTester): readonly string[] {
  return afk.executor().orders.map(({ kind }) => kind);
}

function prompt(afk: BotTester): string {
  return afk.executor().turnOf(afk.api).order.prompt;
}

describe("a refused change", () => {
  it("goes back to the agent of the same run, with the gate's reason and its output", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const { run } = afk.executor().turnOf(afk.api).order;
    await afk.agentEnds(refusal);
    expect(afk.executor().turnOf(afk.api).order).toMatchObject({ kind: "nudge", run });
    expect(prompt(afk)).toContain('The gate "tests-red" refused the work: The new tests pass without the change.');
    expect(prompt(afk)).toContain("7 passing");
    expect(afk.executor().disposed).toEqual([]);
    expect(afk.ledger()).toMatchObject({ attempts: 1, nudges: 1, retries: 0 });
    await afk.advance(15_000);
    expect(afk.comments(issue).map(withoutSeal)).toMatchInlineSnapshot(`
      [
        "<!-- afk:status run=1-id1xxxxx -->
      ### AFK is at work

      - [ ] Workspace ready ← now
      - [ ] New tests fail without the change
      - [ ] All tests pass with the change
      - [ ] Landed
      - [ ] CI is green
      - [ ] Done

      A check refused the work; the agent is correcting it.

      <!-- afk:ledger … -->",
      ]
    `);
    const sha = await afk.agentLands();
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("is handed over with the last refusal once the nudges are used up", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    for (let turns = 0; turns < 3; turns += 1) await afk.agentEnds(refusal);
    expect(kinds(afk)).toEqual(["implement", "nudge", "nudge"]);
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    const comments = afk.comments(issue);
    expect(comments).toHaveLength(2);
    expect(comments[1]).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** AFK's own checks refused the work: its tests do not fail without the change, so they prove nothing.

      > The new tests pass without the change.

      <details><summary>The last output of <code>npm test</code> (exit 0)</summary>

      \`\`\`text
      7 passing
      \`\`\`

      </details>

      - Without the change its tests fail: \`npm test\`, exit 0 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      **What it needs from you:** finish the work by hand, or say what to do differently: \`/afk fix\` with a hint gives the agent one more turn.

      <sub>1 attempt · 2 nudges · 0.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    await afk.finish();
  });

  it("is handed over at once where the operator wants no nudges", async () => {
    const afk = await createBotTester({ env: { AFK_NUDGE_MAX: "0" } });
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(refusal);
    expect(kinds(afk)).toEqual(["implement"]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("keeps its reason when the nudged turn fails around the agent and is begun again", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    await afk.agentEnds(refusal);
    await afk.agentEnds({ kind: "failed", reason: "crash", tail: "" });
    await afk.advance(10_000);
    expect(kinds(afk)).toEqual(["implement", "nudge", "nudge"]);
    expect(prompt(afk)).toContain("The new tests pass without the change.");
    expect(afk.ledger()).toMatchObject({ attempts: 1, nudges: 1, retries: 1 });
  });

  it("ends when the nudged agent says that it is blocked", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    await afk.agentEnds(refusal);
    await afk.agentEnds({ kind: "blocked", why: "No test can fail here." });
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toContain("No test can fail here.");
    await afk.finish();
  });
});

describe("work that conflicts with a moved base", () => {
  it("goes back to the agent to be resolved, and lands", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    afk.forge.landCommit(afk.api, "main");
    await afk.agentEnds(conflict);
    expect(kinds(afk)).toEqual(["implement", "resolve"]);
    expect(prompt(afk)).toContain("src/sum.js was changed on both sides.");
    expect(afk.ledger()).toMatchObject({ attempts: 1, nudges: 1 });
    const sha = await afk.agentLands();
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("shares the budget of nudges, and is handed over after them", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    for (const outcome of [refusal, conflict, conflict]) await afk.agentEnds(outcome);
    expect(kinds(afk)).toEqual(["implement", "nudge", "resolve"]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** The work conflicts with what has landed on \`main\` meanwhile.

      > src/sum.js was changed on both sides.

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      **What it needs from you:** merge the work by hand, or have the agent try once more: \`/afk fix\`.

      <sub>1 attempt · 2 nudges · 0.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    await afk.finish();
  });
});
