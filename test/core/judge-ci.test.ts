import { describe, expect, it } from "vitest";
import { decide } from "../../src/core/decide.ts";
import { redByUs } from "../../src/core/judge-ci.ts";
import type { CiObservation, Observation } from "../../src/core/observation.ts";
import type { Ledger } from "../../src/core/run.ts";
import { moveDeadlines } from "../../src/core/run-steps.ts";
import { contextsThat, foldVerdict } from "../../src/core/verdict.ts";
import { check, corrected, known, landed, limits, noSlot, observeRun, policy, sha, start, time, withCi } from "./example-observation.ts";

type Row = readonly [title: string, observation: Observation, decision: { readonly [field: string]: unknown }];

const red = known(check("failure"));
const green = known(check("success", 70));

/** A commit status, which nobody can run again. */
const redStatus = {
  kind: "known",
  checks: [],
  statuses: [{ id: 1, context: "lint", state: "failure", at: time(60), url: "" }],
} as const;

function expectRows(rows: readonly Row[]): void {
  it.each(rows)("%s", (_title, observation, decision) => {
    expect(decide(observation, limits)).toMatchObject(decision);
  });
}

describe("what became of the landed commit", () => {
  expectRows([
    [
      "is waited for while checks run",
      withCi(known(check(undefined)), 61),
      { kind: "wait", why: "ci-pending", untilMs: start + 3_660_000 },
    ],
    [
      "is handed over at the deadline, with the names of what still runs",
      withCi(known(check(undefined)), 3660),
      { kind: "end", end: { reason: "ci-timeout", detail: "test" } },
    ],
    ["is waited for until checks appear", withCi(known(), 61), { kind: "wait", why: "ci-pending" }],
    ["is handed over without checks at the deadline", withCi(known(), 3660), { kind: "end", end: { reason: "ci-absent" } }],
    ["is waited for while the forge will not say", withCi({ kind: "unknown", why: "403" }, 61), { kind: "wait", why: "ci-pending" }],
    [
      "is handed over when the forge will not say until the deadline",
      withCi({ kind: "unknown", why: "403" }, 3660),
      { kind: "end", end: { reason: "ci-unknown", detail: "403" } },
    ],
    ["settles when it is green", withCi(green, 84), { kind: "wait", why: "ci-settling", untilMs: start + 85_000 }],
    ["is closed when it has settled", withCi(green, 85), { kind: "end", end: { kind: "closed" } }],
    ["is closed though the deadline is over", withCi(green, 99_999), { kind: "end", end: { kind: "closed" } }],
    ["is not judged before it was looked at", observeRun(landed), { kind: "wait", why: "nothing-to-start" }],
    [
      "has a deadline that pauses move on",
      withCi(known(check(undefined)), 3660, moveDeadlines(landed, 1_800_000)),
      { kind: "wait", untilMs: start + 5_460_000 },
    ],
    ["has a deadline from a re-run on", withCi(known(check(undefined)), 3660, { ...landed, ciSince: time(600) }), { kind: "wait" }],
    ["is fixed forward when it is red", withCi(red, 61), { kind: "turn", turn: "fix-forward" }],
    ["waits for a slot to be fixed forward", { ...withCi(red, 61), ...noSlot }, { kind: "wait", why: "no-slot" }],
  ]);

  it("is closed without a check where the repo says that it has no CI", () => {
    const none = { ...policy, ci: { ...policy.ci, none: true } };
    expect(decide({ ...withCi(known(), 61), policy: { kind: "ok", policy: none } }, limits)).toEqual({
      kind: "end",
      end: { kind: "closed" },
    });
  });
});

