import { z } from "zod";
import {
  cancelReasons,
  gates,
  handOverReasons,
  turnKinds,
  type Approval,
  type CommandRecord,
  type Evidence,
  type FileChange,
  type Landed,
  type Ledger,
  type Turn,
} from "./run.ts";
import { clip, clipStart } from "./markdown.ts";
import { openSeals, seal, type Sealed } from "./seal.ts";

/** Longest texts a ledger keeps, in characters; lists in items. Beyond them `renderLedger` shortens, so that what AFK writes it can read. */
const limits = { tail: 4_000, patch: 30_000, report: 8_000, guidance: 4_000, text: 2_000, files: 300, list: 100 };

const text = z.string().max(limits.text);
const tail = z.string().max(limits.tail);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const amount = z.number();
const sha = text.min(1);

/** A shape for every field, so that a field added to the type cannot be forgotten here. */
type ShapeOf<Type> = { readonly [Field in keyof Required<Type>]: z.ZodType };

const command = z.strictObject({
  command: text,
  exitCode: z.number().int().nullable(),
  durationMs: amount,
  tail,
  endedBy: z.enum(["signal", "time-limit"]).exactOptional(),
} satisfies ShapeOf<CommandRecord>);

const evidence = z.strictObject({
  test: z.strictObject({ command: text, source: z.enum(["detected", "config"]) }).exactOptional(),
  base: command.exactOptional(),
  red: command.extend({ how: z.enum(["failed", "did-not-load"]) }).exactOptional(),
  redExempt: z.boolean().exactOptional(),
  green: command.extend({ flaky: z.boolean() }).exactOptional(),
  files: z
    .array(z.strictObject({ path: text, added: count, removed: count }))
    .max(limits.files)
    .exactOptional(),
  notes: z.array(text).max(limits.list).exactOptional(),
} satisfies ShapeOf<Evidence>);

const kept = z
  .discriminatedUnion("where", [
    z.strictObject({ where: z.literal("branch"), branch: text, sha }),
    z.strictObject({ where: z.literal("bundle"), path: text, sha }),
  ])
  .exactOptional();

const at = text;
const outcome = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("landed"), at }),
  z.strictObject({ kind: z.literal("proved"), patch: z.string().max(limits.patch), at }),
  z.strictObject({ kind: z.literal("refused"), gate: z.enum(gates), reason: text, kept, at }),
  z.strictObject({ kind: z.literal("base-red"), kept, at }),
  z.strictObject({ kind: z.literal("conflict"), reason: text, kept, at }),
  z.strictObject({ kind: z.literal("blocked"), why: text, kept, at }),
  z.strictObject({ kind: z.literal("unchanged"), at }),
  z.strictObject({ kind: z.literal("unworkable"), reason: text, kept, at }),
  z.strictObject({ kind: z.literal("failed"), reason: text, tail, kept, at }),
  z.strictObject({ kind: z.literal("timed-out"), afterMs: amount, tail, kept, at }),
  z.strictObject({ kind: z.literal("limited"), until: text, reason: text, kept, at }),
  z.strictObject({ kind: z.literal("interrupted"), why: text, kept, at }),
]);

const guidance = z.string().max(limits.guidance).exactOptional();

const end = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("closed"), at }),
  z.strictObject({ kind: z.literal("handed-over"), reason: z.enum(handOverReasons), detail: text, at }),
  z.strictObject({ kind: z.literal("cancelled"), reason: z.enum(cancelReasons), at }),
]);

