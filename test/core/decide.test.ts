import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decide, type Decision, type Limits } from "../../src/core/decide.ts";
import type { Observation, RunObservation } from "../../src/core/observation.ts";
import { combine } from "../../src/core/policy.ts";
import { beginTurn, concludeTurn, endRun, openLedger, recordLanding, type Ledger, type TurnOutcome } from "../../src/core/run.ts";
import type { CheckRun, CommitFacts } from "../../src/core/verdict.ts";

const start = Date.parse("2026-01-05T09:00:00Z");
const time = (seconds: number) => new Date(start + seconds * 1000).toISOString();
const limits: Limits = { nudgeMax: 2, retryMax: 2, fixForwardMaxAttempts: 5, fixForwardMaxMs: 3_600_000, trustedBots: [] };
const { policy } = combine(
  { landing: "push", agent: "command", agentsAllowed: ["command"], mayLoosen: [], budgetUsd: 100, turnTimeoutMs: 1000 },
  { ci: { settleMs: 15_000, timeoutMs: 3_600_000 } },
  { defaultBranch: "main", isPrivate: true },
);

const claimed = openLedger({
  repoId: 1,
  issue: 7,
  run: "7-a",
  approval: { by: "ann", byId: 2, at: time(-60), contentHash: "0".repeat(64) },
  base: "main",
  startedAt: time(0),
});
const working = beginTurn(claimed, { id: "t1", kind: "implement", startedAt: time(0) }, "new");
const landed = recordLanding(working, "t1", { sha: "a".repeat(40), branch: "main", at: time(60) }, {});
const after = (outcome: TurnOutcome, ledger: Ledger = working) => concludeTurn(ledger, "t1", outcome, time(60));

const issue = {
  number: 7,
  title: "Sum is wrong",
  body: "",
  author: "ann",
  labels: ["ready-for-agent"],
  isOpen: true,
  isLocked: false,
  url: "https://forge.test/acme/api/issues/7",
  updatedAt: time(0),
};

function observeRun(ledger: Ledger, change: Partial<RunObservation> = {}, world: Partial<Observation> = {}): Observation {
  const run: RunObservation = {
    ledger,
    control: { kind: "held" },
    issue,
    isReady: true,
    turn: { kind: "unknown" },
    ci: undefined,
    ...change,
  };
  return { ...idle, run, ...world };
}

const idle: Observation = {
  repo: { owner: "acme", name: "api" },
  at: start + 60_000,
  isSwitchedOff: false,
  isEnrolled: true,
  policy: { kind: "ok", policy },
  run: undefined,
  candidates: [],
  obstacles: [],
  slots: { free: 1, olderElsewhere: 0 },
};

function check(conclusion: string | undefined, seconds = 60): CheckRun {
  return {
    id: 1,
    app: "ci",
    name: "test",
    conclusion,
    startedAt: time(seconds),
    completedAt: conclusion === undefined ? undefined : time(seconds),
    url: "https://ci",
  };
}

function withCi(facts: CommitFacts, atSeconds: number, ledger: Ledger = landed): Observation {
  return observeRun(ledger, { ci: { landed: { sha: "a".repeat(40), facts }, descendants: [] } }, { at: start + atSeconds * 1000 });
}
const known = (...checks: CheckRun[]): CommitFacts => ({ kind: "known", checks, statuses: [] });

const running = { kind: "running", progress: { phase: "workspace", lines: [], evidence: {} } } as const;
const candidate = {
  issue,
  details: {
    release: { by: "ann", byId: 2, byIsBot: false, at: time(-60), editedSince: "no" },
    releaserPermission: "write",
    authorPermission: "write",
    blockers: [],
    previous: undefined,
  },
} as const;

type Row = readonly [
  title: string,
  observation: Observation,
  decision: { readonly kind: Decision["kind"]; readonly [field: string]: unknown },
];

