import { randomUUID } from "node:crypto";
import { z } from "zod";
import { parseLedger, renderLedger } from "../core/ledger.ts";
import type { Content, Ledger } from "../core/run.ts";

/** A process (`id`) and the AFK_HOME it works in (`home`). */
export interface Holder {
  readonly id: string;
  readonly home: string;
}

/** All that one state of the lock says. `ledger.epoch` fences: it grows with every change of control. */
export interface LockRecord {
  readonly ledger: Ledger;
  readonly content: Content;
  /** `undefined`: let go; anybody may go on. */
  readonly holder: Holder | undefined;
  /** Milliseconds since the epoch, by the forge's clock. Without a holder it means nothing. */
  readonly leaseUntil: number;
  /** Makes every record, and so every commit of the lock, one of its own. */
  readonly nonce: string;
}

/** A record as the files of a commit. */
export type LockFiles = Readonly<Record<(typeof lockFileNames)[number], string>>;

export const lockFileNames = ["ledger.json", "content.json", "lock.json"] as const;

const lockShape = z.strictObject({
  version: z.literal(1),
  holder: z.strictObject({ id: z.string().min(1), home: z.string().min(1) }).nullable(),
  leaseUntil: z.iso.datetime(),
  epoch: z.number().int().min(1),
  nonce: z.string().min(1),
});

const contentShape = z.strictObject({ title: z.string(), body: z.string() });

/** A record no other has been, or will be, equal to. Throws for a ledger that nobody could read again: it would take the run from everybody. */
export function newLockRecord(facts: Omit<LockRecord, "nonce">): LockRecord {
  const ledger = parseLedger(renderLedger(facts.ledger));
  if (ledger === undefined) throw new Error(`the ledger of run ${facts.ledger.run} could not be read again`);
  return { ...facts, ledger, nonce: randomUUID() };
}

/** JSON keeps NUL, lone surrogates and line ends of the approved text as they are. */
export function renderLockRecord(record: LockRecord): LockFiles {
  const lock: z.infer<typeof lockShape> = {
    version: 1,
    holder: record.holder ?? null,
    leaseUntil: new Date(record.leaseUntil).toISOString(),
    epoch: record.ledger.epoch,
    nonce: record.nonce,
  };
  return {
    "ledger.json": `${renderLedger(record.ledger)}\n`,
    "content.json": `${JSON.stringify(record.content)}\n`,
    "lock.json": `${JSON.stringify(lock)}\n`,
  };
}

/** `undefined` for anything this version would not have written: missing files, another version, garbage, epochs that differ. */
export function parseLockRecord(files: Partial<LockFiles>): LockRecord | undefined {
  const ledger = parseLedger(files["ledger.json"] ?? "");
  const content = contentShape.safeParse(parseJson(files["content.json"]));
  const lock = lockShape.safeParse(parseJson(files["lock.json"]));
  if (ledger === undefined || !content.success || !lock.success || lock.data.epoch !== ledger.epoch) return undefined;
  const { holder, leaseUntil, nonce } = lock.data;
  return { ledger, content: content.data, holder: holder ?? undefined, leaseUntil: Date.parse(leaseUntil), nonce };
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined; // Garbage is an expected input here, and no shape accepts `undefined`.
  }
}
