import type { BranchFacts, RepoFacts } from "./observation.ts";
import type { Combined } from "./policy.ts";

/** What keeps every issue of a repo from being started. Found before dispatch and said on the issue. */
export type Obstacle =
  | { readonly kind: "archived" }
  | { readonly kind: "may-not-push" }
  | { readonly kind: "may-not-write-issues" }
  | { readonly kind: "base-missing"; readonly branch: string }
  | { readonly kind: "base-protected"; readonly branch: string }
  /** The forge's git refused a rehearsed push, or cannot push atomically; in its words. */
  | { readonly kind: "push-refused"; readonly detail: string }
  /** Asked for in `.github/afk.yml`, and not done by this version or not allowed by the operator. */
  | { readonly kind: "unsupported"; readonly what: string }
  | { readonly kind: "disallowed"; readonly what: string }
  /** The lock ref holds something that is no lock of AFK's. */
  | { readonly kind: "lock-unreadable" };

export interface ObstacleFacts {
  readonly repo: RepoFacts;
  readonly combined: Combined;
  readonly base: BranchFacts | undefined;
  /** The answer of the lock's push probe. */
  readonly pushFault: string | undefined;
}

/** All of them at once, so that a person mends them in one go. */
export function findObstacles({ repo, combined, base, pushFault }: ObstacleFacts): readonly Obstacle[] {
  const { policy, unsupported, disallowed } = combined;
  const found: Obstacle[] = [];
  if (repo.isArchived) found.push({ kind: "archived" });
  if (!repo.mayPush) found.push({ kind: "may-not-push" });
  if (!repo.mayWriteIssues) found.push({ kind: "may-not-write-issues" });
  if (base === undefined) found.push({ kind: "base-missing", branch: policy.base });
  if (base?.isProtected === true && policy.landing === "push") found.push({ kind: "base-protected", branch: policy.base });
  if (repo.mayPush && pushFault !== undefined) found.push({ kind: "push-refused", detail: pushFault });
  found.push(...unsupported.map((what) => ({ kind: "unsupported", what }) as const));
  found.push(...disallowed.map((what) => ({ kind: "disallowed", what }) as const));
  return found;
}
