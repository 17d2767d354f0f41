import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { approvalRefusals } from "../../src/core/approval.ts";
import { renderAnswer, renderAnswers, type Answer, type Status } from "../../src/core/answers.ts";
import { answerMarker, openDesk, sealDesk } from "../../src/core/desk.ts";
import { explainDispatch } from "../../src/core/explain.ts";
import type { Ledger } from "../../src/core/run.ts";
import { endRun } from "../../src/core/run-steps.ts";
import { command, landed, opened, place } from "./example-ledger.ts";
import { details, issue } from "./example-observation.ts";

const { labels } = place;
const at = "2026-01-02T03:16:20Z";
const say = (answer: Answer): string => renderAnswer(answer, labels);
const sayStatus = (status: Status): string => say({ kind: "status", status });
const to = { author: "bob", url: "https://forge.test/acme/api/issues/7#issuecomment-9" };
const desk = { version: 1, repoId: 42, issue: 7, through: 9 } as const;

describe("the answer comment", () => {
  it("names whom it answers, answers command by command, and carries the desk", () => {
    const answers = [{ kind: "not-allowed", by: "bob" }, { kind: "withdrawn" }] as const;
    expect(renderAnswers(answers, to, labels, "<!-- afk:desk v1 … -->")).toMatchInlineSnapshot(`
      "<!-- afk:answer -->
      In answer to [\`bob\`](https://forge.test/acme/api/issues/7#issuecomment-9):

      \`bob\` has no write access here, so AFK leaves that alone. Somebody who has can ask for it.

      Taken off the list. \`ready-for-agent\` or \`/afk retry\` releases it anew.

      <!-- afk:desk v1 … -->"
    `);
  });

  it("can be found by its marker, and its desk opened", () => {
    const body = renderAnswers([{ kind: "help" }], to, labels, sealDesk(desk, ["s"]));
    expect(body.startsWith(answerMarker)).toBe(true);
    expect(openDesk(body, { repoId: 42, issue: 7, secrets: ["s"] })).toEqual(desk);
  });
});

describe("what is answered to a command", () => {
  it("lists the commands as help", () => {
    expect(say({ kind: "help" })).toMatchInlineSnapshot(`
      "What AFK understands, from people with write access:

      - \`/afk retry [guidance]\`: start over with the text as it is now, and fresh attempts and time
      - \`/afk fix [guidance]\`: one more turn of the agent, on what is there
      - \`/afk cancel\`: stop the run; what has landed stays
      - \`/afk status\`: say what is going on
      - \`/afk explain\`: say why AFK does what it does, or nothing
      - \`/afk help\`: show this list"
    `);
  });

  it("names an unknown word as code, and lists the commands", () => {
    expect(say({ kind: "unknown", word: "@alice`" })).toMatch(/^AFK does not know `` @alice` ``\. It understands:\n\n- `\/afk retry /);
  });

  it("tells who has no say, and who has", () => {
    expect(say({ kind: "not-allowed", by: "mallory" })).toMatchInlineSnapshot(
      `"\`mallory\` has no write access here, so AFK leaves that alone. Somebody who has can ask for it."`,
    );
  });

  it("tells why there is nothing to do, and what starts something", () => {
    const commands = ["retry", "fix", "cancel"] as const;
    const said = (["no-run", "issue-closed"] as const).flatMap((why) =>
      commands.map((word) => say({ kind: "nothing-to-do", command: word, why })),
    );
    expect(said.join("\n")).toMatchInlineSnapshot(`
      "There is nothing to retry: AFK has had no run here. \`ready-for-agent\` starts one.
      There is nothing to fix: AFK has no run here that could go on. \`ready-for-agent\` starts a new one.
      There is nothing to cancel: AFK is not at work here, and \`ready-for-agent\` is not set.
      There is nothing to retry on a closed issue. Open it again first.
      There is nothing to fix on a closed issue. Open it again first.
      There is nothing to cancel on a closed issue. Open it again first."
    `);
  });

  it("tells why the text is not released, with the remedy", () => {
    expect(approvalRefusals.map((why) => say({ kind: "not-released", why, by: "mallory" })).join("\n")).toMatchInlineSnapshot(`
      "**Not released.** The forge does not say who wrote that comment. Somebody with write access can say it again.
      **Not released.** \`mallory\` is a bot that the operator has not named in \`AFK_TRUSTED_BOTS\`. Somebody with write access can say it.
      **Not released.** \`mallory\` has no write access here. Somebody who has can say it.
      **Not released.** The issue was edited after that comment, and its author has no write access. Read it again; if it is still what you want, say it again.
      **Not released.** The forge does not say whether the issue was edited after that comment, and its author has no write access. Read it again, then say it again."
    `);
  });

  it("tells what was taken up, and when it happens", () => {
    const answers: readonly Answer[] = [
      { kind: "released", by: "bob" },
      { kind: "continued", by: "bob" },
      { kind: "started-over", by: "bob" },
      { kind: "taken-up", when: "now" },
      { kind: "taken-up", when: "next-turn" },
      { kind: "withdrawn" },
    ];
    expect(answers.map(say).join("\n")).toMatchInlineSnapshot(`
      "\`bob\` has released this: the text as it is now, with fresh attempts and time. AFK takes it up as soon as the repository and an agent are free.
      \`bob\` has released this for one more turn on what the last run left. AFK takes it up as soon as the repository and an agent are free.
      Starting over for \`bob\`, with the text as it is now and fresh attempts and time. What has landed stays.
      The agent gets one more turn for this, as soon as one is free.
      The agent is at work. When this turn has ended, it gets one more for this.
      Taken off the list. \`ready-for-agent\` or \`/afk retry\` releases it anew."
    `);
  });
});

