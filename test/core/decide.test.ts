import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decide } from "../../src/core/decide.ts";
import type { Decision } from "../../src/core/decision.ts";
import type { CiObservation, Observation, RunObservation } from "../../src/core/observation.ts";
import type { Request } from "../../src/core/requests.ts";
import type { Ledger, TurnKind, TurnOutcome } from "../../src/core/run.ts";
import { beginTurn, endRun } from "../../src/core/run-steps.ts";
import {
  after,
  check,
  claimed,
  corrected,
  details,
  idle,
  issue,
  known,
  landed,
  limits,
  noSlot,
  observeRun,
  running,
  sha,
  start,
  time,
  withCi,
  working,
} from "./example-observation.ts";

const candidate = { issue, details };
const limited = (until: string) => after({ kind: "limited", until, reason: "usage limit reached" });

/** Somebody's `/afk status`, which is as good as any. */
const request: Request = {
  comment: {
    id: 9,
    author: "ann",
    authorId: 2,
    authorIsBot: false,
    isOurs: false,
    isEdited: false,
    body: "/afk status",
    url: "https://forge.test/acme/api/issues/7#issuecomment-9",
    createdAt: time(50),
    issue: 7,
  },
  commands: [{ kind: "status" }],
  permission: "write",
  issue,
  editedSince: "unknown",
  details,
  answerComment: undefined,
  desk: undefined,
};

type Row = readonly [
  title: string,
  observation: Observation,
  decision: { readonly kind: Decision["kind"]; readonly [field: string]: unknown },
];

