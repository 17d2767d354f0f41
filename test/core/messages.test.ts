import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { approvalRefusals } from "../../src/core/approval.ts";
import { carriesMarker, endMarker, renderEnd, renderWaiting, sayEnd, type Waiting } from "../../src/core/messages.ts";
import {
  cancelReasons,
  gates,
  handOverReasons,
  type CancelReason,
  type HandOverReason,
  type Ledger,
  type TurnOutcome,
} from "../../src/core/run.ts";
import type { Obstacle } from "../../src/core/obstacles.ts";
import type { Context } from "../../src/core/verdict.ts";
import { command, landed, opened, place, proved } from "./example-ledger.ts";

const endedAt = "2026-01-02T03:16:20Z";

function handedOver(ledger: Ledger, reason: HandOverReason, detail = "", outcome?: TurnOutcome): Ledger {
  const turn =
    outcome === undefined
      ? {}
      : { turn: { id: "7-ab12-1", kind: "implement" as const, startedAt: ledger.startedAt, outcome: { ...outcome, at: endedAt } } };
  return { ...ledger, ...turn, attempts: Math.max(1, ledger.attempts), end: { kind: "handed-over", reason, detail, at: endedAt } };
}

describe("the end comment", () => {
  it("of a closed run tells what was done, with its evidence", () => {
    const checks = [{ name: "build", url: "https://github.com/acme/shop/actions/runs/1" }];
    expect(renderEnd({ ...landed, checks, spentUsd: 1.234, end: { kind: "closed", at: endedAt } }, place)).toMatchInlineSnapshot(`
      "@alice **Done.** The change is on \`main\` as [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567), and CI is green: [\`build\`](https://github.com/acme/shop/actions/runs/1).

      - Without the change its tests fail: \`npm test\`, exit 1 in 4.2 s
      - With the change all tests pass: \`npm test\`, exit 0 in 4.2 s

      <details><summary>2 files changed, +32 −3</summary>

      - \`src/cart.ts\` +12 −3
      - \`test/cart.test.ts\` +20 −0

      </details>

      <sub>1 attempt · 12 min 15 s · $1.23</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it("of a refused piece of work shows the output and where the work is kept", () => {
    const evidence = { ...proved, green: { ...command(1, "AssertionError: expected 2 to be 3"), flaky: false } };
    const kept = { where: "branch", branch: "afk/issue-7", sha: "0123456789abcdef" } as const;
    const outcome = { kind: "refused", gate: "tests-green", reason: "npm test ended with exit code 1", evidence, kept } as const;
    const ledger = handedOver({ ...opened, nudges: 2, evidence }, "gate-refused", "npm test ended with exit code 1", outcome);
    expect(renderEnd(ledger, place)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** AFK's own checks refused the work: the tests fail with the change.

      > npm test ended with exit code 1

      <details><summary>The last output of <code>npm test</code> (exit 1)</summary>

      \`\`\`text
      AssertionError: expected 2 to be 3
      \`\`\`

      </details>

      - Without the change its tests fail: \`npm test\`, exit 1 in 4.2 s
      - With the change the tests fail: \`npm test\`, exit 1 in 4.2 s

      <details><summary>2 files changed, +32 −3</summary>

      - \`src/cart.ts\` +12 −3
      - \`test/cart.test.ts\` +20 −0

      </details>

      **The work is kept** on the branch [\`afk/issue-7\`](https://github.com/acme/shop/tree/afk/issue-7) (\`0123456789ab\`).

      **What it needs from you:** finish the work by hand, or say what to do differently: \`/afk fix\` with a hint gives the agent one more turn.

      <sub>1 attempt · 2 nudges · 12 min 15 s · cost not reported by the agent</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it("of a blocked agent quotes it", () => {
    const outcome = { kind: "blocked", why: "The issue names two formats.\nWhich one?" } as const;
    expect(renderEnd(handedOver(opened, "blocked", outcome.why, outcome), place)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The agent says that it cannot go on.

      > The issue names two formats.
      > Which one?

      **What it needs from you:** say \`/afk fix\` with the answer, or put it into the issue's text and set \`ready-for-agent\` again.

      <sub>1 attempt · 12 min 15 s · cost not reported by the agent</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it("of a freeze says that nothing is reverted, and links the red checks", () => {
    const contexts = [{ name: "build", state: "red", word: "timed_out", url: "https://github.com/acme/shop/runs/9" }] as const;
    expect(renderEnd(handedOver({ ...landed, attempts: 3 }, "ci-red", "build"), place, contexts)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** CI is red, and 2 corrections did not help.

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`timed out\`

      - Without the change its tests fail: \`npm test\`, exit 1 in 4.2 s
      - With the change all tests pass: \`npm test\`, exit 0 in 4.2 s

      <details><summary>2 files changed, +32 −3</summary>

      - \`src/cart.ts\` +12 −3
      - \`test/cart.test.ts\` +20 −0

      </details>

      **What it needs from you:** fix it forward or revert it by hand. \`/afk fix\` with a hint gives the agent one more turn.

      <sub>3 attempts · 12 min 15 s · cost not reported by the agent</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it("of proved work that may not land shows the diff", () => {
    const outcome = { kind: "proved", evidence: proved, patch: "+const a = '```';\n" } as const;
    expect(renderEnd(handedOver({ ...opened, evidence: proved }, "proved-not-landed", "", outcome), place)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The change is made and proved. AFK lands nothing here, so this is the diff.

      - Without the change its tests fail: \`npm test\`, exit 1 in 4.2 s
      - With the change all tests pass: \`npm test\`, exit 0 in 4.2 s

      <details><summary>2 files changed, +32 −3</summary>

      - \`src/cart.ts\` +12 −3
      - \`test/cart.test.ts\` +20 −0

      </details>

      <details><summary>The diff</summary>

      \`\`\`\`diff
      +const a = '\`\`\`';
      \`\`\`\`

      </details>

      **What it needs from you:** apply the diff if you like it. What AFK lands by itself is set by \`landing\` in \`.github/afk.yml\` and by \`AFK_LANDING\`.

      <sub>1 attempt · 12 min 15 s · cost not reported by the agent</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it("shows the tail of an infrastructure failure", () => {
    const outcome = { kind: "failed", reason: "the agent ended with exit code 1", tail: "boom" } as const;
    expect(renderEnd(handedOver({ ...opened, retries: 2 }, "infrastructure", outcome.reason, outcome), place)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** Something around the agent failed, and the run's 2 retries are spent.

      > the agent ended with exit code 1

      <details><summary>The last output</summary>

      \`\`\`text
      boom
      \`\`\`

      </details>

      **What it needs from you:** have the operator look at AFK's log, then set \`ready-for-agent\` again.

      <sub>1 attempt · 2 retries · 12 min 15 s · cost not reported by the agent</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it("says where a bundle lies", () => {
    const kept = { where: "bundle", path: "/var/lib/afk/kept/7.bundle", sha: "0123456789abcdef" } as const;
    const outcome = { kind: "refused", gate: "secret", reason: "", evidence: {}, kept } as const;
    expect(renderEnd(handedOver(opened, "gate-refused", "", outcome), place)).toContain(
      "**The work is kept** as a git bundle on AFK's machine: `/var/lib/afk/kept/7.bundle` (`0123456789ab`).",
    );
  });

  it("does not mention a bot: that could be a command to it", () => {
    const by = { ...opened.approval, by: "renovate[bot]" };
    expect(renderEnd(handedOver({ ...opened, approval: by }, "unchanged"), place)).toMatch(/^`renovate\[bot\]` /);
  });

  it("carries the run's marker, and can be found by it", () => {
    expect(renderEnd(handedOver(opened, "unchanged"), place)).toContain(endMarker(opened));
  });

  it("of a run that went on has a marker of its own", () => {
    const again = { ...opened, continuations: 2 };
    expect(endMarker(again)).toMatchInlineSnapshot(`"<!-- afk:end run=7-ab12 again=2 -->"`);
    expect(carriesMarker(renderEnd(handedOver(again, "unchanged"), place), endMarker(again))).toBe(true);
    expect(carriesMarker(renderEnd(handedOver(again, "unchanged"), place), endMarker(opened))).toBe(false);
  });

  it("is refused for a run that has not ended", () => {
    expect(() => renderEnd(opened, place)).toThrow("not ended");
  });

  it("keeps hostile text from mentioning, hiding or ending anything, and itself within bounds", () => {
    const part = fc.constantFrom(
      "@everyone ",
      "<!-- ",
      " -->",
      "```",
      "`",
      "</details>",
      "<script>",
      "#1 ",
      "\n",
      "\u202e",
      "\u0000",
      "[a](javascript:b)",
      "x".repeat(5_000),
      "\ud800",
    );
    const text = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.constantFrom(...handOverReasons), (hostile, reason) => {
        const record = { command: hostile, exitCode: 1, durationMs: 1, tail: hostile };
        const evidence = {
          red: { ...record, how: "failed" as const },
          green: { ...record, flaky: false },
          files: Array.from({ length: 300 }, () => ({ path: hostile, added: 1, removed: 1 })),
        };
        const kept = { where: "branch", branch: hostile, sha: hostile } as const;
        const outcome = { kind: "refused", gate: "tests-green", reason: hostile, evidence, kept } as const;
        const contexts = Array.from({ length: 100 }, () => ({ name: hostile, state: "red" as const, word: hostile, url: hostile }));
        const ledger = {
          ...handedOver({ ...landed, base: hostile, evidence }, reason, hostile, outcome),
          approval: { ...opened.approval, by: hostile },
        };
        const comment = renderEnd(ledger, place, contexts);
        expect(comment.length).toBeLessThan(60_000);
        expect(dangers(comment)).toEqual(["<!--"]);
      }),
    );
  });
});