describe("the status", () => {
  it("of a run says what is going on, and what it took so far", () => {
    const activity = { kind: "working", turn: "implement", progress: { phase: "workspace", lines: [], evidence: {} } } as const;
    expect(sayStatus({ kind: "running", ledger: { ...opened, attempts: 2 }, activity })).toMatchInlineSnapshot(`
      "AFK has a run on this issue. The agent is at work. Attempt 2.

      <sub>2 attempts · cost not reported by the agent</sub>"
    `);
  });

  it("of an issue that waits says why", () => {
    expect(sayStatus({ kind: "waiting", waiting: { kind: "behind", issue: 5 } })).toMatchInlineSnapshot(
      `"Waiting behind #5: AFK works on one issue of a repository at a time."`,
    );
  });

  it("of an issue about to start says so", () => {
    expect(sayStatus({ kind: "about-to-start" })).toMatchInlineSnapshot(`"Released; AFK is about to start."`);
  });

  it("of an issue without a run says how to start one, or to go on", () => {
    const cancelled = endRun(opened, { kind: "cancelled", reason: "command" }, at);
    const outcome = { kind: "blocked", why: "Which format?", at } as const;
    const blocked: Ledger = { ...opened, turn: { id: "t", kind: "implement", startedAt: at, outcome } };
    const previous = [
      undefined,
      endRun(landed, { kind: "closed" }, at),
      cancelled,
      endRun(blocked, { kind: "handed-over", reason: "blocked", detail: "Which format?" }, at),
    ];
    expect(previous.map((ledger) => sayStatus({ kind: "idle", previous: ledger })).join("\n")).toMatchInlineSnapshot(`
      "AFK has no run here. \`ready-for-agent\` starts one.
      The last run is done. \`ready-for-agent\` or \`/afk retry\` starts another run.
      The last run was stopped, because somebody asked for it by \`/afk cancel\`. \`ready-for-agent\` or \`/afk retry\` starts another run, \`/afk fix\` lets the last one go on.
      The last run was handed over. The agent says that it cannot go on. \`ready-for-agent\` or \`/afk retry\` starts another run, \`/afk fix\` lets the last one go on."
    `);
  });
});