describe("the budget of corrections", () => {
  const since = (seconds: number, ledger: Ledger = landed): Ledger => ({ ...ledger, redSince: time(seconds) });

  expectRows([
    ["lets the fifth one begin", withCi(red, 61, { ...landed, attempts: 5 }), { kind: "turn", turn: "fix-forward" }],
    ["lets no sixth one begin", withCi(red, 61, { ...landed, attempts: 6 }), { kind: "end", end: { reason: "ci-red", detail: "test" } }],
    ["counts its hour from the first red, not from the landing", withCi(red, 99_999), { kind: "turn" }],
    ["lets one begin in its last second", withCi(red, 3669, since(70)), { kind: "turn", turn: "fix-forward" }],
    ["lets none begin when its hour is over", withCi(red, 3670, since(70)), { kind: "end", end: { reason: "ci-red" } }],
    ["does not count pauses", withCi(red, 3670, moveDeadlines(since(70), 1_000)), { kind: "turn" }],
    [
      "keeps the first red though a later commit has landed",
      withCi(red, 3670, since(70, corrected({ kind: "landed", evidence: {} }))),
      {
        kind: "end",
      },
    ],
  ]);

  it("of none hands over the first red", () => {
    expect(decide(withCi(red, 61), { ...limits, fixForwardMaxAttempts: 0 })).toMatchObject({ end: { reason: "ci-red" } });
  });
});

describe("a failure", () => {
  const fixed = { ...corrected({ kind: "landed", evidence: {} }), failure: "digest" };

  expectRows([
    ["is noted with the correction it is about", withCi(red, 130, landed, { failure: "digest" }), { kind: "turn", failure: "digest" }],
    [
      "that a correction did not change is handed over",
      withCi(red, 130, fixed, { failure: "digest" }),
      { kind: "end", end: { reason: "ci-red-again", detail: "test" } },
    ],
    ["that differs is corrected again", withCi(red, 130, fixed, { failure: "another" }), { kind: "turn", failure: "another" }],
    ["nobody knows is corrected again, up to the budget", withCi(red, 130, fixed), { kind: "turn", turn: "fix-forward" }],
    [
      "the same again is named so even when the attempts are spent, too",
      withCi(red, 130, { ...fixed, attempts: 9 }, { failure: "digest" }),
      { end: { reason: "ci-red-again" } },
    ],
  ]);

  it("nobody knows leaves no digest behind", () => {
    expect(decide(withCi(red, 130), limits)).toEqual({ kind: "turn", turn: "fix-forward" });
  });
});

describe("what was red before", () => {
  const before = (facts: NonNullable<CiObservation["before"]>["facts"]) => ({ before: { sha: "b".repeat(40), facts } });
  const both = known(check("failure", 60, { id: 1, name: "lint" }), check("failure", 60, { id: 2, name: "test" }));

  expectRows([
    [
      "is not ours: nobody is spent on it",
      withCi(red, 61, landed, { ...before(known(check("failure", 0))), mayRerun: true }),
      { kind: "end", end: { reason: "ci-red-before", detail: "test" } },
    ],
    [
      "does not excuse what is red besides",
      withCi(both, 61, { ...landed, attempts: 9 }, before(known(check("failure", 0, { name: "lint" })))),
      { kind: "end", end: { reason: "ci-red", detail: "test" } },
    ],
    [
      "is left out when failed jobs run again",
      withCi(both, 61, landed, { ...before(known(check("failure", 0, { name: "lint" }))), mayRerun: true }),
      { kind: "rerun", checks: [2] },
    ],
    ["is nothing when it was green", withCi(red, 61, landed, before(known(check("success", 0)))), { kind: "turn" }],
    ["is nothing when it still ran", withCi(red, 61, landed, before(known(check(undefined, 0)))), { kind: "turn" }],
    ["is nothing when the forge will not say", withCi(red, 61, landed, before({ kind: "unknown", why: "404" })), { kind: "turn" }],
  ]);

  it("goes by the names of checks and statuses alike", () => {
    const contexts = contextsThat(foldVerdict(redStatus, { required: [] }), "red");
    expect(redByUs(contexts, before(known(check("failure", 0, { name: "lint" }))))).toEqual([]);
    expect(redByUs(contexts, {})).toEqual(contexts);
  });
});

