import type { TurnOutcome } from "../../src/core/run.ts";
import { provenEvidence } from "../support/bot-tester.ts";
import type { Machine, MachineTurn } from "./machine.ts";

/** What an agent's turn can do next, by weight. Works for every kind of turn. */
export const turnScripts = {
  land: { weight: 8, play: land },
  "move on": { weight: 3, play: (machine, turn) => machine.progress(turn, { phase: "tests-red" }) },
  "come near": { weight: 1, play: (machine, turn) => machine.progress(turn, { phase: "green", evidence: provenEvidence }) },
  talk: { weight: 1, play: (machine, turn) => machine.progress(turn, { lines: ["thinking"] }) },
  fail: { weight: 3, play: ends({ kind: "failed", reason: "the agent crashed", tail: "" }) },
  "be refused": { weight: 2, play: ends({ kind: "refused", gate: "tests-green", reason: "the tests fail", evidence: provenEvidence }) },
  conflict: { weight: 2, play: ends({ kind: "conflict", reason: "conflicts in src/sum.js", evidence: provenEvidence }) },
  "be blocked": { weight: 1, play: ends({ kind: "blocked", why: "the issue contradicts itself" }) },
  "change nothing": { weight: 1, play: ends({ kind: "unchanged" }) },
  "find the base red": { weight: 1, play: ends({ kind: "base-red", evidence: {} }) },
  "find no tests": { weight: 1, play: ends({ kind: "unworkable", reason: "no tests found" }) },
  "hit the limit": { weight: 1, play: ends({ kind: "limited", until: "2026-01-05T09:20:00Z", reason: "the plan is used up" }) },
  "run out of time": { weight: 1, play: ends({ kind: "timed-out", afterMs: 2_700_000, tail: "" }) },
} as const satisfies Record<string, { readonly weight: number; readonly play: (machine: Machine, turn: MachineTurn) => void }>;

function land(machine: Machine, turn: MachineTurn): void {
  if (turn.order.plan.landing === "push") void machine.land(turn);
  else machine.end(turn, { kind: "proved", evidence: provenEvidence, patch: "+1" });
}

export type TurnScript = keyof typeof turnScripts;

function ends(outcome: TurnOutcome): (machine: Machine, turn: MachineTurn) => void {
  return (machine, turn) => machine.end(turn, outcome);
}

/** Every script as often as its weight says. */
const urn = Object.entries(turnScripts).flatMap(([name, { weight }]) => Array.from({ length: weight }, () => name as TurnScript));

export function chooseScript(number: number): TurnScript {
  return urn[number % urn.length] ?? "land";
}
