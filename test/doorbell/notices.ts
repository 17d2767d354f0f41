import type { Notice } from "../../src/core/notice.ts";

/** A notice about the run of an issue: handed over, and nothing landed. */
export function handedOver(issue: number): Notice {
  return {
    id: `${issue}-ab12-end-1`,
    kind: "handed-over",
    urgency: "high",
    repo: "acme/shop",
    issue: { number: issue, title: "Sum is wrong — by one", url: `https://github.com/acme/shop/issues/${issue}` },
    run: `${issue}-ab12`,
    reason: "ci-timeout",
    releasedBy: "alice",
    attempts: 1,
    spentUsd: 0,
    startedAt: "2026-01-05T08:00:00Z",
    endedAt: "2026-01-05T08:59:00Z",
  };
}

/** The same, closed. */
export function closed(issue: number): Notice {
  const { reason: _reason, ...rest } = handedOver(issue);
  return { ...rest, kind: "closed", urgency: "low", landed: { sha: "0123456789abcdef0123456789abcdef01234567", branch: "main" } };
}
