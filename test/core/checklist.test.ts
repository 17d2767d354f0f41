import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isStatusCommentOf,
  parseStatusMarker,
  renderStatusComment,
  sayActivity,
  statusMarker,
  type Activity,
} from "../../src/core/checklist.ts";
import { openSeal, sealLedger } from "../../src/core/ledger.ts";
import { phases, turnKinds, type Ledger } from "../../src/core/run.ts";
import { foldVerdict } from "../../src/core/verdict.ts";
import { command, landed, opened, place, proved } from "./example-ledger.ts";

const sealed = "<!-- afk:ledger v1 … -->";

function status(ledger: Ledger, activity: Activity): string {
  return renderStatusComment({ kind: "run", ledger, activity, place, sealed });
}

const working: Activity = { kind: "working", turn: "implement", progress: { phase: "workspace", lines: [], evidence: {} } };
const running = {
  id: 1,
  app: "actions",
  name: "build",
  conclusion: undefined,
  startedAt: undefined,
  completedAt: undefined,
  url: "https://ci.example/1",
};
const reading = foldVerdict({ kind: "known", checks: [running], statuses: [] }, { required: ["e2e"] });

describe("the status comment", () => {
  it("of a run that was just claimed", () => {
    expect(status(opened, { kind: "preparing" })).toMatchInlineSnapshot(`
      "<!-- afk:status run=7-ab12 -->
      ### AFK is at work

      - [ ] Workspace ready ← now
      - [ ] New tests fail without the change
      - [ ] All tests pass with the change
      - [ ] Landed
      - [ ] CI is green
      - [ ] Done

      The next turn is about to start.

      <!-- afk:ledger v1 … -->"
    `);
  });

  it("of a turn at work shows what is proved so far, and the agent's last lines", () => {
    const { green: _green, ...evidence } = proved;
    const activity: Activity = {
      kind: "working",
      turn: "implement",
      progress: { phase: "green", lines: ["$ npm test", "✓ 3 passed"], evidence: { ...evidence, notes: ["Submodules stay as pointers."] } },
    };
    expect(status({ ...opened, attempts: 1 }, activity)).toMatchInlineSnapshot(`
      "<!-- afk:status run=7-ab12 -->
      ### AFK is at work

      - [x] Workspace ready: tests run by \`npm test\` (detected)
      - [x] New tests fail without the change: \`npm test\`, exit 1 in 4.2 s
      - [ ] All tests pass with the change ← now
      - [ ] Landed
      - [ ] CI is green
      - [ ] Done

      The agent is at work.

      - Submodules stay as pointers.

      \`\`\`text
      $ npm test
      ✓ 3 passed
      \`\`\`

      <!-- afk:ledger v1 … -->"
    `);
  });

  it("of a landed commit names the checks it waits for", () => {
    expect(status(landed, { kind: "watching-ci", reading })).toMatchInlineSnapshot(`
      "<!-- afk:status run=7-ab12 -->
      ### AFK is at work

      - [x] Workspace ready: tests run by \`npm test\` (detected)
      - [x] New tests fail without the change: \`npm test\`, exit 1 in 4.2 s
      - [x] All tests pass with the change: \`npm test\`, exit 0 in 4.2 s
      - [x] Landed: [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) on \`main\`
      - [ ] CI is green ← now
      - [ ] Done

      Waiting for [\`build\`](https://ci.example/1), \`e2e\`.

      <!-- afk:ledger v1 … -->"
    `);
  });

  it("of a closed run has every line ticked with evidence", () => {
    const checks = [{ name: "build", url: "https://ci.example/1" }];
    expect(status({ ...landed, checks, end: { kind: "closed", at: "2026-01-02T03:16:20Z" } }, { kind: "ended" })).toMatchInlineSnapshot(`
      "<!-- afk:status run=7-ab12 -->
      ### AFK has done this

      - [x] Workspace ready: tests run by \`npm test\` (detected)
      - [x] New tests fail without the change: \`npm test\`, exit 1 in 4.2 s
      - [x] All tests pass with the change: \`npm test\`, exit 0 in 4.2 s
      - [x] Landed: [\`0123456\`](https://github.com/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) on \`main\`
      - [x] CI is green: [\`build\`](https://ci.example/1)
      - [x] Done

      <!-- afk:ledger v1 … -->"
    `);
  });

  it("of a run handed over leaves open what was not proved", () => {
    const evidence = { ...proved, green: { ...command(1), flaky: false } };
    const ledger: Ledger = {
      ...opened,
      evidence,
      end: { kind: "handed-over", reason: "gate-refused", detail: "", at: "2026-01-02T03:16:20Z" },
    };
    expect(status(ledger, { kind: "ended" })).toMatchInlineSnapshot(`
      "<!-- afk:status run=7-ab12 -->
      ### AFK has handed this over

      - [x] Workspace ready: tests run by \`npm test\` (detected)
      - [x] New tests fail without the change: \`npm test\`, exit 1 in 4.2 s
      - [ ] All tests pass with the change
      - [ ] Landed
      - [ ] CI is green
      - [ ] Done

      <!-- afk:ledger v1 … -->"
    `);
  });

  it("of a waiting issue says why", () => {
    expect(renderStatusComment({ kind: "waiting", waiting: { kind: "behind", issue: 5 }, place })).toMatchInlineSnapshot(`
      "<!-- afk:status run=none -->
      Waiting behind #5: AFK works on one issue of a repository at a time."
    `);
  });

  it.each(turnKinds)("has words for a turn of the kind %s", (turn) => {
    expect(status(opened, { ...working, turn })).toMatch(/\n\n[A-Z][^\n]* agent is [^\n]*\.\n\n/);
  });

  it.each(phases)("marks at most one line as the current one: %s", (phase) => {
    const text = status(opened, { ...working, progress: { phase, lines: [], evidence: {} } });
    expect(text.match(/← now/g)?.length ?? 0).toBeLessThanOrEqual(1);
  });

  it("does not tick what a command ended by a signal was to prove", () => {
    const evidence = { red: { ...command(null), how: "failed" as const }, green: { ...command(null), flaky: false } };
    expect(status({ ...opened, evidence }, { kind: "preparing" })).not.toContain("[x] New tests");
  });

  it("keeps the seal readable", () => {
    const text = renderStatusComment({
      kind: "run",
      ledger: landed,
      activity: { kind: "preparing" },
      place,
      sealed: sealLedger(landed, ["s"]),
    });
    expect(openSeal(text, { repoId: 42, issue: 7, secrets: ["s"] })).toEqual(landed);
  });

  const part = fc.constantFrom(
    "@everyone ",
    "<!-- ",
    " -->",
    "```",
    "````",
    "`",
    "<script>",
    "\n",
    "\u202e",
    "\u0000",
    "<!-- afk:status run=x -->",
    sealed,
    "x".repeat(5_000),
    "\ud800",
    "- [x] Landed",
  );
  const hostile = fc.array(part, { maxLength: 20 }).map((parts) => parts.join(""));

  it("shows hostile text as code, in a comment of bounded length", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const record = { ...command(1, text), command: text };
        const evidence = {
          test: { command: text, source: "config" as const },
          red: { ...record, how: "failed" as const },
          notes: Array<string>(50).fill(text),
        };
        const lines = Array<string>(50).fill(text);
        const comment = status(
          { ...landed, landed: { sha: text, branch: text, at: "" } },
          { kind: "working", turn: "nudge", progress: { phase: "green", lines, evidence } },
        );
        expect(comment.length).toBeLessThan(60_000 - 33_000);
        expect(parseStatusMarker(comment)).toEqual({ run: "7-ab12" });
        expect(comment).not.toMatch(/[^\P{Cc}\n]|[\u202e\p{Surrogate}]/u);
        expect(outsideOfCode(comment).match(/^- \[x\] Landed/gm)).toHaveLength(1);
        expect(outsideOfCode(comment)).not.toMatch(/@everyone|(?<!\\)<script|(?<!\\)<!-- (?!afk:)/);
      }),
    );
  });
});

