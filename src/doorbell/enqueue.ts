import type { Notice } from "../core/notice.ts";

/** More than a hundred runs that ended unheard need no further bell to be noticed. */
const mostWaiting = 100;

/**
 * Puts a notice behind the others. One that waits already is not added. Where there are too many, the oldest of low urgency goes, and when there
 * is none the oldest.
 */
export function enqueue(
  waiting: readonly Notice[],
  notice: Notice,
): { readonly waiting: readonly Notice[]; readonly dropped: Notice | undefined } {
  if (waiting.some(({ id }) => id === notice.id)) return { waiting, dropped: undefined };
  const all = [...waiting, notice];
  const dropped = all.length > mostWaiting ? (all.find(({ urgency }) => urgency === "low") ?? all[0]) : undefined;
  return { waiting: all.filter((kept) => kept !== dropped), dropped };
}
