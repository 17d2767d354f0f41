import { tellingRecord } from "./evidence.ts";
import { clip, clipStart } from "./markdown.ts";
import type { Ledger, TurnKind } from "./run.ts";
import { isUnfinished } from "./run-steps.ts";

/** What the ledger keeps of a report. */
const maxReport = 8_000;

/** Why there is another turn, in words for the agent; `undefined` where there is nothing to tell. Foreign text: the prompt frames it as data. */
export function reportFor(kind: TurnKind, { turn, evidence }: Ledger, ciReport: string | undefined): string | undefined {
  const outcome = turn?.outcome;
  if (kind === "fix-forward") return ciReport;
  if (kind === "nudge" && outcome?.kind === "refused") {
    const record = tellingRecord(outcome, evidence);
    const output = record === undefined ? "" : `\n\nThe last output of ${record.command}:\n${clipStart(record.tail, 4_000)}`;
    return clip(`The gate "${outcome.gate}" refused the work: ${clip(outcome.reason, 2_000)}${output}`, maxReport);
  }
  if (kind === "resolve" && outcome?.kind === "conflict") return clip(outcome.reason, maxReport);
  return turn?.kind === kind && isUnfinished(turn) ? turn.report : undefined;
}