describe("a re-run of failed jobs", () => {
  const rerun = { ...landed, rerun: { sha, at: time(100) } };
  const may = { mayRerun: true };
  const mixed = { ...redStatus, checks: [check("failure", 60, { id: 5 }), check("success", 60, { id: 6, name: "docs" })] };

  expectRows([
    ["comes before the first correction", withCi(red, 61, landed, may), { kind: "rerun", checks: [1] }],
    ["names the failed jobs alone", withCi(mixed, 61, landed, may), { kind: "rerun", checks: [5] }],
    ["needs no slot", { ...withCi(red, 61, landed, may), ...noSlot }, { kind: "rerun" }],
    ["is left out where AFK may not", withCi(red, 61), { kind: "turn", turn: "fix-forward" }],
    ["is left out where only a status is red", withCi(redStatus, 61, landed, may), { kind: "turn", turn: "fix-forward" }],
    ["comes though every correction is spent", withCi(red, 61, { ...landed, attempts: 9 }, may), { kind: "rerun" }],
    [
      "is waited for while the forge still shows the old failure",
      withCi(red, 101, rerun, may),
      { kind: "wait", why: "ci-rerun", untilMs: start + 160_000 },
    ],
    ["is waited for no longer than a minute", withCi(red, 160, rerun, may), { kind: "turn", turn: "fix-forward" }],
    ["that fails again is fixed forward", withCi(known(check("failure", 130)), 131, rerun, may), { kind: "turn", turn: "fix-forward" }],
    ["that runs is waited for", withCi(known(check(undefined, 130)), 131, rerun, may), { kind: "wait", why: "ci-pending" }],
    ["that passes closes", withCi(known(check("success", 130)), 145, rerun, may), { kind: "end", end: { kind: "closed" } }],
    [
      "comes once for each commit that lands",
      withCi(red, 131, { ...rerun, landed: { sha: "c".repeat(40), branch: "main", at: time(130) } }, may),
      { kind: "rerun" },
    ],
  ]);
});

describe("a landing that somebody has undone", () => {
  const undone = { isUndone: true };

  expectRows([
    ["may be a replica's lag, for a minute", withCi(red, 61, landed, undone), { kind: "wait", untilMs: start + 120_000 }],
    ["is handed over, red", withCi(red, 120, landed, undone), { kind: "end", end: { reason: "landing-undone" } }],
    ["is never closed, green or not", withCi(green, 9_999, landed, undone), { kind: "end", end: { reason: "landing-undone" } }],
  ]);
});

describe("a correction that came to nothing", () => {
  expectRows([
    ["is handed over by its outcome while CI is red", withCi(red, 130, corrected({ kind: "unchanged" })), { end: { reason: "unchanged" } }],
    ["closes when CI has turned green without it", withCi(green, 130, corrected({ kind: "unchanged" })), { end: { kind: "closed" } }],
    [
      "settles first when CI has turned green without it",
      withCi(known(check("success", 129)), 130, corrected({ kind: "blocked", why: "w" })),
      { kind: "wait", why: "ci-settling" },
    ],
    [
      "is nudged when a gate refused it",
      withCi(red, 130, corrected({ kind: "refused", gate: "size", reason: "r", evidence: {} })),
      { kind: "turn", turn: "nudge" },
    ],
    [
      "is parked when the provider has had enough",
      withCi(red, 130, corrected({ kind: "limited", until: time(900), reason: "r" })),
      {
        kind: "wait",
        why: "parked",
      },
    ],
    ["is tried again when it was interrupted", withCi(red, 130, corrected({ kind: "interrupted", why: "w" })), { kind: "retry" }],
    [
      "that was only asked for is no reason to ask for more",
      withCi(known(check(undefined)), 130, corrected({ kind: "unchanged" })),
      {
        end: { reason: "unchanged" },
      },
    ],
  ]);
});
