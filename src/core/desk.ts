import { z } from "zod";
import { hashContent } from "./approval.ts";
import type { IssueFacts, Release } from "./observation.ts";
import type { Content, Time } from "./run.ts";
import { openSeals, seal, type Sealed } from "./seal.ts";

/**
 * What AFK remembers of an issue's commands while no run has it: sealed in its answer comment, as a ledger is in the status comment. A run
 * that starts takes it over into its ledger.
 */
export interface Desk {
  readonly version: 1;
  readonly repoId: number;
  readonly issue: number;
  /** The last comment whose commands were taken. */
  readonly through: number;
  readonly release?: CommandRelease;
}

/** Somebody released the issue by `/afk retry` or `/afk fix`, and by that approved its text as it was. */
export interface CommandRelease {
  readonly by: string;
  readonly byId: number;
  readonly byIsBot: boolean;
  readonly at: Time;
  readonly contentHash: string;
  readonly guidance?: string;
  /** The last run goes on for one more turn; else a new one starts. */
  readonly continues: boolean;
}

const text = z.string().max(4_000);
const deskShape = z.strictObject({
  version: z.literal(1),
  repoId: z.number().int(),
  issue: z.number().int(),
  through: z.number().int().min(0),
  release: z
    .strictObject({
      by: text,
      byId: z.number().int(),
      byIsBot: z.boolean(),
      at: text,
      contentHash: text,
      guidance: text.exactOptional(),
      continues: z.boolean(),
    })
    .exactOptional(),
}) satisfies z.ZodType<Desk>;

export function sealDesk(desk: Desk, secrets: readonly string[]): string {
  return seal("desk", JSON.stringify(desk), desk, secrets);
}

/** The desk sealed in a comment, whose author the caller has made sure is this app. */
export function openDesk(body: string, expected: Sealed): Desk | undefined {
  return openSeals("desk", body, expected, parseDesk);
}

function parseDesk(json: string): Desk | undefined {
  try {
    return deskShape.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined; // Garbage is an expected input here.
  }
}

/** Opens the one answer comment of an issue. */
export const answerMarker = "<!-- afk:answer -->";

/** What a run is to begin with when a command released it. */
export type AskedRelease = Pick<CommandRelease, "guidance" | "continues">;

/**
 * Whoever released the issue last: by the label or by a command. AFK's own label, which a command puts on, may be a moment younger than that
 * release. Anybody else's is a new one, whatever it is worth: the one before may have been taken off, and the command's release with it.
 */
export function lastRelease(
  byLabel: Release | undefined,
  byCommand: CommandRelease | undefined,
  issue: Content,
): { readonly release: Release | undefined; readonly asked?: AskedRelease } {
  if (byCommand === undefined) return { release: byLabel };
  if (byLabel !== undefined && byLabel.isOurs !== true && Date.parse(byLabel.at) > Date.parse(byCommand.at)) return { release: byLabel };
  const { by, byId, byIsBot, at, contentHash, guidance, continues } = byCommand;
  const editedSince = hashContent(issue) === contentHash ? "no" : "yes";
  return {
    release: { by, byId, byIsBot, at, editedSince },
    asked: { continues, ...(guidance === undefined ? {} : { guidance }) },
  };
}

/** The issue as `lastRelease` wants it. */
export function contentOf({ title, body }: Pick<IssueFacts, "title" | "body">): Content {
  return { title, body };
}
