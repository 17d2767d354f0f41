import type { Landing, Remote } from "../ports.ts";
import type { LockRecord } from "./lock-record.ts";

/**
 * Where locks lie: one cell a repo that moves by compare-and-swap only. Who may move it, and for how long, is `createLock`'s.
 * Every method rejects when the forge cannot be asked; a `swap` that rejects may still happen.
 */
export interface LockCells {
  read(remote: Remote): Promise<{ readonly sha: string; readonly record: LockRecord | "unreadable" } | undefined>;
  /** Makes a record ready to be swapped in and answers the sha it will have. Nobody else sees it yet. */
  prepare(remote: Remote, record: LockRecord, landing?: Landing): Promise<string>;
  /** From exactly `from` (`undefined`: no lock) to `to` (`undefined`: deletes it), together with the landing's branch or not at all. */
  swap(
    remote: Remote,
    move: { readonly from: string | undefined; readonly to: string | undefined },
    landing?: Landing,
  ): Promise<SwapAnswer>;
  probe(remote: Remote): Promise<string | undefined>;
}

export type SwapAnswer =
  | { readonly kind: "moved" }
  /** `lock` is the sha the cell holds now. */
  | { readonly kind: "lock-moved"; readonly lock: string | undefined }
  | { readonly kind: "base-moved" }
  | { readonly kind: "refused"; readonly reason: string };
