import { describe, expect, it } from "vitest";
import { createBotTester, provenEvidence, withoutSeal, type BotTester } from "../support/bot-tester.ts";

interface Landed {
  readonly afk: BotTester;
  readonly issue: number;
  readonly sha: string;
  /** The base's head before the landing. */
  readonly before: string;
}

async function land(env: Record<string, string> = {}, prepare: (afk: BotTester) => void = () => {}): Promise<Landed> {
  const afk = await createBotTester({ env });
  prepare(afk);
  const before = afk.forge.inside(afk.api).branches.get("main")?.sha ?? "";
  const issue = await afk.open("Sum is wrong");
  const sha = await afk.agentLands();
  return { afk, issue, sha, before };
}

/** CI fails, and shows why. */
async function fail(afk: BotTester, sha: string, log = "expected 3, got 4", name = "test"): Promise<void> {
  afk.forge.explainFailure(afk.api, sha, name, { from: "log", text: log });
  await afk.ci(sha, "failure", name);
}

function kinds(afk: BotTester): readonly string[] {
  return afk.executor().orders.map(({ kind }) => kind);
}

function expectFrozen({ afk, issue, sha }: Landed): string {
  expect(afk.labels(issue)).toEqual(["ready-for-human"]);
  expect(afk.isOpen(issue)).toBe(true);
  expect(afk.ledger()).toBeUndefined();
  expect(afk.forge.inside(afk.api).branches.get("main")?.sha).toBe(sha);
  const comments = afk.comments(issue);
  expect(comments).toHaveLength(2);
  return comments[1] ?? "";
}

