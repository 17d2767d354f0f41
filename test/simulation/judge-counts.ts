import { repoKey, type Ledger } from "../../src/core/run.ts";
import type { Watched } from "./invariants.ts";
import type { LockMove } from "./witness.ts";

/** A week of five-hour windows of a provider's limit. */
const maxParks = 34;
const counts = ["attempts", "nudges", "retries", "parks"] as const;

/** Counts only grow, but for a run that starts over; a turn counts, goes on with an interrupted one, or was asked for. */
export function judgeStepCounts({ witness }: Watched, { by, repo }: LockMove, before: Ledger, after: Ledger): void {
  const known = witness.runs.get(after.run);
  if (known === undefined) return;
  if (after.approval.at !== before.approval.at) {
    known.releasedAt.add(after.approval.at);
    known.asked = 0;
  } else {
    for (const name of [...counts, "commandsThrough", "continuations"] as const)
      if (after[name] < before[name]) witness.accuse(`I10: ${by.name} takes ${name} of run ${after.run} back`);
  }
  if (after.turn === undefined || after.turn.id === before.turn?.id) return;
  known.begun += 1;
  if (before.asked !== undefined && after.asked === undefined) known.asked += 1;
  const counted = counts.reduce((sum, name) => sum + after[name] - before[name], 0);
  if (counted > 1) witness.accuse(`I10: ${by.name} counts one turn of run ${after.run} ${counted} times`);
  if (counted === 0) known.resumptions += 1;
  if (known.resumptions > known.interruptions + (witness.deletedLocks.get(repoKey(repo)) ?? 0))
    witness.accuse(`I10: ${by.name} begins a turn of run ${after.run} again without counting it`);
}

/** Every budget, with the turns on top that people asked for. */
export function judgeBudgets({ witness, config }: Watched, ledger: Ledger): void {
  const { run, landed } = ledger;
  const known = witness.runs.get(run);
  const asked = known?.asked ?? 0;
  const most = {
    attempts: 1 + config.fixForwardMaxAttempts + asked,
    nudges: config.nudgeMax + asked,
    retries: config.retryMax,
    parks: maxParks,
  };
  for (const name of counts) if (ledger[name] > most[name]) witness.accuse(`I10: run ${run} counts ${ledger[name]} ${name}`);
  if (landed !== undefined && known?.landed.includes(landed.sha) !== true)
    witness.accuse(`I6: run ${run} says that it landed ${landed.sha}, which it did not`);
}