describe("an explanation", () => {
  const facts = {
    issue,
    isReady: true,
    labels,
    details,
    trustedBots: [],
    obstacles: [],
    running: undefined,
    ahead: undefined,
    freeSlots: 2,
  };

  it("says that nothing is in the way", () => {
    expect(say({ kind: "explanation", gates: explainDispatch(facts), isRunning: false })).toMatchInlineSnapshot(`
      "Nothing keeps AFK from this issue: it is about to start.

      - [x] Is the kill switch off, and the repository enrolled? Yes.
      - [x] Is the issue open? Yes.
      - [x] Is \`ready-for-agent\` on it? Yes.
      - [x] May whoever released it do so, and is the text what they saw? Yes, \`ann\` released it.
      - [x] Was it released anew since its last run? No run of it has ended.
      - [x] Are the issues closed that it waits for? It waits for none.
      - [x] Can AFK land work here? Yes.
      - [x] Is the repository free? Yes.
      - [x] Is it the first in line? Yes.
      - [x] Is an agent free? Yes, 2."
    `);
  });

  it("says what is in the way", () => {
    const blockers = [
      { reference: "#3", isOpen: true },
      { reference: "acme/lib#4", isOpen: true },
    ];
    const gates = explainDispatch({
      ...facts,
      isReady: false,
      issue: { ...issue, isOpen: false },
      details: { ...details, release: undefined, blockers },
      obstacles: [{ kind: "archived" }, { kind: "base-missing", branch: "main" }],
      running: 5,
      ahead: 5,
      freeSlots: 0,
    });
    expect(say({ kind: "explanation", gates, isRunning: false })).toMatchInlineSnapshot(`
      "AFK does not work on this issue, because of what is not ticked:

      - [x] Is the kill switch off, and the repository enrolled? Yes.
      - [ ] Is the issue open? It is closed.
      - [ ] Is \`ready-for-agent\` on it? No.
      - [ ] May whoever released it do so, and is the text what they saw? Nobody has released it.
      - [x] Was it released anew since its last run? No run of it has ended.
      - [ ] Are the issues closed that it waits for? No: #3, acme/lib#4.
      - [ ] Can AFK land work here? The repository is archived: take it out of the archive. There is no branch \`main\`: create it, or name another as \`base\` in \`.github/afk.yml\`.
      - [ ] Is the repository free? No, AFK works on #5.
      - [ ] Is it the first in line? No, #5 comes first.
      - [ ] Is an agent free? No, none is."
    `);
  });

  it("of an issue with a run says so", () => {
    const gates = explainDispatch({ ...facts, running: issue.number, freeSlots: 0 });
    expect(say({ kind: "explanation", gates, isRunning: true })).toMatchInlineSnapshot(`
      "AFK has a run on this issue. What it asks before it starts one, and the answers now:

      - [x] Is the kill switch off, and the repository enrolled? Yes.
      - [x] Is the issue open? Yes.
      - [x] Is \`ready-for-agent\` on it? Yes.
      - [x] May whoever released it do so, and is the text what they saw? Yes, \`ann\` released it.
      - [x] Was it released anew since its last run? No run of it has ended.
      - [x] Are the issues closed that it waits for? It waits for none.
      - [x] Can AFK land work here? Yes.
      - [x] Is the repository free? This issue has it.
      - [x] Is it the first in line? Yes.
      - [ ] Is an agent free? No, none is."
    `);
  });
});

describe("an answer", () => {
  const part = fc.constantFrom(
    "@everyone ",
    "<!-- ",
    " -->",
    "```",
    "`",
    "<script>",
    "\n",
    "\u202e",
    "\u0000",
    "x".repeat(5_000),
    "\ud800",
    "](javascript:b)",
  );
  const hostile = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(""));

  it("has nothing in it that acts, and is bounded, whatever people are called and write", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const record = { ...command(1, text), command: text };
        const waiting = { kind: "obstructed", obstacles: [{ kind: "push-refused", detail: text }] } as const;
        const answers: readonly Answer[] = [
          { kind: "unknown", word: text },
          { kind: "not-allowed", by: text },
          { kind: "released", by: text },
          { kind: "status", status: { kind: "waiting", waiting } },
          {
            kind: "status",
            status: { kind: "running", ledger: { ...opened, evidence: { base: record } }, activity: { kind: "preparing" } },
          },
          {
            kind: "explanation",
            gates: explainDispatch({
              issue,
              isReady: true,
              labels,
              details: { ...details, blockers: [{ reference: text, isOpen: true }] },
              trustedBots: [],
              obstacles: [],
              running: undefined,
              ahead: undefined,
              freeSlots: 0,
            }),
            isRunning: false,
          },
        ];
        const body = renderAnswers(answers, { author: text, url: text }, labels, "");
        const acting = body.slice(answerMarker.length).replace(/(?<!`)(`+)(?!`)(?:.*?[^`])??\1(?!`)/g, "");
        expect(acting).not.toMatch(/(?<!\\)<!--|(?<!\\)<script|@everyone|(?<!\\)\](?=\(javascript)|[^\P{Cc}\n]|[\u202e\p{Surrogate}]/u);
        expect(body.length).toBeLessThan(8_000);
      }),
    );
  });
});