describe("the decision table", () => {
  it.each<Row>([
    ["halts when the switch is on, whatever else is so", observeRun(landed, {}, { isSwitchedOff: true }), { kind: "halt" }],
    [
      "leaves a run alone that another replica holds",
      observeRun(working, { control: { kind: "foreign", until: time(900) } }),
      { kind: "wait", why: "held-elsewhere", untilMs: start + 900_000 },
    ],
    [
      "finishes an ended run, even on a closed issue",
      observeRun(endRun(working, { kind: "closed" }, time(1)), { issue: { ...issue, isOpen: false } }),
      { kind: "finish" },
    ],
    [
      "cancels when the repo is no longer enrolled",
      observeRun(working, {}, { isEnrolled: false }),
      { kind: "end", end: { kind: "cancelled", reason: "not-enrolled" } },
    ],
    [
      "cancels when the issue is gone",
      observeRun(working, { issue: undefined, turn: running }),
      { kind: "end", end: { kind: "cancelled", reason: "issue-gone" } },
    ],
    [
      "cancels when the issue is closed",
      observeRun(working, { issue: { ...issue, isOpen: false } }),
      { kind: "end", end: { kind: "cancelled", reason: "issue-closed" } },
    ],
    [
      "cancels when the ready label is taken off",
      observeRun(landed, { isReady: false }),
      { kind: "end", end: { kind: "cancelled", reason: "label-removed" } },
    ],
    [
      "hands over on a bad afk.yml",
      observeRun(claimed, {}, { policy: { kind: "faulty", faults: ["x"] } }),
      { kind: "end", end: { kind: "handed-over", reason: "bad-repo-config", detail: "x" } },
    ],
    ["waits for a running turn", observeRun(working, { turn: running }), { kind: "wait", why: "turn-runs" }],
    ["begins the first turn of a claimed run", observeRun(claimed), { kind: "turn", turn: "implement" }],
    [
      "waits for a slot before the first turn",
      observeRun(claimed, {}, { slots: { free: 0, olderElsewhere: 0 } }),
      { kind: "wait", why: "no-slot" },
    ],
    ["retries a lost turn at once", observeRun(working), { kind: "retry", turn: "implement", counts: true }],
    ["hands over a turn lost once too often", observeRun({ ...working, retries: 2 }), { kind: "end", end: { reason: "infrastructure" } }],
    [
      "backs off after a failure",
      observeRun(after({ kind: "failed", reason: "clone", tail: "" })),
      { kind: "wait", why: "backing-off", untilMs: start + 70_000 },
    ],
    [
      "retries when the backoff is over",
      observeRun(after({ kind: "failed", reason: "clone", tail: "" }), {}, { at: start + 70_000 }),
      { kind: "retry", counts: true },
    ],
    [
      "doubles the backoff",
      observeRun({ ...after({ kind: "timed-out", afterMs: 1, tail: "" }), retries: 1 }),
      { kind: "wait", why: "backing-off", untilMs: start + 80_000 },
    ],
    [
      "hands over after the last retry",
      observeRun({ ...after({ kind: "timed-out", afterMs: 2000, tail: "" }), retries: 2 }),
      { kind: "end", end: { reason: "timed-out" } },
    ],
    [
      "begins an interrupted turn again without counting",
      observeRun(after({ kind: "interrupted", why: "stop" })),
      { kind: "retry", counts: false },
    ],
    [
      "nudges after a refusal",
      observeRun(after({ kind: "refused", gate: "committed", reason: "r", evidence: {} })),
      { kind: "turn", turn: "nudge" },
    ],
    [
      "hands over a refusal when no nudge is left",
      observeRun({ ...after({ kind: "refused", gate: "committed", reason: "r", evidence: {} }), nudges: 2 }),
      { kind: "end", end: { reason: "gate-refused", detail: "r" } },
    ],
    ["resolves a conflict", observeRun(after({ kind: "conflict", reason: "r", evidence: {} })), { kind: "turn", turn: "resolve" }],
    [
      "hands over a blocked agent",
      observeRun(after({ kind: "blocked", why: "w" })),
      { kind: "end", end: { reason: "blocked", detail: "w" } },
    ],
    ["hands over an unchanged workspace", observeRun(after({ kind: "unchanged" })), { kind: "end", end: { reason: "unchanged" } }],
    ["hands over a red base", observeRun(after({ kind: "base-red", evidence: {} })), { kind: "end", end: { reason: "base-red" } }],
    [
      "hands over an unworkable repo",
      observeRun(after({ kind: "unworkable", reason: "w" })),
      { kind: "end", end: { reason: "unworkable" } },
    ],
    [
      "hands over what is proved and not to land",
      observeRun(after({ kind: "proved", evidence: {}, patch: "" })),
      { kind: "end", end: { reason: "proved-not-landed" } },
    ],
    [
      "waits for running checks until the deadline",
      withCi(known(check(undefined)), 61),
      { kind: "wait", why: "ci-pending", untilMs: start + 3_660_000 },
    ],
    ["hands over running checks at the deadline", withCi(known(check(undefined)), 3660), { kind: "end", end: { reason: "ci-timeout" } }],
    ["waits for checks to appear", withCi(known(), 61), { kind: "wait", why: "ci-pending" }],
    ["hands over absent checks at the deadline", withCi(known(), 3660), { kind: "end", end: { reason: "ci-absent" } }],
    [
      "hands over unknown checks at the deadline",
      withCi({ kind: "unknown", why: "403" }, 3660),
      { kind: "end", end: { reason: "ci-unknown", detail: "403" } },
    ],
    ["lets green settle", withCi(known(check("success", 70)), 84), { kind: "wait", why: "ci-settling", untilMs: start + 85_000 }],
    ["closes on settled green", withCi(known(check("success", 70)), 85), { kind: "end", end: { kind: "closed" } }],
    ["fixes red forward", withCi(known(check("failure")), 61), { kind: "turn", turn: "fix-forward" }],
    [
      "waits for a slot before fixing forward",
      { ...withCi(known(check("failure")), 61), slots: { free: 0, olderElsewhere: 0 } },
      { kind: "wait", why: "no-slot" },
    ],
    [
      "freezes when the attempts are spent",
      withCi(known(check("failure")), 61, { ...landed, attempts: 6 }),
      { kind: "end", end: { reason: "ci-red", detail: "test" } },
    ],
    ["freezes when the time is spent", withCi(known(check("failure")), 3660), { kind: "end", end: { reason: "ci-red" } }],
    ["starts a released issue", { ...idle, candidates: [candidate] }, { kind: "start" }],
    [
      "waits for a slot before a start",
      { ...idle, candidates: [candidate], slots: { free: 0, olderElsewhere: 0 } },
      { kind: "wait", why: "no-slot" },
    ],
    [
      "leaves the slot to an older release elsewhere",
      { ...idle, candidates: [candidate], slots: { free: 1, olderElsewhere: 1 } },
      { kind: "wait", why: "no-slot" },
    ],
    [
      "starts nothing in an obstructed repo",
      { ...idle, candidates: [candidate], obstacles: [{ kind: "archived" }] },
      { kind: "wait", why: "nothing-to-start" },
    ],
    ["waits when there is nothing to do", idle, { kind: "wait", why: "nothing-to-start" }],
  ])("%s", (_title, observation, decision) => {
    expect(decide(observation, limits)).toMatchObject(decision);
  });

  it("closes an absent verdict where the repo says that it has no CI", () => {
    const none = { ...policy, ci: { ...policy.ci, none: true } };
    expect(decide({ ...withCi(known(), 61), policy: { kind: "ok", policy: none } }, limits)).toEqual({
      kind: "end",
      end: { kind: "closed" },
    });
  });
});

