import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ForgeError } from "../../src/ports.ts";
import type { TurnOutcome } from "../../src/core/run.ts";
import { createBotTester, provenEvidence, type BotTester } from "../support/bot-tester.ts";

const issues = [1, 2] as const;
const outcomes: readonly TurnOutcome[] = [
  { kind: "refused", gate: "tests-red", reason: "It proves nothing.", evidence: provenEvidence },
  { kind: "conflict", reason: "src/sum.js", evidence: provenEvidence },
  { kind: "failed", reason: "crash", tail: "" },
  { kind: "limited", until: "2026-01-05T10:00:00Z", reason: "limit" },
  { kind: "unchanged" },
  { kind: "blocked", why: "unclear" },
];

/** Whatever people, the agent, CI and fate may do next; what is impossible right now is not done. */
const steps = {
  land: (afk: BotTester) => whenBusy(afk, () => landOrFail(afk)),
  end: (afk: BotTester, n: number) => whenBusy(afk, () => afk.agentEnds(outcomes[n % outcomes.length]!)),
  ci: async (afk: BotTester, n: number) => {
    const sha = afk.ledger()?.landed?.sha;
    if (sha !== undefined) await afk.ci(sha, ["success", "failure", undefined, "cancelled"][n % 4], `job ${n % 2}`);
  },
  say: (afk: BotTester, n: number) =>
    afk.say(pick(n), ["/afk retry", "/afk fix more", "/afk cancel", "/afk status", "/afk explain\n/afk retry again"][n % 5]!),
  label: (afk: BotTester, n: number) => afk.label(pick(n)),
  unlabel: (afk: BotTester, n: number) => afk.play(() => afk.forge.unlabel(afk.api, pick(n), "ready-for-agent", "ann")),
  close: (afk: BotTester, n: number) => afk.play(() => afk.forge.close(afk.api, pick(n), "ann")),
  reopen: (afk: BotTester, n: number) => afk.play(() => afk.forge.reopen(afk.api, pick(n), "ann")),
  crash: (afk: BotTester) => afk.crash(),
  restart: (afk: BotTester) => afk.restart(),
  pause: async (afk: BotTester) => {
    await afk.play(() => afk.setSwitch(true));
    await afk.advance(60_000);
    await afk.play(() => afk.setSwitch(false));
  },
  break: async (afk: BotTester, n: number) => {
    const methods = ["createComment", "editComment", "addLabel", "removeLabel", "react", "closeIssue", "readIssue", "listIssues"] as const;
    afk.forge.failNext(methods[n % methods.length]!, new ForgeError("bad gateway", 502), n % 3 === 0 ? "before" : "after");
  },
  /** Found out by the next sweep. An issue that nobody wants any more by the time its turn comes again keeps its labels: that is left out. */
  loseLock: async (afk: BotTester) => {
    if (issues.every((issue) => afk.labels(issue).includes("ready-for-agent"))) return;
    afk.locks.locks.clear();
    await afk.advance(120_000);
  },
  wait: (afk: BotTester, n: number) => afk.advance([1_000, 15_000, 60_000, 600_000][n % 4]!),
} as const satisfies Record<string, (afk: BotTester, n: number) => Promise<unknown>>;

function pick(n: number): number {
  return issues[n % issues.length]!;
}

async function whenBusy(afk: BotTester, act: () => Promise<unknown>): Promise<void> {
  if (afk.executor().capacity().busy > 0) await act();
}

/** A turn whose claim no longer holds lands nothing. */
async function landOrFail(afk: BotTester): Promise<void> {
  try {
    await afk.agentLands();
  } catch (error) {
    expect(String(error)).toContain("StaleClaimError");
    await afk.agentEnds({ kind: "failed", reason: "the claim does not hold", tail: "" });
  }
}

function expectSane(afk: BotTester): void {
  expect(afk.executor().capacity().busy).toBeLessThanOrEqual(1);
  const { retries = 0 } = afk.ledger() ?? {};
  expect(retries).toBeLessThanOrEqual(2);
  for (const issue of issues) {
    const told = afk.comments(issue).flatMap((body) => /^<!-- afk:answer -->|<!-- afk:end [^>]*-->$/.exec(body)?.[0] ?? []);
    expect(told.toSorted()).toEqual([...new Set(told)].toSorted());
  }
}

/** Everybody does well from here on: every run ends, and every issue is in exactly one state. */
async function comeToRest(afk: BotTester): Promise<void> {
  for (let round = 0; round < 60; round += 1) {
    if (afk.executor().capacity().busy > 0) await steps.land(afk);
    const sha = afk.ledger()?.landed?.sha;
    if (sha !== undefined) for (const job of ["job 0", "job 1"]) await afk.ci(sha, "success", job);
    await afk.advance(240_000);
  }
  expect(afk.ledger()).toBeUndefined();
  expect(afk.executor().capacity().busy).toBe(0);
  for (const issue of issues) {
    const labels = afk.labels(issue);
    expect(labels).not.toContain("agent-in-progress");
    expect(afk.isOpen(issue) && labels.includes("ready-for-agent")).toBe(false);
  }
}

const walk = fc.array(fc.tuple(fc.constantFrom(...(Object.keys(steps) as (keyof typeof steps)[])), fc.nat(100)), {
  minLength: 3,
  maxLength: 14,
});

async function live(story: readonly (readonly [keyof typeof steps, number])[]): Promise<void> {
  const afk = await createBotTester();
  await afk.open("One");
  await afk.open("Two");
  await afk.advance(1_000);
  for (const [step, n] of story) {
    await steps[step](afk, n);
    await afk.advance(1_000);
    expectSane(afk);
  }
  await comeToRest(afk);
  expectSane(afk);
}

describe("whatever happens", () => {
  it("every run ends, nothing is said twice, and no budget is exceeded", async () => {
    await expect(fc.assert(fc.asyncProperty(walk, live), { numRuns: 30 })).resolves.toBeUndefined();
  }, 60_000);
});
