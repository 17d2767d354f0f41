import { slugOf, type HandOverReason, type Ledger, type Repo, type Time } from "./run.ts";

/** What a doorbell says: how a run ended. Facts only, and nothing foreign but the issue's title. */
export interface Notice {
  /** The same however often one end is told. A run that went on after a hand-over ends anew. */
  readonly id: string;
  /** `frozen`: handed over with something landed. */
  readonly kind: "closed" | "handed-over" | "frozen";
  /** `high`: a human is needed. */
  readonly urgency: "low" | "high";
  /** `owner/name`. */
  readonly repo: string;
  readonly issue: { readonly number: number; readonly title: string; readonly url: string };
  readonly run: string;
  /** Why a human is needed. */
  readonly reason?: HandOverReason;
  /** Whoever released the issue. */
  readonly releasedBy: string;
  readonly landed?: { readonly sha: string; readonly branch: string };
  readonly attempts: number;
  readonly spentUsd: number;
  readonly startedAt: Time;
  readonly endedAt: Time;
}

/** The notice that a run's end is worth; `undefined` while it has none, and where a person ended it. */
export function noticeOf(ledger: Ledger, repo: Repo, issue: Notice["issue"]): Notice | undefined {
  const { end, landed, run, attempts, spentUsd, startedAt, approval, continuations } = ledger;
  if (end === undefined || end.kind === "cancelled") return undefined;
  const isClosed = end.kind === "closed";
  return {
    id: `${run}-end-${continuations + 1}`,
    kind: isClosed ? "closed" : landed === undefined ? "handed-over" : "frozen",
    urgency: isClosed ? "low" : "high",
    repo: slugOf(repo),
    issue,
    run,
    ...(isClosed ? {} : { reason: end.reason }),
    releasedBy: approval.by,
    ...(landed === undefined ? {} : { landed: { sha: landed.sha, branch: landed.branch } }),
    attempts,
    spentUsd,
    startedAt,
    endedAt: end.at,
  };
}