describe("what always holds", () => {
  const outcomes: readonly TurnOutcome[] = [
    { kind: "unchanged" },
    { kind: "blocked", why: "" },
    { kind: "failed", reason: "", tail: "" },
    { kind: "timed-out", afterMs: 1, tail: "" },
    { kind: "interrupted", why: "" },
    { kind: "refused", gate: "secret", reason: "", evidence: {} },
    { kind: "proved", evidence: {}, patch: "" },
  ];
  const ledgers = [claimed, working, landed, endRun(landed, { kind: "closed" }, time(99)), ...outcomes.map((outcome) => after(outcome))];
  const worlds = fc.record({
    ledger: fc.constantFrom(...ledgers),
    counts: fc.record({ attempts: fc.nat(9), nudges: fc.nat(4), retries: fc.nat(4) }),
    control: fc.constantFrom<RunObservation["control"]>({ kind: "held" }, { kind: "free" }, { kind: "foreign", until: time(500) }),
    conclusion: fc.constantFrom("success", "failure", "skipped", "cancelled", undefined),
    isRunning: fc.boolean(),
    isOpen: fc.boolean(),
    isReady: fc.boolean(),
    isSwitchedOff: fc.boolean(),
    isEnrolled: fc.boolean(),
    free: fc.nat(2),
    seconds: fc.nat(9000),
  });

  function build(world: typeof worlds extends fc.Arbitrary<infer W> ? W : never): Observation {
    const ledger = { ...world.ledger, ...world.counts };
    const ci =
      ledger.landed === undefined ? undefined : { landed: { sha: "a".repeat(40), facts: known(check(world.conclusion)) }, descendants: [] };
    const run = {
      ledger,
      control: world.control,
      issue: { ...issue, isOpen: world.isOpen },
      isReady: world.isReady,
      turn: world.isRunning ? running : ({ kind: "unknown" } as const),
      ci,
    };
    const { isSwitchedOff, isEnrolled, free, seconds } = world;
    return { ...idle, run, isSwitchedOff, isEnrolled, at: start + seconds * 1000, slots: { free, olderElsewhere: 0 } };
  }

  const invariants: readonly (readonly [title: string, holds: (observation: Observation, decision: Decision) => boolean])[] = [
    ["nothing but halting happens while the switch is on", (seen, decision) => !seen.isSwitchedOff || decision.kind === "halt"],
    ["no second run starts while one has the repo", (_seen, decision) => decision.kind !== "start"],
    [
      "a run another replica holds is only waited for",
      (seen, decision) => seen.isSwitchedOff || seen.run?.control.kind !== "foreign" || decision.kind === "wait",
    ],
    [
      "no turn begins while one runs",
      (seen, decision) =>
        !(decision.kind === "turn" || decision.kind === "retry") ||
        seen.run?.turn.kind !== "running" ||
        seen.run.ledger.turn?.outcome !== undefined,
    ],
    ["no turn begins without a slot", (seen, decision) => !(decision.kind === "turn" || decision.kind === "retry") || seen.slots.free > 0],
    [
      "closed means that the landed commit was green",
      (seen, decision) =>
        !(decision.kind === "end" && decision.end.kind === "closed") ||
        (seen.run?.ledger.landed !== undefined &&
          seen.run.ci?.landed.facts.kind === "known" &&
          seen.run.ci.landed.facts.checks[0]?.conclusion === "success"),
    ],
    [
      "a wait with a deadline names one that is still to come",
      (seen, decision) =>
        !(decision.kind === "wait" && decision.untilMs !== undefined && decision.why !== "held-elsewhere") || decision.untilMs > seen.at,
    ],
    ["deciding twice decides the same", (seen, decision) => JSON.stringify(decide(seen, limits)) === JSON.stringify(decision)],
  ];

  it.each(invariants)("%s", (_title, holds) => {
    const result = fc.check(
      fc.property(worlds, (world) => holds(build(world), decide(build(world), limits))),
      { numRuns: 2_000 },
    );
    expect(result.failed ? fc.defaultReportMessage(result) : "holds").toBe("holds");
  });
});
