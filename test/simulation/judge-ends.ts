import { noticeOf, type Notice } from "../../src/core/notice.ts";
import type { Ledger, Repo } from "../../src/core/run.ts";
import type { Watched } from "./invariants.ts";
import type { LockMove, Witness } from "./witness.ts";

/** The forge's replicas are no further behind. */
const longestLagMs = 5_000;

/** An end is written down. */
export function noteEnd({ witness }: Watched, { repo, by }: LockMove, ledger: Ledger): void {
  const { end, run } = ledger;
  const notice = noticeOf(ledger, repo, { number: ledger.issue, title: "", url: "" });
  if (end === undefined) return;
  if (notice !== undefined) witness.ends.set(notice.id, end);
  const isOurs = end.kind === "handed-over" && (end.reason === "ci-red" || end.reason === "ci-red-again");
  if (isOurs && wasRedBefore(witness, ledger))
    witness.accuse(`I6: ${by.name} ends run ${run} as ${end.reason}, and the base was red before`);
}

/** A corrective turn that nobody asked for is about something that the run has broken. */
export function judgeCorrection({ witness }: Watched, { by }: LockMove, before: Ledger, after: Ledger): void {
  const isNew = after.turn?.id !== before.turn?.id && after.attempts > before.attempts;
  if (isNew && after.turn?.kind === "fix-forward" && before.asked === undefined && wasRedBefore(witness, after))
    witness.accuse(`I6: ${by.name} corrects run ${after.run}, and the base was red before`);
}

/** Whatever ever failed on the landed commit was red on the base well before anything landed, and has been since. */
function wasRedBefore({ ciWords }: Witness, { landed, before }: Ledger): boolean {
  if (landed === undefined || before === undefined) return false;
  const failed = [...(ciWords.get(landed.sha) ?? [])].filter(([, words]) => words.some(({ conclusion }) => conclusion === "failure"));
  const isOld = (name: string): boolean => {
    const words = ciWords.get(before)?.get(name) ?? [];
    const [first] = words;
    const isFirst = first !== undefined && first.atMs < Date.parse(landed.at) - longestLagMs;
    return isFirst && words.every(({ conclusion }) => conclusion === "failure");
  };
  return failed.length > 0 && failed.every(([name]) => isOld(name));
}

/** A notice tells of an end that was written down, always in the same words. */
export function judgeNotice({ witness, tell }: Watched, name: string, notice: Notice): void {
  tell(`${name} rings: ${notice.id} ${notice.kind}`);
  const end = witness.ends.get(notice.id);
  if (end === undefined) witness.accuse(`I2: ${name} rings for ${notice.id}, an end that nobody has written down`);
  const isSame = end?.kind === (notice.kind === "frozen" ? "handed-over" : notice.kind);
  if (end !== undefined && !isSame) witness.accuse(`I2: ${name} rings for ${notice.id} as ${notice.kind}, and it is ${end.kind}`);
  const before = witness.rung.get(notice.id);
  if (before !== undefined && before.endedAt !== notice.endedAt) witness.accuse(`I2: ${name} rings for two ends with the id ${notice.id}`);
  witness.rung.set(notice.id, notice);
}

/** Whoever releases a lock has rung for the end, where there is an issue to ring about. */
export function judgeRung({ witness, forge }: Watched, name: string, repo: Repo, ledger: Ledger): void {
  const notice = noticeOf(ledger, repo, { number: ledger.issue, title: "", url: "" });
  const isThere = forge.inside(repo).issues.get(ledger.issue)?.isGone === false;
  if (notice !== undefined && isThere && !witness.rung.has(notice.id))
    witness.accuse(`I2: ${name} releases run ${ledger.run}, and nobody has rung for its end`);
}
