import type { CommandRecord, Evidence, Ledger } from "../../src/core/run.ts";
import { openLedger } from "../../src/core/run-steps.ts";
import type { Place } from "../../src/core/messages.ts";

export const place: Place = {
  repoUrl: "https://github.com/acme/shop",
  labels: { ready: "ready-for-agent", inProgress: "agent-in-progress", human: "ready-for-human" },
};

/** A run of issue 7, just opened. */
export const opened: Ledger = openLedger({
  repoId: 42,
  issue: 7,
  run: "7-ab12",
  approval: { by: "alice", byId: 1, at: "2026-01-02T03:00:00Z", contentHash: "c0ffee" },
  base: "main",
  startedAt: "2026-01-02T03:04:05Z",
});

export function command(exitCode: number | null, tail = ""): CommandRecord {
  return { command: "npm test", exitCode, durationMs: 4_210, tail };
}

/** Everything proved. */
export const proved: Evidence = {
  test: { command: "npm test", source: "detected" },
  base: command(0),
  red: { ...command(1, "1 failed"), how: "failed" },
  green: { ...command(0), flaky: false },
  files: [
    { path: "src/cart.ts", added: 12, removed: 3 },
    { path: "test/cart.test.ts", added: 20, removed: 0 },
  ],
};

/** The same run after its landing. */
export const landed: Ledger = {
  ...opened,
  attempts: 1,
  evidence: proved,
  before: "fedcba9876543210fedcba9876543210fedcba98",
  ciSince: "2026-01-02T03:10:05Z",
  landed: { sha: "0123456789abcdef0123456789abcdef01234567", branch: "main", at: "2026-01-02T03:10:05Z" },
  turn: {
    id: "7-ab12-1",
    kind: "implement",
    startedAt: "2026-01-02T03:04:06Z",
    outcome: { kind: "landed", at: "2026-01-02T03:10:05Z" },
  },
};