function outsideOfCode(markdown: string): string {
  const [head = "", ...rest] = markdown.split(/^(`{3,})text\n/m);
  const [fence, block = ""] = rest;
  const after = fence === undefined ? "" : block.slice(block.indexOf(`\n${fence}\n`));
  return (head + after).replace(/(?<!`)(`+)(?!`)(?:.*?[^`])??\1(?!`)/g, "");
}

describe("what is going on", () => {
  const verdictOf = (conclusion: string | undefined) =>
    foldVerdict({ kind: "known", checks: [{ ...running, conclusion }], statuses: [] }, { required: [] });
  const until = "2026-01-02T14:05:06Z";
  const unknown = foldVerdict({ kind: "unknown", why: "403" }, { required: [] });
  const absent = foldVerdict({ kind: "known", checks: [], statuses: [] }, { required: [] });

  it("of each kind is one line", () => {
    const activities: readonly Activity[] = [
      { kind: "preparing" },
      { kind: "backing-off", until },
      { kind: "backing-off", until: "soon" },
      { kind: "parked", until },
      { kind: "waiting-for-slot" },
      { kind: "ended" },
    ];
    expect(activities.map((activity) => `${activity.kind}: ${sayActivity(opened, activity)}`).join("\n")).toMatchInlineSnapshot(`
      "preparing: The next turn is about to start.
      backing-off: Something failed around the agent; the next try is at 14:05 UTC.
      backing-off: Something failed around the agent; the next try is at an unknown time.
      parked: The agent's provider allows no more for now; AFK goes on at 14:05 UTC.
      waiting-for-slot: Waiting for a free agent.
      ended: "
    `);
  });

  it("in a turn is told by its kind and attempt", () => {
    const told = { ...landed, attempts: 2, turn: { id: "t", kind: "fix-forward", startedAt: until, report: "CI is red" } } as const;
    expect(turnKinds.map((turn) => `${turn}: ${sayActivity(told, { ...working, turn })}`).join("\n")).toMatchInlineSnapshot(`
      "implement: The agent is at work. Attempt 2.
      nudge: A check refused the work; the agent is correcting it. Attempt 2.
      fix-forward: CI was red; the agent is fixing it forward. Attempt 2.
      resolve: The base has moved; the agent is resolving the conflict. Attempt 2.
      revise: The agent is doing what the review asks for. Attempt 2."
    `);
  });

  it("in a correction that somebody asked for does not say that CI was red", () => {
    const asked = { ...landed, turn: { id: "t", kind: "fix-forward", startedAt: until, guidance: "use a Map" } } as const;
    expect(sayActivity(asked, { ...working, turn: "fix-forward" })).toMatchInlineSnapshot(
      `"The agent is making a further change to what has landed."`,
    );
  });

  it("with the checks is told by their verdict, and by a re-run of those that failed", () => {
    const readings = [verdictOf("success"), verdictOf("failure"), verdictOf(undefined), verdictOf("cancelled"), absent, unknown];
    const said = (["watching-ci", "rerunning"] as const).flatMap((kind) =>
      readings.map((seen) => `${kind}, ${seen.verdict}: ${sayActivity(landed, { kind, reading: seen })}`),
    );
    expect(said.join("\n")).toMatchInlineSnapshot(`
      "watching-ci, green: All checks are green; waiting a moment for late ones.
      watching-ci, red: Red: [\`build\`](https://ci.example/1).
      watching-ci, pending: Waiting for [\`build\`](https://ci.example/1).
      watching-ci, pending: Cancelled: [\`build\`](https://ci.example/1). Waiting for a newer commit's checks.
      watching-ci, absent: No check has reported yet.
      watching-ci, unknown: The forge does not say how the checks are.
      rerunning, green: All checks are green; waiting a moment for late ones.
      rerunning, red: Red: [\`build\`](https://ci.example/1). The failed jobs run once more, in case it was a flake.
      rerunning, pending: Waiting for [\`build\`](https://ci.example/1). The failed jobs run once more, in case it was a flake.
      rerunning, pending: Cancelled: [\`build\`](https://ci.example/1). Waiting for a newer commit's checks. The failed jobs run once more, in case it was a flake.
      rerunning, absent: No check has reported yet.
      rerunning, unknown: The forge does not say how the checks are."
    `);
  });
});

describe("the marker of a status comment", () => {
  it.each([["7-ab12"], [undefined]])("is read back as it was written: %s", (run) => {
    expect(parseStatusMarker(`${statusMarker(run)}\ntext`)).toEqual({ run });
  });

  it("never ends early, whatever a run is called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (run) => {
        expect(statusMarker(run)).toMatch(/^<!-- afk:status run=[A-Za-z0-9_.-]* -->$/);
      }),
    );
  });

  it.each(["", "text", `> ${statusMarker("7-ab12")}`, "<!-- afk:status run= -->", "<!-- afk:end run=7-ab12 -->"])(
    "is not found in %j",
    (body) => {
      expect(parseStatusMarker(body)).toBeUndefined();
    },
  );

  it("tells the comments of two runs apart", () => {
    const body = `${statusMarker("7-ab12")}\ntext`;
    expect([isStatusCommentOf(body, "7-ab12"), isStatusCommentOf(body, "7-ab"), isStatusCommentOf(body, undefined)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