const ledgerShape = z.strictObject({
  version: z.literal(1),
  repoId: count,
  issue: count,
  run: text,
  epoch: count,
  approval: z.strictObject({ by: text, byId: count, at, contentHash: text } satisfies ShapeOf<Approval>),
  base: text,
  startedAt: at,
  attempts: count,
  nudges: count,
  retries: count,
  parks: count,
  continuations: count,
  spentUsd: amount,
  commandsThrough: count,
  asked: z.strictObject({ guidance }).exactOptional(),
  turn: z
    .strictObject({
      id: text,
      kind: z.enum(turnKinds),
      startedAt: at,
      report: z.string().max(limits.report).exactOptional(),
      guidance,
      outcome: outcome.exactOptional(),
    } satisfies ShapeOf<Turn>)
    .exactOptional(),
  landed: z.strictObject({ sha, branch: text, at } satisfies ShapeOf<Landed>).exactOptional(),
  before: sha.exactOptional(),
  ciSince: at.exactOptional(),
  redSince: at.exactOptional(),
  rerun: z.strictObject({ sha, at }).exactOptional(),
  failure: text.exactOptional(),
  evidence,
  checks: z
    .array(z.strictObject({ name: text, url: text }))
    .max(limits.list)
    .exactOptional(),
  end: end.exactOptional(),
} satisfies ShapeOf<Ledger>) satisfies z.ZodType<Ledger>;

/** One line of JSON, its keys sorted: equal ledgers are equal texts. Texts and lists beyond the limits are shortened: tails keep their end, a list of files its totals. */
export function renderLedger(ledger: Ledger): string {
  return JSON.stringify(bound("", ledger, 1));
}

/** `undefined` for anything that `renderLedger` of this version would not have written. */
export function parseLedger(json: string): Ledger | undefined {
  const value = parseJson(json);
  const parsed = ledgerShape.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // Garbage is an expected input here, and `undefined` is no ledger.
  }
}

/** Bytes of ledger a comment has room for beside the checklist: base64 makes 32,000 characters of it. */
const maxSealedBytes = 24_000;

/**
 * The ledger as one HTML comment line that only a holder of the secret can write. The first secret signs. A ledger too large for a comment
 * loses the middle of its long texts, never its counters.
 */
export function sealLedger(ledger: Ledger, secrets: readonly string[]): string {
  return seal("ledger", fitLedger(ledger), ledger, secrets);
}

/** The ledger sealed in a comment. The caller has made sure that the comment's author is this app. See `openSeals`. */
export function openSeal(body: string, expected: Sealed): Ledger | undefined {
  return openSeals("ledger", body, expected, parseLedger);
}

function fitLedger(ledger: Ledger): string {
  for (const share of [1, 1 / 4, 1 / 16, 1 / 64]) {
    const json = JSON.stringify(bound("", ledger, share));
    if (Buffer.byteLength(json) <= maxSealedBytes) return json;
  }
  return JSON.stringify(bound("", ledger, 0));
}

/** The least a text keeps: a hash, a time, a run's id and a branch name all fit. */
const leastText = 100;

/** Shortens every text and list below `key` to its share of the limits. Identifiers, times and counters are far below them and stay. */
function bound(key: string, value: unknown, share: number): unknown {
  if (typeof value === "string") {
    if (key === "tail") return clipStart(value, Math.floor(limits.tail * share));
    if (key === "patch" || key === "report" || key === "guidance") return clip(value, Math.max(leastText, Math.floor(limits[key] * share)));
    return clip(value, Math.max(leastText, Math.floor(limits.text * share)));
  }
  if (Array.isArray(value)) {
    const items =
      key === "files" ? foldFiles(value, Math.max(1, Math.floor(limits.files * share))) : value.slice(0, Math.ceil(limits.list * share));
    return items.map((item) => bound("", item, share));
  }
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, bound(name, field, share)]));
}

/** Keeps the first files and folds the rest into one line, so that the totals stay true. */
function foldFiles(files: readonly FileChange[], max: number): readonly FileChange[] {
  if (files.length <= max) return files;
  const [named, folded] = [files.slice(0, max - 1), files.slice(max - 1)];
  const total = (field: "added" | "removed") => folded.reduce((sum, file) => sum + file[field], 0);
  return [...named, { path: `… and ${folded.length} more files`, added: total("added"), removed: total("removed") }];
}
