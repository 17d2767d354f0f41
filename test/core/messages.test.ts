import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { approvalRefusals } from "../../src/core/approval.ts";
import { endMarker, renderAnswer, renderEnd, renderWaiting, sayNotBuilt, type Waiting } from "../../src/core/messages.ts";
import {
  cancelReasons,
  gates,
  handOverReasons,
  turnKinds,
  type HandOverReason,
  type Ledger,
  type TurnOutcome,
} from "../../src/core/run.ts";
import type { Obstacle } from "../../src/core/obstacles.ts";
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

      **What it needs from you:** finish the work by hand, or say in the issue what to do differently and set \`ready-for-agent\` again.

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

      **What it needs from you:** answer it in the issue's text, then set \`ready-for-agent\` again.

      <sub>1 attempt · 12 min 15 s · cost not reported by the agent</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it("of a freeze says that nothing is reverted, and links the red checks", () => {
    const contexts = [{ name: "build", state: "red", word: "timed_out", url: "https://github.com/acme/shop/runs/9" }] as const;
    expect(renderEnd(handedOver({ ...landed, attempts: 3 }, "ci-red", "build"), place, contexts)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** CI is red, and 2 corrections did not help.

      [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) stays on \`main\` as it is: nothing is reverted.

      - [\`build\`](https://github.com/acme/shop/runs/9): \`timed out\`

      - Without the change its tests fail: \`npm test\`, exit 1 in 4.2 s
      - With the change all tests pass: \`npm test\`, exit 0 in 4.2 s

      <details><summary>2 files changed, +32 −3</summary>

      - \`src/cart.ts\` +12 −3
      - \`test/cart.test.ts\` +20 −0

      </details>

      **What it needs from you:** fix it forward or revert it by hand; set \`ready-for-agent\` again for a fresh run.

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

  it("of a cancelled run is short", () => {
    expect(renderEnd({ ...landed, end: { kind: "cancelled", reason: "label-removed", at: endedAt } }, place)).toMatchInlineSnapshot(`
      "**Stopped**, because the ready label was taken off. [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) has landed on \`main\` and stays.

      <sub>1 attempt · 12 min 15 s · cost not reported by the agent</sub>

      <!-- afk:end run=7-ab12 -->"
    `);
  });

  it("shows the tail of an infrastructure failure", () => {
    const outcome = { kind: "failed", reason: "the agent ended with exit code 1", tail: "boom" } as const;
    expect(renderEnd(handedOver({ ...opened, retries: 2 }, "infrastructure", outcome.reason, outcome), place)).toMatchInlineSnapshot(`
      "@alice **AFK hands this over.** Something around the agent failed, 3 times.

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

  it.each(handOverReasons)("has words for being handed over because of %s", (reason) => {
    expect(renderEnd(handedOver(landed, reason), place)).toMatch(
      /^@alice \*\*AFK hands this over\.\*\* \S[^]*What it needs from you:\*\* \S[^]*-->$/,
    );
  });

  it.each(gates)("has words for the gate %s", (gate) => {
    const outcome = { kind: "refused", gate, reason: "", evidence: {} } as const;
    expect(renderEnd(handedOver(opened, "gate-refused", "", outcome), place)).toMatch(/AFK's own checks refused the work: \w/);
  });

  it.each(cancelReasons)("has words for being cancelled because of %s", (reason) => {
    expect(renderEnd({ ...opened, end: { kind: "cancelled", reason, at: endedAt } }, place)).toMatch(/^\*\*Stopped\*\*, because \w/);
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
    expect(renderEnd(handedOver(opened, "unchanged"), place)).toContain(endMarker(opened.run));
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

describe("what is said of a waiting issue", () => {
  it.each<[string, Waiting, string]>([
    ["another comes first", { kind: "behind", issue: 5 }, "Waiting behind #5: AFK works on one issue of a repository at a time."],
    ["others block it", { kind: "blocked", by: ["#3", "acme/api#4"] }, "Waiting, blocked by #3, acme/api#4."],
    ["no agent is free", { kind: "no-slot" }, "Waiting for a free agent."],
  ])("when %s", (_title, waiting, text) => {
    expect(renderWaiting(waiting, place.labels)).toBe(text);
  });

  it.each(approvalRefusals)("when it is refused, with the remedy: %s", (why) => {
    expect(renderWaiting({ kind: "refused", why, by: "mallory" }, place.labels)).toMatch(/^\*\*Not started\.\*\* .*set it again\.$/);
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

      - The repository is archived.
      - AFK's installation may not push here: give it write access to contents.
      - AFK's installation may not write issues here: give it write access to issues.
      - There is no branch \`dev\`.
      - \`main\` is protected, and landing by pull request is not part of this version: take the protection off, or say \`landing: none\` in \`.github/afk.yml\`.
      - A rehearsed push was refused: hook declined \\<b>
      - Not part of this version: \`lfs\`: large files are not fetched.
      - Not allowed by the operator: \`ci: none\`: work lands here only where CI watches it.
      - AFK's lock on this repository holds something that is none of its own. Delete the ref, if no other version of AFK uses it."
    `);
  });
});

describe("what is answered to a command", () => {
  it("lists the commands as help", () => {
    expect(renderAnswer({ kind: "help" })).toMatchInlineSnapshot(`
      "What AFK understands, from people with write access:

      - \`/afk retry [guidance]\`: start over with fresh attempts and time
      - \`/afk fix [guidance]\`: one more attempt at making CI green
      - \`/afk cancel\`: stop the run; what has landed stays
      - \`/afk status\`: say what is going on
      - \`/afk explain\`: say why AFK does what it does, or nothing
      - \`/afk help\`: show this list"
    `);
  });

  it("names an unknown word as code", () => {
    expect(renderAnswer({ kind: "unknown", word: "@alice`" })).toMatch(/^AFK does not know `` @alice` ``\. /);
  });

  it("tells who has no say", () => {
    expect(renderAnswer({ kind: "not-allowed", by: "mallory" })).toBe(
      "`mallory` has no write access here, so AFK leaves that command alone.",
    );
  });

  it("has nothing in it that acts", () => {
    expect(renderAnswer({ kind: "said", text: "@alice <!-- #3" })).toBe("@\u200balice \\<!-- #\u200b3");
  });
});

describe("turns that this version does not have", () => {
  it.each(turnKinds)("are named: %s", (kind) => {
    expect(sayNotBuilt(kind)).toMatch(/ is not part of this version\.$/);
  });
});