describe("the decision table", () => {
  it.each<Row>([
    ["halts when the switch is on, whatever else is so", observeRun(landed, {}, { isSwitchedOff: true }), { kind: "halt" }],
    ["halts when the repo is out of reach", observeRun(landed, {}, { isOutOfReach: true }), { kind: "halt" }],
    ["halts on a repo out of reach without a run, too", { ...idle, isOutOfReach: true }, { kind: "halt" }],
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
    ["waits for a slot before the first turn", observeRun(claimed, {}, noSlot), { kind: "wait", why: "no-slot" }],
    ["retries a lost turn at once", observeRun(working), { kind: "retry", turn: "implement", beginning: "retry" }],
    ["hands over a turn lost once too often", observeRun({ ...working, retries: 2 }), { kind: "end", end: { reason: "infrastructure" } }],
    [
      "backs off after a failure",
      observeRun(after({ kind: "failed", reason: "clone", tail: "" })),
      { kind: "wait", why: "backing-off", untilMs: start + 70_000 },
    ],
    [
      "retries when the backoff is over",
      observeRun(after({ kind: "failed", reason: "clone", tail: "" }), {}, { at: start + 70_000 }),
      { kind: "retry", beginning: "retry" },
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
      { kind: "retry", beginning: "resumption" },
    ],
    [
      "begins an interrupted turn again though every retry is spent",
      observeRun({ ...after({ kind: "interrupted", why: "stop" }), retries: 9 }),
      { kind: "retry", beginning: "resumption" },
    ],
    [
      "begins again what was interrupted, not the first turn",
      observeRun(corrected({ kind: "interrupted", why: "stop" }, "resolve")),
      { kind: "retry", turn: "resolve" },
    ],
    ["waits for a slot before a retry", observeRun(working, {}, noSlot), { kind: "wait", why: "no-slot" }],
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
    [
      "nudges as long as one nudge is left",
      observeRun({ ...after({ kind: "refused", gate: "committed", reason: "r", evidence: {} }), nudges: 1 }),
      { kind: "turn", turn: "nudge" },
    ],
    [
      "nudges a refused correction",
      observeRun(corrected({ kind: "refused", gate: "committed", reason: "r", evidence: {} })),
      { kind: "turn", turn: "nudge" },
    ],
    [
      "waits for a slot before a nudge",
      observeRun(after({ kind: "refused", gate: "committed", reason: "r", evidence: {} }), {}, noSlot),
      { kind: "wait", why: "no-slot" },
    ],
    ["resolves a conflict", observeRun(after({ kind: "conflict", reason: "r", evidence: {} })), { kind: "turn", turn: "resolve" }],
    [
      "hands over a conflict when no nudge is left: they share one budget",
      observeRun({ ...after({ kind: "conflict", reason: "src/sum.js", evidence: {} }), nudges: 2 }),
      { kind: "end", end: { reason: "conflict", detail: "src/sum.js" } },
    ],
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
    ["starts a released issue", { ...idle, candidates: [candidate] }, { kind: "start" }],
    ["waits for a slot before a start", { ...idle, candidates: [candidate], ...noSlot }, { kind: "wait", why: "no-slot" }],
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
});

describe("a provider's limit", () => {
  const day = 24 * 60 * 60;

  it.each<Row>([
    ["parks until it is over", observeRun(limited(time(7200))), { kind: "wait", why: "parked", untilMs: start + 7_200_000 }],
    [
      "goes on when it is over, without counting a retry",
      observeRun(limited(time(7200)), {}, { at: start + 7_200_000 }),
      { kind: "retry", turn: "implement", beginning: "unparking" },
    ],
    ["waits a minute at least", observeRun(limited(time(61))), { kind: "wait", why: "parked", untilMs: start + 120_000 }],
    ["waits a minute at least, even for a time long gone", observeRun(limited(time(-7200))), { why: "parked", untilMs: start + 120_000 }],
    ["waits a day at most", observeRun(limited(time(30 * day))), { why: "parked", untilMs: start + (60 + day) * 1000 }],
    ["waits a minute where no time is named", observeRun(limited("soon")), { why: "parked", untilMs: start + 120_000 }],
    ["is waited for though every retry is spent", observeRun({ ...limited(time(7200)), retries: 9 }), { kind: "wait", why: "parked" }],
    ["is waited for 34 times", observeRun({ ...limited(time(7200)), parks: 33 }), { kind: "wait", why: "parked" }],
    [
      "is no more waited for after that",
      observeRun({ ...limited(time(7200)), parks: 34 }),
      { kind: "end", end: { kind: "handed-over", reason: "infrastructure", detail: "usage limit reached" } },
    ],
    [
      "waits for a slot when it is over",
      observeRun(limited(time(7200)), {}, { at: start + 7_200_000, ...noSlot }),
      { kind: "wait", why: "no-slot" },
    ],
    [
      "is left behind by somebody who asks for a turn now",
      observeRun({ ...limited(time(7200)), asked: {} }),
      { kind: "turn", turn: "implement" },
    ],
  ] as readonly Row[])("%s", (_title, observation, decision) => {
    expect(decide(observation, limits)).toMatchObject(decision);
  });
});

describe("the backoff", () => {
  it.each([
    [0, 10],
    [1, 20],
    [2, 40],
    [5, 300],
    [50, 300],
  ])("after %d retries is %d seconds", (retries, seconds) => {
    const ledger = { ...after({ kind: "failed", reason: "clone", tail: "" }), retries };
    const until = start + 60_000 + seconds * 1000;
    expect(decide(observeRun(ledger), { ...limits, retryMax: 99 })).toEqual({ kind: "wait", why: "backing-off", untilMs: until });
    expect(decide(observeRun(ledger, {}, { at: until }), { ...limits, retryMax: 99 })).toMatchObject({ beginning: "retry" });
  });
});

describe("a turn that somebody asked for", () => {
  const asked = { asked: { guidance: "use a Map" } };
  const lost = (kind: TurnKind): Ledger => beginTurn(landed, { id: "t2", kind, startedAt: time(90) }, "new");

  it.each<readonly [title: string, ledger: Ledger, turn: string]>([
    ["implements where nothing was done yet", claimed, "implement"],
    ["implements where the first turn is lost", working, "implement"],
    ["implements after a blocked turn", after({ kind: "blocked", why: "w" }), "implement"],
    ["implements where AFK lands nothing", after({ kind: "proved", evidence: {}, patch: "" }), "implement"],
    ["nudges after a refusal", after({ kind: "refused", gate: "size", reason: "r", evidence: {} }), "nudge"],
    ["resolves after a conflict", after({ kind: "conflict", reason: "r", evidence: {} }), "resolve"],
    ["fixes forward what has landed", landed, "fix-forward"],
    ["fixes forward after a correction without a change", corrected({ kind: "unchanged" }), "fix-forward"],
    ["nudges a refused correction", corrected({ kind: "refused", gate: "size", reason: "r", evidence: {} }), "nudge"],
    ["does again what a lost nudge was about", lost("nudge"), "nudge"],
    ["does again what a lost resolution was about", lost("resolve"), "resolve"],
    ["does again what an interrupted nudge was about", corrected({ kind: "interrupted", why: "w" }, "nudge"), "nudge"],
    ["does again what a failed correction was about", corrected({ kind: "failed", reason: "r", tail: "" }), "fix-forward"],
    ["resolves a correction's conflict", corrected({ kind: "conflict", reason: "r", evidence: {} }), "resolve"],
  ])("%s", (_title, ledger, turn) => {
    const spent = { attempts: 99, nudges: 99, retries: 99, parks: 99 };
    expect(decide(observeRun({ ...ledger, ...spent, ...asked }), limits)).toEqual({ kind: "turn", turn });
  });

  it("comes before CI's word, red and exhausted or green", () => {
    const ledger = { ...landed, ...asked, attempts: 99 };
    expect(decide(withCi(known(check("failure")), 9_999, ledger), limits)).toMatchObject({ kind: "turn", turn: "fix-forward" });
    expect(decide(withCi(known(check("success")), 9_999, ledger), limits)).toMatchObject({ kind: "turn", turn: "fix-forward" });
  });

  it("waits for the turn under way", () => {
    expect(decide(observeRun({ ...working, ...asked }, { turn: running }), limits)).toMatchObject({ why: "turn-runs" });
  });

  it("waits for a slot", () => {
    expect(decide(observeRun({ ...landed, ...asked }, {}, noSlot), limits)).toMatchObject({ why: "no-slot" });
  });

  it("is not taken on an issue that is withdrawn", () => {
    expect(decide(observeRun({ ...landed, ...asked }, { isReady: false }), limits)).toMatchObject({ kind: "end" });
  });

  it("is one turn: when it has begun nothing is asked any more", () => {
    const begun = beginTurn({ ...landed, ...asked }, { id: "t2", kind: "fix-forward", startedAt: time(90) }, "new");
    expect([begun.asked, begun.turn?.guidance]).toEqual([undefined, "use a Map"]);
  });
});

describe("a comment with commands", () => {
  it.each<readonly [title: string, observation: Observation, kind: Decision["kind"]]>([
    ["waits while the switch is on", observeRun(working, {}, { isSwitchedOff: true }), "halt"],
    ["waits while the repo is out of reach", observeRun(working, {}, { isOutOfReach: true }), "halt"],
    ["is left to the replica that holds the run", observeRun(working, { control: { kind: "foreign", until: time(900) } }), "wait"],
    ["waits until an end is shown", observeRun(endRun(working, { kind: "closed" }, time(1))), "finish"],
    ["is answered before a withdrawn run is cancelled", observeRun(working, { isReady: false }), "answer"],
    ["is answered before a bad afk.yml ends the run", observeRun(working, {}, { policy: { kind: "faulty", faults: ["x"] } }), "answer"],
    ["is answered while a turn runs", observeRun(working, { turn: running }), "answer"],
    ["is answered before CI is judged", withCi(known(check("success")), 9_999), "answer"],
    ["is answered before the next start", { ...idle, candidates: [candidate] }, "answer"],
    ["is answered where there is no run", idle, "answer"],
    ["is answered without a slot", { ...idle, ...noSlot }, "answer"],
  ])("%s", (_title, observation, kind) => {
    expect(decide({ ...observation, request }, limits).kind).toBe(kind);
  });
});

describe("what always holds", () => {
  const outcomes: readonly TurnOutcome[] = [
    { kind: "unchanged" },
    { kind: "blocked", why: "" },
    { kind: "failed", reason: "", tail: "" },
    { kind: "timed-out", afterMs: 1, tail: "" },
    { kind: "interrupted", why: "" },
    { kind: "limited", until: time(7200), reason: "" },
    { kind: "conflict", reason: "", evidence: {} },
    { kind: "refused", gate: "secret", reason: "", evidence: {} },
    { kind: "proved", evidence: {}, patch: "" },
  ];
  const ledgers: readonly Ledger[] = [
    claimed,
    working,
    landed,
    { ...landed, redSince: time(70), rerun: { sha, at: time(80) }, failure: "f" },
    { ...landed, asked: { guidance: "g" } },
    endRun(landed, { kind: "closed" }, time(99)),
    ...outcomes.flatMap((outcome) => [after(outcome), corrected(outcome)]),
  ];
  const worlds = fc.record({
    ledger: fc.constantFrom(...ledgers),
    counts: fc.record({ attempts: fc.nat(9), nudges: fc.nat(4), retries: fc.nat(4), parks: fc.nat(40) }),
    failure: fc.constantFrom("f", "g", undefined),
    isRedBefore: fc.boolean(),
    mayRerun: fc.boolean(),
    isAsking: fc.boolean(),
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
    const ci: CiObservation = {
      landed: { sha, facts: known(check(world.conclusion)) },
      descendants: [],
      mayRerun: world.mayRerun,
      before: { sha: "b".repeat(40), facts: known(check(world.isRedBefore ? "failure" : "success", 0)) },
      ...(world.failure === undefined ? {} : { failure: world.failure }),
    };
    const run = {
      ledger,
      control: world.control,
      issue: { ...issue, isOpen: world.isOpen },
      isReady: world.isReady,
      turn: world.isRunning ? running : ({ kind: "unknown" } as const),
      ci: ledger.landed === undefined || world.isRunning ? undefined : ci,
    };
    const { isSwitchedOff, isEnrolled, free, seconds } = world;
    const asking = world.isAsking ? request : undefined;
    return { ...idle, run, request: asking, isSwitchedOff, isEnrolled, at: start + seconds * 1000, slots: { free, olderElsewhere: 0 } };
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
    [
      "a re-run is asked for once for each landed commit",
      (seen, decision) => decision.kind !== "rerun" || seen.run?.ledger.rerun?.sha !== sha,
    ],
    [
      "nobody is spent on what was red before",
      (seen, decision) =>
        seen.run?.ledger.asked !== undefined ||
        !(decision.kind === "rerun" || (decision.kind === "turn" && decision.turn === "fix-forward")) ||
        seen.run?.ci?.before?.facts.kind !== "known" ||
        seen.run.ci.before.facts.checks[0]?.conclusion !== "failure",
    ],
    [
      "no more corrections than the budget has, unless somebody asks",
      (seen, decision) =>
        !(decision.kind === "turn" && decision.turn === "fix-forward") ||
        seen.run?.ledger.asked !== undefined ||
        (seen.run?.ledger.attempts ?? 0) <= limits.fixForwardMaxAttempts,
    ],
    [
      "no more nudges than the budget has, unless somebody asks",
      (seen, decision) =>
        !(decision.kind === "turn" && (decision.turn === "nudge" || decision.turn === "resolve")) ||
        seen.run?.ledger.asked !== undefined ||
        (seen.run?.ledger.nudges ?? 0) < limits.nudgeMax,
    ],
    ["a comment is answered only when there is one", (seen, decision) => decision.kind !== "answer" || seen.request !== undefined],
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
