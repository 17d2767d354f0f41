import { createHash } from "node:crypto"; // A pure function of its input, as everything in core.
import type { IssueFacts, Permission, Release } from "./observation.ts";
import type { Approval, Content } from "./run.ts";

/** All that decides whether an issue's text may reach the agent. Permissions are the forge's answers of this moment. */
export interface ReleaseQuestion {
  readonly issue: Pick<IssueFacts, "title" | "body" | "author">;
  /** `undefined`: the timeline does not say who set the label. */
  readonly release: Release | undefined;
  readonly releaserPermission: Permission;
  readonly authorPermission: Permission;
  /** Logins the operator named, with or without `[bot]`. */
  readonly trustedBots: readonly string[];
}

export const approvalRefusals = ["releaser-unknown", "bot-not-trusted", "releaser-may-not-write", "edited-since", "edits-unknown"] as const;
/** Why an issue is not released. Not knowing is a no. */
export type ApprovalRefusal = (typeof approvalRefusals)[number];

export type ReleaseAnswer =
  | { readonly kind: "approved"; readonly approval: Approval }
  | { readonly kind: "refused"; readonly why: ApprovalRefusal; readonly by: string | undefined };

/** First match wins; only the last line approves. */
export function judgeRelease(question: ReleaseQuestion): ReleaseAnswer {
  const { issue, release } = question;
  if (release === undefined) return { kind: "refused", why: "releaser-unknown", by: undefined };
  const refuse = (why: ApprovalRefusal) => ({ kind: "refused", why, by: release.by }) as const;
  const isTrustedBot = release.byIsBot && isNamedBot(release.by, question.trustedBots);
  if (release.byIsBot && !isTrustedBot) return refuse("bot-not-trusted");
  // Forges answer no permission for an app's bot user, so being named by the operator is what counts for it.
  if (!isTrustedBot && !mayWrite(question.releaserPermission)) return refuse("releaser-may-not-write");
  if (!mayWrite(question.authorPermission) && release.editedSince === "yes") return refuse("edited-since");
  if (!mayWrite(question.authorPermission) && release.editedSince !== "no") return refuse("edits-unknown");
  return { kind: "approved", approval: { by: release.by, byId: release.byId, at: release.at, contentHash: hashContent(issue) } };
}

/** GitHub reports maintain as write and triage as read. */
export function mayWrite(permission: Permission): boolean {
  return permission === "write" || permission === "admin";
}

/** SHA-256, in hex, of title and body exactly as written; the two cannot run into each other. */
export function hashContent(content: Content): string {
  return createHash("sha256")
    .update(JSON.stringify([content.title, content.body]))
    .digest("hex");
}

/** Whether the operator has named the bot, with or without `[bot]`. */
export function isNamedBot(bot: string, trustedBots: readonly string[]): boolean {
  return trustedBots.some((name) => withoutSuffix(name) === withoutSuffix(bot));
}

function withoutSuffix(login: string): string {
  return login.toLowerCase().replace(/\[bot\]$/, "");
}