/** What acts outside of code: only AFK's own marker may. */
function dangers(comment: string): string[] {
  const acting = withoutCode(comment);
  return acting.match(/(?<!\\)<!--|(?<!\\)<script|@everyone|(?<!\\)\](?=\(javascript)|[^\P{Cc}\n]|[\u202e\p{Surrogate}]/gu) ?? [];
}

function withoutCode(markdown: string): string {
  const blocksGone: string[] = [];
  let fence: string | undefined;
  for (const line of markdown.split("\n")) {
    const ticks = /^(`{3,})/.exec(line)?.[1];
    if (fence === undefined && ticks !== undefined && !line.slice(ticks.length).includes("`")) fence = ticks;
    else if (fence !== undefined && line === fence) fence = undefined;
    else if (fence === undefined) blocksGone.push(line);
  }
  return blocksGone
    .join("\n")
    .replace(/(?<!`)(`+)(?!`)(?:.*?[^`])??\1(?!`)/g, "")
    .replace(/<code>.*?<\/code>/g, "");
}

/** What a person reads first, and what they are asked for: the rest of the comment is shown above. */
function gistOf(ledger: Ledger, contexts: readonly Context[] = []): string {
  const told = renderEnd(ledger, place, contexts)
    .replace(/<details>[^]*?<\/details>/g, "")
    .split("\n\n");
  return told.filter((part) => !/^(?:$|<sub>|<!--|- (?:With|Without) )/.test(part)).join("\n\n");
}

const record = (kind: "branch" | "bundle") =>
  kind === "branch"
    ? ({ where: "branch", branch: "afk/issue-7", sha: "0123456789abcdef" } as const)
    : ({ where: "bundle", path: "/var/lib/afk/kept/7.bundle", sha: "0123456789abcdef" } as const);
const red = [{ name: "build", state: "red", word: "failure", url: "https://github.com/acme/shop/runs/9" }] as const;

describe("a hand-over before anything has landed", () => {
  it.each(gates)("by the gate %s says what the gate found", (gate) => {
    const outcome = { kind: "refused", gate, reason: "", evidence: {} } as const;
    expect(gistOf(handedOver(opened, "gate-refused", "", outcome))).toMatch(/AFK's own checks refused the work: [a-z][^.]*\.\n/);
  });

  it("because a gate refused the work", () => {
    const outcome = {
      kind: "refused",
      gate: "secret",
      reason: "src/key.ts holds a private key",
      evidence: {},
      kept: record("bundle"),
    } as const;
    expect(gistOf(handedOver(opened, "gate-refused", outcome.reason, outcome))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** AFK's own checks refused the work: it may contain a secret.

      > src/key.ts holds a private key

      **The work is kept** as a git bundle on AFK's machine: \`/var/lib/afk/kept/7.bundle\` (\`0123456789ab\`).

      **What it needs from you:** finish the work by hand, or say what to do differently: \`/afk fix\` with a hint gives the agent one more turn."
    `);
  });

  it("because the base is red", () => {
    const outcome = { kind: "base-red", evidence: { base: command(1, "1 failed") } } as const;
    expect(gistOf(handedOver(opened, "base-red", "", outcome))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The tests of \`main\` fail without any change, so nothing can be proved on it.

      **What it needs from you:** make \`main\` pass its own tests, then set \`ready-for-agent\` again."
    `);
  });

  it("because of a conflict", () => {
    const outcome = { kind: "conflict", reason: "src/cart.ts", evidence: {}, kept: record("branch") } as const;
    expect(gistOf(handedOver(opened, "conflict", outcome.reason, outcome))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The work conflicts with what has landed on \`main\` meanwhile.

      > src/cart.ts

      **The work is kept** on the branch [\`afk/issue-7\`](https://github.com/acme/shop/tree/afk/issue-7) (\`0123456789ab\`).

      **What it needs from you:** merge the work by hand, or have the agent try once more: \`/afk fix\`."
    `);
  });

  it("because the agent was blocked", () => {
    expect(gistOf(handedOver(opened, "blocked", "Which format?", { kind: "blocked", why: "Which format?" }))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The agent says that it cannot go on.

      > Which format?

      **What it needs from you:** say \`/afk fix\` with the answer, or put it into the issue's text and set \`ready-for-agent\` again."
    `);
  });

  it("because the agent changed nothing", () => {
    expect(gistOf(handedOver(opened, "unchanged", "", { kind: "unchanged" }))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The agent ended without changing anything.

      **What it needs from you:** say in the issue what is missing, then set \`ready-for-agent\` again; or close it, if nothing is."
    `);
  });

  it("because the repository cannot be worked on", () => {
    const outcome = { kind: "unworkable", reason: "no test command was found: name one as `test`" } as const;
    expect(gistOf(handedOver(opened, "unworkable", outcome.reason, outcome))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** This repository cannot be worked on as it is.

      > no test command was found: name one as \\\`test\\\`

      **What it needs from you:** mend that, then set \`ready-for-agent\` again."
    `);
  });

  it.each([0, 1, 2])("because infrastructure failed, after %d retries", (retries) => {
    const outcome = { kind: "failed", reason: "the clone failed", tail: "" } as const;
    const said = gistOf(handedOver({ ...opened, retries }, "infrastructure", outcome.reason, outcome));
    expect(said.split("\n")[0]).toBe(
      `@alice **AFK hands this over.** Something around the agent failed${["", ", and the run's one retry is spent", ", and the run's 2 retries are spent"][retries]}.`,
    );
  });

  it("because infrastructure failed", () => {
    const outcome = { kind: "failed", reason: "the clone failed", tail: "" } as const;
    expect(gistOf(handedOver({ ...opened, retries: 2 }, "infrastructure", outcome.reason, outcome))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** Something around the agent failed, and the run's 2 retries are spent.

      > the clone failed

      **What it needs from you:** have the operator look at AFK's log, then set \`ready-for-agent\` again."
    `);
  });

  it("because the provider's limit came again and again", () => {
    const outcome = { kind: "limited", until: endedAt, reason: "usage limit reached" } as const;
    expect(gistOf(handedOver({ ...opened, parks: 34 }, "infrastructure", outcome.reason, outcome))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The agent's provider stops it again and again: AFK has waited 34 times.

      > usage limit reached

      **What it needs from you:** have the operator look at what the agent's provider allows, then set \`ready-for-agent\` again."
    `);
  });

  it("because the agent ran out of time", () => {
    const outcome = { kind: "timed-out", afterMs: 2_700_000, tail: "" } as const;
    expect(gistOf(handedOver({ ...opened, retries: 1 }, "timed-out", "The agent was stopped after 2700 s.", outcome)))
      .toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The agent ran out of time, and the run's one retry is spent.

      > The agent was stopped after 2700 s.

      **What it needs from you:** split the issue, or allow more time (\`turn_timeout_seconds\`), then set \`ready-for-agent\` again."
    `);
  });

  it("because nothing is to land", () => {
    expect(gistOf(handedOver(opened, "proved-not-landed", "", { kind: "proved", evidence: {}, patch: "" }))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The change is made and proved. AFK lands nothing here, so this is the diff.

      **What it needs from you:** apply the diff if you like it. What AFK lands by itself is set by \`landing\` in \`.github/afk.yml\` and by \`AFK_LANDING\`."
    `);
  });

  it("because of a bad afk.yml", () => {
    expect(gistOf(handedOver(opened, "bad-repo-config", "`tset` is not known; `test` is"))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** \`.github/afk.yml\` cannot be used.

      > \\\`tset\\\` is not known; \\\`test\\\` is

      **What it needs from you:** correct the file on the base branch, then set \`ready-for-agent\` again."
    `);
  });
});

