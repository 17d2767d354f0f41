import { createHmac, timingSafeEqual } from "node:crypto"; // Pure functions of their input, as everything in core.
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

/** Longest texts a ledger keeps, in characters; lists in items. Beyond them `renderLedger` shortens, so that what AFK writes it can read. */
const limits = { tail: 4_000, patch: 30_000, text: 2_000, files: 300, list: 100 };

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
  z.strictObject({ kind: z.literal("landed"), evidence, at }),
  z.strictObject({ kind: z.literal("proved"), evidence, patch: z.string().max(limits.patch), at }),
  z.strictObject({ kind: z.literal("refused"), gate: z.enum(gates), reason: text, evidence, kept, at }),
  z.strictObject({ kind: z.literal("base-red"), evidence, kept, at }),
  z.strictObject({ kind: z.literal("conflict"), reason: text, evidence, kept, at }),
  z.strictObject({ kind: z.literal("blocked"), why: text, kept, at }),
  z.strictObject({ kind: z.literal("unchanged"), at }),
  z.strictObject({ kind: z.literal("unworkable"), reason: text, at }),
  z.strictObject({ kind: z.literal("failed"), reason: text, tail, kept, at }),
  z.strictObject({ kind: z.literal("timed-out"), afterMs: amount, tail, kept, at }),
  z.strictObject({ kind: z.literal("interrupted"), why: text, kept, at }),
]);

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
  spentUsd: amount,
  commandsThrough: count,
  turn: z
    .strictObject({ id: text, kind: z.enum(turnKinds), startedAt: at, outcome: outcome.exactOptional() } satisfies ShapeOf<Turn>)
    .exactOptional(),
  landed: z.strictObject({ sha, branch: text, at } satisfies ShapeOf<Landed>).exactOptional(),
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

/** At most this many markers of one comment are tried: people cannot make AFK hash without end. */
const maxMarkers = 8;

/**
 * The ledger as one HTML comment line that only a holder of the secret can write. The first secret signs. A ledger too large for a comment
 * loses the middle of its long texts, never its counters.
 */
export function sealLedger(ledger: Ledger, secrets: readonly string[]): string {
  const [secret] = secrets;
  if (secret === undefined) throw new Error("sealing a ledger needs a secret");
  const json = fitLedger(ledger);
  const payload = Buffer.from(json).toString("base64url");
  return `<!-- afk:ledger v1 ${payload} ${sign(ledger, json, secret).toString("base64url")} -->`;
}

/**
 * The ledger sealed in a comment. Forged, damaged and foreign markers are passed over; `undefined` when none is left, or when two that
 * differ are. The caller has made sure that the comment's author is this app.
 */
export function openSeal(
  body: string,
  expected: { readonly repoId: number; readonly issue: number; readonly secrets: readonly string[] },
): Ledger | undefined {
  const markers = [...body.matchAll(/<!-- afk:ledger v1 ([A-Za-z0-9_-]{1,64000}) ([A-Za-z0-9_-]{43}) -->/g)].slice(0, maxMarkers);
  const opened = new Map<string, Ledger>();
  for (const [, payload = "", seal = ""] of markers) {
    const json = Buffer.from(payload, "base64url").toString("utf8");
    const ledger = parseLedger(json);
    if (ledger === undefined || ledger.repoId !== expected.repoId || ledger.issue !== expected.issue) continue;
    const given = Buffer.from(seal, "base64url");
    if (expected.secrets.some((secret) => timingSafeEqual(given, sign(ledger, json, secret)))) opened.set(json, ledger);
  }
  const [ledger, another] = opened.values();
  return another === undefined ? ledger : undefined;
}

function sign(ledger: Pick<Ledger, "repoId" | "issue" | "run">, json: string, secret: string): Buffer {
  const message = JSON.stringify(["afk:ledger v1", ledger.repoId, ledger.issue, ledger.run, json]);
  return createHmac("sha256", secret).update(message).digest();
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
    if (key === "patch") return clip(value, Math.floor(limits.patch * share));
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
