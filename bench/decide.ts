import { decide } from "../src/core/decide.ts";
import type { Limits } from "../src/core/decision.ts";
import type { Candidate, IssueFacts, Observation, RunObservation } from "../src/core/observation.ts";
import { combine } from "../src/core/policy.ts";
import type { Ledger } from "../src/core/run.ts";
import { beginTurn, concludeTurn, openLedger, recordLanding } from "../src/core/run-steps.ts";
import type { CheckRun } from "../src/core/verdict.ts";
import type { Bench } from "./bench.ts";

const rounds = 10;
const observations = 10_000;
/** What a busy repo has: issues with the ready label, and the jobs of a build matrix. */
const candidatesEach = 10;
const checksEach = 20;

export const benchDecide: Bench = {
  name: "decide",
  about: `decide() over ${observations.toLocaleString("en")} observations: queues of ${candidatesEach} issues, runs in every state, ${checksEach} checks`,
  run() {
    const seen = Array.from({ length: observations }, (_, number) => makeObservation(number));
    const samples: number[] = [];
    const kinds = new Set<string>();
    for (let round = 0; round <= rounds; round += 1) {
      const startedAt = performance.now();
      for (const observation of seen) kinds.add(decide(observation, limits).kind);
      // The first round warms up.
      if (round > 0) samples.push((observations * 1000) / (performance.now() - startedAt));
    }
    if (kinds.size < 5) throw new Error(`only ${[...kinds].join(", ")} was decided: these observations are too much alike`);
    return Promise.resolve([{ name: "decisions", unit: "per s", samples }]);
  },
};

const start = Date.parse("2026-01-05T09:00:00Z");
const time = (seconds: number): string => new Date(start + seconds * 1000).toISOString();
const limits: Limits = { nudgeMax: 2, retryMax: 2, fixForwardMaxAttempts: 5, fixForwardMaxMs: 3_600_000, trustedBots: [] };
const { policy } = combine(
  { landing: "push", agent: "command", agentsAllowed: ["command"], mayLoosen: [], budgetUsd: 100, turnTimeoutMs: 2_700_000 },
  {},
  { defaultBranch: "main", isPrivate: true },
);

/** One of many: by turns a repo with a queue and one with a run. */
function makeObservation(number: number): Observation {
  const common: Observation = {
    repo: { owner: "acme", name: `repo-${number}` },
    at: start + (number % 200) * 1000,
    isSwitchedOff: number % 97 === 0,
    isEnrolled: number % 89 !== 0,
    isOutOfReach: false,
    policy: { kind: "ok", policy },
    request: undefined,
    run: undefined,
    candidates: [],
    obstacles: [],
    slots: { free: number % 3, olderElsewhere: 0 },
  };
  return number % 2 === 0 ? { ...common, candidates: makeQueue(number) } : { ...common, run: makeRun(number) };
}

function makeQueue(number: number): readonly Candidate[] {
  return Array.from({ length: candidatesEach }, (_, at) => ({
    issue: makeIssue(number + at),
    details: {
      release: { by: "ann", byId: 2, byIsBot: false, at: time(-60), editedSince: "no" },
      releaserPermission: at % 3 === 0 ? "read" : "write",
      authorPermission: at % 4 === 0 ? "none" : "write",
      blockers: at % 5 === 0 ? [{ reference: "#1", isOpen: true }] : [],
      previous: undefined,
      commandsThrough: 0,
    },
  }));
}

function makeIssue(number: number): IssueFacts {
  const labels = number % 4 === 0 ? ["ready-for-agent", `priority:${number % 3}`] : ["ready-for-agent"];
  const url = `https://forge.test/acme/repo/issues/${number}`;
  return {
    number,
    title: `Issue ${number}`,
    body: "As the title says. ".repeat(20),
    author: "ann",
    labels,
    isOpen: true,
    isLocked: false,
    url,
    updatedAt: time(0),
  };
}

/** Claimed, at work, refused, failed, landed with CI in every state, ended. */
function makeRun(number: number): RunObservation {
  const approval = { by: "ann", byId: 2, at: time(-60), contentHash: "0".repeat(64) };
  const claimed = openLedger({ repoId: 1, issue: number, run: `${number}-a`, approval, base: "main", startedAt: time(0) });
  const working = beginTurn(claimed, { id: "t1", kind: "implement", startedAt: time(0) }, "new");
  const landed = recordLanding(working, "t1", { sha: "a".repeat(40), branch: "main", at: time(60) }, "b".repeat(40), {});
  const ledgers: readonly Ledger[] = [
    claimed,
    working,
    concludeTurn(working, "t1", { kind: "refused", gate: "tests-red", reason: "no tests", evidence: {} }, time(60)),
    concludeTurn(working, "t1", { kind: "failed", reason: "crash", tail: "" }, time(60)),
    landed,
    landed,
    landed,
    { ...landed, end: { kind: "closed", at: time(90) } },
  ];
  const ledger = ledgers[number % ledgers.length] ?? landed;
  const facts = { kind: "known", checks: makeChecks(number), statuses: [] } as const;
  return {
    ledger,
    control: { kind: "held" },
    issue: makeIssue(number),
    isReady: number % 31 !== 0,
    turn: { kind: "unknown" },
    ci:
      ledger.landed === undefined || ledger.end !== undefined
        ? undefined
        : { landed: { sha: ledger.landed.sha, facts }, descendants: [], mayRerun: number % 2 === 0 },
  };
}

function makeChecks(number: number): readonly CheckRun[] {
  return Array.from({ length: checksEach }, (_, at) => {
    const conclusion = number % 5 === 0 && at === 3 ? "failure" : number % 7 === 0 && at === 5 ? undefined : "success";
    const completedAt = conclusion === undefined ? undefined : time(70);
    return { id: at, app: "ci", name: `job ${at}`, conclusion, startedAt: time(61), completedAt, url: "https://ci.test" };
  });
}