describe("a hand-over of what has landed", () => {
  const correction = (outcome: TurnOutcome): Ledger => ({
    ...landed,
    attempts: 2,
    turn: { id: "7-ab12-2", kind: "fix-forward", startedAt: endedAt, outcome: { ...outcome, at: endedAt } },
  });

  it.each<[number, string]>([
    [1, "CI is red, and no attempt or time is left to correct it."],
    [2, "CI is red, and 1 correction did not help."],
    [6, "CI is red, and 5 corrections did not help."],
  ])("because CI is red, after %d attempts", (attempts, words) => {
    expect(gistOf(handedOver({ ...landed, attempts }, "ci-red", "build"), red)).toContain(`**AFK hands this over.** ${words}\n`);
  });

  it("because CI is red", () => {
    expect(gistOf(handedOver({ ...landed, attempts: 6 }, "ci-red", "build"), red)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** CI is red, and 5 corrections did not help.

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

      **What it needs from you:** fix it forward or revert it by hand. \`/afk fix\` with a hint gives the agent one more turn."
    `);
  });

  it("because CI is red with the same failure again", () => {
    expect(gistOf(handedOver({ ...landed, attempts: 2 }, "ci-red-again", "build"), red)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** CI is red with the very failure that the last correction was to mend, so another one would not help.

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

      **What it needs from you:** fix it forward or revert it by hand. \`/afk fix\` with a hint gives the agent one more turn."
    `);
  });

  it("because CI was red before", () => {
    expect(gistOf(handedOver(landed, "ci-red-before", "build"), red)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** CI is red, but it was red on \`main\` in the same way before this change landed, so it is not this change that broke it.

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

      **What it needs from you:** mend \`main\`. The change itself is proved and has landed: close this issue if you agree, or say \`/afk fix\` to have the agent look at it."
    `);
  });

  it("because there is no CI", () => {
    expect(gistOf(handedOver(landed, "ci-absent"))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** No check has reported on the commit, and no checks is not green.

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      **What it needs from you:** see whether CI runs on this branch, and close the issue if all is well. A repository without CI says \`ci: none\` in \`.github/afk.yml\`."
    `);
  });

  it("because the forge will not say how CI is", () => {
    expect(gistOf(handedOver(landed, "ci-unknown", "403 on the commit's check runs"))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The forge does not say what became of the checks.

      > 403 on the commit's check runs

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      **What it needs from you:** look at the commit, and close the issue if all is well. For the next time, give AFK's installation read access to checks and commit statuses."
    `);
  });

  it("because CI did not finish", () => {
    expect(gistOf(handedOver(landed, "ci-timeout", "build, e2e"))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The checks did not finish in time.

      > build, e2e

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      **What it needs from you:** look at the checks, and close the issue once they are green. For the next time, \`ci.timeout_minutes\` in \`.github/afk.yml\` allows more."
    `);
  });

  it("because somebody has undone the landing", () => {
    expect(gistOf(handedOver(landed, "landing-undone"))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** What has landed is no longer on \`main\`: somebody has taken it off again.

      **What it needs from you:** close this issue if that was meant. Otherwise \`/afk fix\` or \`ready-for-agent\` has the change made anew."
    `);
  });

  it("because its afk.yml went bad", () => {
    expect(gistOf(handedOver(landed, "bad-repo-config", "`tset` is not known; `test` is"))).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** \`.github/afk.yml\` cannot be used.

      > \\\`tset\\\` is not known; \\\`test\\\` is

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      **What it needs from you:** correct the file on the base branch, and look at the checks of the commit: AFK watches them no more."
    `);
  });

  it("because the correction changed nothing", () => {
    expect(gistOf(handedOver(correction({ kind: "unchanged" }), "unchanged"), red)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The agent was to correct what has landed, and ended without changing anything.

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

      **What it needs from you:** fix it forward or revert it by hand. \`/afk fix\` with a hint gives the agent one more turn."
    `);
  });

  it("because the correction was blocked", () => {
    expect(gistOf(handedOver(correction({ kind: "blocked", why: "CI has no disk." }), "blocked", "CI has no disk."), red))
      .toMatchInlineSnapshot(`
        "@alice **AFK hands this over.** The agent says that it cannot go on.

        > CI has no disk.

        [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

        - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

        **What it needs from you:** say \`/afk fix\` with the answer, or fix it forward by hand."
      `);
  });

  it("because the correction was refused", () => {
    const outcome = {
      kind: "refused",
      gate: "workflows",
      reason: ".github/workflows/ci.yml",
      evidence: {},
      kept: record("branch"),
    } as const;
    expect(gistOf(handedOver(correction(outcome), "gate-refused", outcome.reason), red)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** AFK's own checks refused the work: it changes CI workflows, which a human has to do.

      > .github/workflows/ci.yml

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

      **The work is kept** on the branch [\`afk/issue-7\`](https://github.com/acme/shop/tree/afk/issue-7) (\`0123456789ab\`).

      **What it needs from you:** finish the work by hand, or say what to do differently: \`/afk fix\` with a hint gives the agent one more turn."
    `);
  });

  it("because the correction conflicts", () => {
    const outcome = { kind: "conflict", reason: "src/cart.ts", evidence: {} } as const;
    expect(gistOf(handedOver(correction(outcome), "conflict", outcome.reason), red)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** The work conflicts with what has landed on \`main\` meanwhile.

      > src/cart.ts

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

      **What it needs from you:** merge the work by hand, or have the agent try once more: \`/afk fix\`."
    `);
  });

  it("because the correction ran out of time", () => {
    const outcome = { kind: "timed-out", afterMs: 2_700_000, tail: "" } as const;
    expect(gistOf(handedOver({ ...correction(outcome), retries: 2 }, "timed-out", "The agent was stopped after 2700 s."), red))
      .toMatchInlineSnapshot(`
        "@alice **AFK hands this over.** The agent ran out of time, and the run's 2 retries are spent.

        > The agent was stopped after 2700 s.

        [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

        - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

        **What it needs from you:** allow more time (\`turn_timeout_seconds\`), then say \`/afk fix\`."
      `);
  });

  it("because infrastructure failed the correction", () => {
    const outcome = { kind: "failed", reason: "the clone failed", tail: "" } as const;
    expect(gistOf(handedOver({ ...correction(outcome), retries: 2 }, "infrastructure", outcome.reason), red)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** Something around the agent failed, and the run's 2 retries are spent.

      > the clone failed

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) is on \`main\`, and AFK reverts nothing.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`failure\`

      **What it needs from you:** have the operator look at AFK's log, then say \`/afk fix\`."
    `);
  });

  it.each(handOverReasons)("never asks for a fresh start, which would do it all anew: %s", (reason) => {
    expect(gistOf(handedOver(landed, reason), red)).not.toMatch(/`ready-for-agent` again/);
  });

  it.each(handOverReasons)("has words in every state for %s", (reason) => {
    for (const ledger of [opened, landed, correction({ kind: "unchanged" })]) {
      expect(renderEnd(handedOver(ledger, reason), place)).toMatch(
        /^@alice \*\*AFK hands this over\.\*\* [A-Z`][^]*\*\*What it needs from you:\*\* [a-z][^]*\.\n[^]*-->$/,
      );
    }
  });
});

describe("a run that was stopped", () => {
  const stopped = (reason: CancelReason, ledger: Ledger): Ledger => ({ ...ledger, end: { kind: "cancelled", reason, at: endedAt } });

  it("says why, in a short comment", () => {
    expect(renderEnd(stopped("label-removed", landed), place)).toMatchInlineSnapshot(`
      "**Stopped**, because the ready label was taken off. [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) has landed on \`main\` and stays. \`ready-for-agent\` starts it anew, \`/afk fix\` lets it go on.

      <sub>1 attempt · 12 min 15 s · cost not reported by the agent</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it.each(cancelReasons)("says why: %s", (reason) => {
    expect(gistOf(stopped(reason, opened))).toMatch(/^\*\*Stopped\*\*, because \w/);
  });

  it("says every reason in the same voice, and how to go on where somebody may want to", () => {
    expect(cancelReasons.map((reason) => gistOf(stopped(reason, opened))).join("\n")).toMatchInlineSnapshot(`
      "**Stopped**, because the issue was closed.
      **Stopped**, because the issue is gone.
      **Stopped**, because the ready label was taken off. \`ready-for-agent\` starts it anew, \`/afk fix\` lets it go on.
      **Stopped**, because somebody asked for it by \`/afk cancel\`. \`ready-for-agent\` starts it anew, \`/afk fix\` lets it go on.
      **Stopped**, because this repository is no longer enrolled."
    `);
  });

  it("says where unfinished work is kept", () => {
    const outcome = { kind: "interrupted", why: "the run ends", kept: record("branch"), at: endedAt } as const;
    const turn = { id: "t", kind: "implement", startedAt: endedAt, outcome } as const;
    expect(gistOf(stopped("issue-closed", { ...opened, turn }))).toMatchInlineSnapshot(`
      "**Stopped**, because the issue was closed.

      **The work is kept** on the branch [\`afk/issue-7\`](https://github.com/acme/shop/tree/afk/issue-7) (\`0123456789ab\`)."
    `);
  });
});

describe("how the last run ended", () => {
  it.each<[string, Ledger, string]>([
    ["is not known yet", opened, "The last run has not ended."],
    ["when it is done", { ...landed, end: { kind: "closed", at: endedAt } }, "The last run is done."],
    [
      "when it was stopped",
      { ...opened, end: { kind: "cancelled", reason: "command", at: endedAt } },
      "The last run was stopped, because somebody asked for it by `/afk cancel`.",
    ],
    [
      "when it was handed over",
      handedOver({ ...landed, attempts: 3 }, "ci-red"),
      "The last run was handed over. CI is red, and 2 corrections did not help.",
    ],
  ])("%s", (_title, ledger, words) => {
    expect(sayEnd(ledger)).toBe(words);
  });
});

describe("what is said of a waiting issue", () => {
  it.each<[string, Waiting, string]>([
    ["another comes first", { kind: "behind", issue: 5 }, "Waiting behind #5: AFK works on one issue of a repository at a time."],
    ["others block it", { kind: "blocked", by: ["#3", "acme/api#4"] }, "Waiting, blocked by #3, acme/api#4."],
    ["no agent is free", { kind: "no-slot" }, "Waiting for a free agent."],
  ])("when %s", (_title, waiting, text) => {
    expect(renderWaiting(waiting, place.labels)).toBe(text);
  });

  it("when it is refused, with the remedy", () => {
    const said = approvalRefusals.map((why) => renderWaiting({ kind: "refused", why, by: "mallory" }, place.labels));
    for (const words of said) expect(words).toMatch(/^\*\*Not started\.\*\* .*set it again\.$/);
    expect(said.join("\n")).toMatchInlineSnapshot(`
      "**Not started.** The forge does not say who set \`ready-for-agent\`. Take it off and set it again.
      **Not started.** \`ready-for-agent\` was set by \`mallory\`, a bot that the operator has not named in \`AFK_TRUSTED_BOTS\`. Somebody with write access can set it again.
      **Not started.** \`ready-for-agent\` was set by \`mallory\`, who has no write access here. Somebody who has can set it again.
      **Not started.** The issue was edited after \`ready-for-agent\` was set, and its author has no write access. Read it again; if it is still what you want, take \`ready-for-agent\` off and set it again.
      **Not started.** The forge does not say whether the issue was edited after \`ready-for-agent\` was set, and its author has no write access. Take \`ready-for-agent\` off and set it again."
    `);
  });

  it("names every obstacle", () => {
    const obstacles: readonly Obstacle[] = [
      { kind: "archived" },
      { kind: "may-not-push" },
      { kind: "may-not-write-issues" },
      { kind: "base-missing", branch: "dev" },
      { kind: "base-protected", branch: "main" },
      { kind: "push-refused", detail: "hook declined <b>" },
      { kind: "unsupported", what: "`lfs`: large files are not fetched" },
      { kind: "disallowed", what: "`ci: none`: work lands here only where CI watches it" },
      { kind: "lock-unreadable" },
    ];
    expect(renderWaiting({ kind: "obstructed", obstacles }, place.labels)).toMatchInlineSnapshot(`
      "**Not started**, because AFK cannot do here what is asked of it:

      - The repository is archived: take it out of the archive.
      - AFK's installation may not push here: give it write access to contents.
      - AFK's installation may not write issues here: give it write access to issues.
      - There is no branch \`dev\`: create it, or name another as \`base\` in \`.github/afk.yml\`.
      - \`main\` is protected, and landing by pull request is not part of this version: take the protection off, or say \`landing: none\` in \`.github/afk.yml\`.
      - A rehearsed push was refused: hook declined \\<b>
      - Not part of this version: \`lfs\`: large files are not fetched.
      - Not allowed by the operator: \`ci: none\`: work lands here only where CI watches it.
      - AFK's lock on this repository holds something that is none of its own. Delete the ref, if no other version of AFK uses it."
    `);
  });
});