describe("a red landing", () => {
  it("is fixed forward with the failing checks, their links and logs, and closes once it is green", async () => {
    const { afk, issue, sha } = await land();
    await fail(afk, sha);
    const { order } = afk.executor().turnOf(afk.api);
    expect(order.kind).toBe("fix-forward");
    expect(order.prompt).toMatch(new RegExp(`CI is red on ${sha}:\\s+test: failure \\(https://forge.test/acme/api/runs/\\d+\\)`));
    expect(order.prompt).toContain("expected 3, got 4");
    expect(afk.ledger()).toMatchObject({ attempts: 2 });
    expect(afk.comments(issue).map(withoutSeal)).toMatchInlineSnapshot(`
      [
        "<!-- afk:status run=1-id1xxxxx -->
      ### AFK is at work

      - [x] Workspace ready
      - [ ] New tests fail without the change
      - [ ] All tests pass with the change
      - [x] Landed: [\`aaaaaaa\`](https://forge.test/acme/api/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5) on \`main\`
      - [ ] CI is green
      - [ ] Done

      CI was red; the agent is fixing it forward. Attempt 2.

      <!-- afk:ledger … -->",
      ]
    `);
    const fixed = await afk.agentLands();
    await afk.ci(fixed, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toMatchInlineSnapshot(`
      "@ann **Done.** The change is on \`main\` as [\`aaaaaaa\`](https://forge.test/acme/api/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa9), and CI is green: [\`test\`](https://forge.test/acme/api/runs/1020).

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      <sub>2 attempts · 17.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    await afk.finish();
  });

  it("is fixed forward when a commit status is red, which shows nothing but its link", async () => {
    const { afk, sha } = await land();
    await afk.play(() => afk.forge.status(afk.api, sha, "failure", "ci/other"));
    await afk.advance(1_000);
    const { order } = afk.executor().turnOf(afk.api);
    expect(order.kind).toBe("fix-forward");
    expect(order.prompt).toContain("ci/other: failure (https://ci.test/ci/other)");
  });

  it("passes the gates again before its correction lands: a refused one goes back to the agent", async () => {
    const { afk, issue, sha } = await land();
    await fail(afk, sha);
    await afk.agentEnds({ kind: "refused", gate: "tests-green", reason: "The suite fails.", evidence: provenEvidence });
    expect(kinds(afk)).toEqual(["implement", "fix-forward", "nudge"]);
    expect(afk.ledger()).toMatchObject({ attempts: 2, nudges: 1 });
    const fixed = await afk.agentLands();
    await afk.ci(fixed, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("freezes when the correction changes nothing", async () => {
    const landed = await land();
    const { afk, sha } = landed;
    await fail(afk, sha);
    await afk.agentEnds({ kind: "unchanged" });
    const end = expectFrozen(landed);
    expect(end).toContain("without changing anything");
    expect(end).toMatch(/nothing is reverted|reverts nothing/);
    await afk.finish();
  });

  it("closes when somebody makes the commit green while the agent finds nothing to correct", async () => {
    const { afk, issue, sha } = await land();
    await fail(afk, sha);
    await afk.ci(sha, "success");
    expect(afk.executor().capacity().busy).toBe(1);
    await afk.agentEnds({ kind: "unchanged" });
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });
});

describe("a base that was red before", () => {
  it("is handed over as not this change's fault, and costs no agent", async () => {
    const landed = await land({}, (afk) => {
      const head = afk.forge.inside(afk.api).branches.get("main")?.sha ?? "";
      afk.forge.ci(afk.api, head, "failure");
    });
    const { afk, sha } = landed;
    await fail(afk, sha);
    expect(kinds(afk)).toEqual(["implement"]);
    expect(expectFrozen(landed)).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** CI is red, but it was red on \`main\` in the same way before this change landed, so it is not this change that broke it.

      [\`aaaaaaa\`](https://forge.test/acme/api/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5) is on \`main\`, and AFK reverts nothing.

      - [\`test\`](https://forge.test/acme/api/runs/1018): \`failure\`

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      **What it needs from you:** mend \`main\`. The change itself is proved and has landed: close this issue if you agree, or say \`/afk fix\` to have the agent look at it.

      <sub>1 attempt · 1.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    await afk.finish();
  });

  it("is our fault in the contexts that were green", async () => {
    const { afk, sha, before } = await land();
    afk.forge.ci(afk.api, before, "failure", "lint");
    afk.forge.ci(afk.api, sha, "failure", "lint");
    await fail(afk, sha, "expected 3, got 4", "build");
    const { order } = afk.executor().turnOf(afk.api);
    expect(order.kind).toBe("fix-forward");
    expect(order.prompt).toContain("build: failure");
    expect(order.prompt).not.toContain("lint");
  });

  it("is measured by the base before the first landing, not by our own red commit", async () => {
    const { afk, sha } = await land();
    await fail(afk, sha);
    const second = await afk.agentLands();
    await fail(afk, second, "another failure altogether");
    expect(kinds(afk)).toEqual(["implement", "fix-forward", "fix-forward"]);
  });
});

describe("a flake", () => {
  const rerunning = (afk: BotTester) => void (afk.forge.inside(afk.api).mayRerunJobs = true);

  it("costs a re-run of the failed jobs and no agent", async () => {
    const { afk, issue, sha } = await land({}, rerunning);
    await fail(afk, sha);
    expect(afk.forge.reruns).toHaveLength(1);
    expect(afk.executor().capacity().busy).toBe(0);
    expect(afk.comments(issue).map(withoutSeal)).toMatchInlineSnapshot(`
      [
        "<!-- afk:status run=1-id1xxxxx -->
      ### AFK is at work

      - [x] Workspace ready: tests run by \`npm test\` (detected)
      - [x] New tests fail without the change: \`npm test\`, exit 1 in 0.8 s
      - [x] All tests pass with the change: \`npm test\`, exit 0 in 0.9 s
      - [x] Landed: [\`aaaaaaa\`](https://forge.test/acme/api/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5) on \`main\`
      - [ ] CI is green ← now
      - [ ] Done

      Waiting for [\`test\`](https://forge.test/acme/api/runs/1018). The failed jobs run once more, in case it was a flake.

      <!-- afk:ledger … -->",
      ]
    `);
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(kinds(afk)).toEqual(["implement"]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("that fails again is none: the agent is called, once re-run for each commit", async () => {
    const { afk, sha } = await land({}, rerunning);
    await fail(afk, sha);
    await afk.advance(30_000);
    await fail(afk, sha);
    expect(afk.forge.reruns).toHaveLength(1);
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
    const fixed = await afk.agentLands();
    await fail(afk, fixed, "something else");
    expect(afk.forge.reruns).toHaveLength(2);
    expect(kinds(afk)).toHaveLength(2);
  });

  it("that nobody runs again in spite of the forge's word is waited for a minute, then given to the agent", async () => {
    const { afk, sha } = await land({}, (tester) =>
      Object.assign(tester.forge.inside(tester.api), { mayRerunJobs: true, startsReruns: false }),
    );
    await fail(afk, sha);
    await afk.advance(50_000);
    expect(kinds(afk)).toEqual(["implement"]);
    await afk.advance(10_000);
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
  });

  it("is given to the agent at once where the token may not re-run jobs after all", async () => {
    const { afk, sha } = await land({}, rerunning);
    afk.forge.onWebhook(() => void (afk.forge.inside(afk.api).mayRerunJobs = false));
    await fail(afk, sha);
    expect(afk.forge.reruns).toEqual([]);
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
  });
});

describe("the budget of corrections", () => {
  it("freezes after so many of them", async () => {
    const { afk, issue, sha } = await land({ AFK_FIX_FORWARD_MAX_ATTEMPTS: "2" });
    await fail(afk, sha, "one");
    await fail(afk, await afk.agentLands(), "two");
    const last = await afk.agentLands();
    await fail(afk, last, "three");
    expect(kinds(afk)).toEqual(["implement", "fix-forward", "fix-forward"]);
    expect(expectFrozen({ afk, issue, sha: last, before: "" })).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** CI is red, and 2 corrections did not help.

      [\`aaaaaaa\`](https://forge.test/acme/api/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa13) is on \`main\`, and AFK reverts nothing.

      - [\`test\`](https://forge.test/acme/api/runs/1025): \`failure\`

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      **What it needs from you:** fix it forward or revert it by hand. \`/afk fix\` with a hint gives the agent one more turn.

      <sub>3 attempts · 3.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    await afk.finish();
  });

  it("freezes after so much time since the first red, and lets a running turn end", async () => {
    const { afk, issue, sha } = await land({ AFK_FIX_FORWARD_MAX_SECONDS: "600" });
    await fail(afk, sha, "one");
    await afk.advance(601_000);
    expect(afk.executor().capacity().busy).toBe(1);
    const last = await afk.agentLands();
    await fail(afk, last, "two");
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
    expectFrozen({ afk, issue, sha: last, before: "" });
    await afk.finish();
  });

  it("ends early when the same failure comes back", async () => {
    const { afk, issue, sha } = await land();
    await fail(afk, sha, "line 12: expected 3, got 4 after 17 ms");
    const last = await afk.agentLands();
    await fail(afk, last, "line 13: expected 3, got 4 after 21 ms");
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
    expect(expectFrozen({ afk, issue, sha: last, before: "" })).toMatchInlineSnapshot(`
      "@ann **AFK hands this over.** CI is red with the very failure that the last correction was to mend, so another one would not help.

      [\`aaaaaaa\`](https://forge.test/acme/api/commit/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa9) is on \`main\`, and AFK reverts nothing.

      - [\`test\`](https://forge.test/acme/api/runs/1020): \`failure\`

      - Without the change its tests fail: \`npm test\`, exit 1 in 0.8 s
      - With the change all tests pass: \`npm test\`, exit 0 in 0.9 s

      <details><summary>2 files changed, +8 −1</summary>

      - \`src/sum.js\` +3 −1
      - \`test/sum.test.js\` +5 −0

      </details>

      **What it needs from you:** fix it forward or revert it by hand. \`/afk fix\` with a hint gives the agent one more turn.

      <sub>2 attempts · 2.0 s · cost not reported by the agent</sub>

      <!-- afk:end run=1-id1xxxxx -->"
    `);
    await afk.finish();
  });

  it("does not count the time that the run is parked", async () => {
    const { afk, sha } = await land({ AFK_FIX_FORWARD_MAX_SECONDS: "600" });
    await fail(afk, sha, "one");
    const until = new Date(afk.clock.now() + 3_600_000).toISOString();
    await afk.agentEnds({ kind: "limited", until, reason: "five hours are used up" });
    await afk.advance(3_600_000);
    expect(kinds(afk)).toEqual(["implement", "fix-forward", "fix-forward"]);
    const next = await afk.agentLands();
    await fail(afk, next, "two");
    expect(kinds(afk)).toHaveLength(4);
    expect(afk.ledger()).toMatchObject({ attempts: 3, parks: 1, retries: 0 });
  });

  it("does not count the time that the kill switch is on", async () => {
    const { afk, sha } = await land({ AFK_FIX_FORWARD_MAX_SECONDS: "600" });
    await fail(afk, sha, "one");
    await afk.play(() => afk.setSwitch(true));
    await afk.advance(3_600_000);
    await afk.play(() => afk.setSwitch(false));
    const next = await afk.agentLands();
    await fail(afk, next, "two");
    expect(kinds(afk)).toHaveLength(4);
    expect(afk.ledger()).toMatchObject({ attempts: 3, retries: 0 });
  });
});

describe("flapping checks", () => {
  it("are believed when they are red before the green has settled", async () => {
    const { afk, issue, sha } = await land();
    await afk.ci(sha, "success");
    await afk.advance(5_000);
    await fail(afk, sha);
    expect(afk.isOpen(issue)).toBe(true);
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
  });

  it("settle anew after each change", async () => {
    const { afk, issue, sha } = await land();
    await afk.ci(sha, "success");
    await afk.advance(10_000);
    await afk.ci(sha, undefined, "late");
    await afk.ci(sha, "success", "late");
    await afk.advance(10_000);
    expect(afk.isOpen(issue)).toBe(true);
    await afk.advance(5_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("make one correction, not one for each turn of the weather", async () => {
    const { afk, sha } = await land();
    await fail(afk, sha);
    await afk.ci(sha, "success");
    await fail(afk, sha);
    expect(kinds(afk)).toEqual(["implement", "fix-forward"]);
    expect(afk.ledger()).toMatchObject({ attempts: 2 });
  });
});
