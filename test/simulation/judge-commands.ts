import { openDesk } from "../../src/core/desk.ts";
import { isSameLabel } from "../../src/core/labels.ts";
import { repoKey, type Ledger, type Repo } from "../../src/core/run.ts";
import type { Watched } from "./invariants.ts";
import { count, issueKey, lostMemory, type Asking, type LockMove } from "./witness.ts";

/** Only what writers asked for changes a live run, and each comment once. */
export function judgeTaking({ witness }: Watched, { repo, by }: LockMove, before: Ledger, after: Ledger): void {
  const { run, issue, commandsThrough } = after;
  const isNew = commandsThrough !== before.commandsThrough;
  const asking = isNew ? witness.askings.get(commandsThrough) : undefined;
  const key = issueKey(repo, issue);
  const accuse = (what: string): void => witness.accuse(`I9: ${by.name} ${what} run ${run}, which nobody with write access asked for`);
  if (isNew && asking?.issue !== key) accuse(`takes comment ${commandsThrough} for a command to`);
  if (isNew && asking !== undefined) noteTaken({ witness }, by.name, commandsThrough, asking);
  const may = (...kinds: Asking["kinds"]): boolean => asking?.isByWriter === true && asking.kinds.some((kind) => kinds.includes(kind));
  const isAsked = after.asked !== undefined && JSON.stringify(after.asked) !== JSON.stringify(before.asked);
  if (isAsked && !may("fix", "retry")) accuse("asks for a turn of");
  if (JSON.stringify(after.approval) !== JSON.stringify(before.approval) && !may("retry")) accuse("starts over");
  const isCancelled = after.end?.kind === "cancelled" && after.end.reason === "command";
  if (before.end === undefined && isCancelled && !may("cancel")) accuse("cancels");
}

/** What has no effect may be said twice. */
const harmless: Asking["kinds"] = ["status", "explain", "help", "unknown"];

function noteTaken({ witness }: Pick<Watched, "witness">, name: string, comment: number, asking: Asking): void {
  count(witness.taken, comment);
  const times = witness.taken.get(comment) ?? 0;
  const hasEffect = asking.isByWriter && asking.kinds.some((kind) => !harmless.includes(kind));
  if (hasEffect && times > 1 + lostMemory(witness, asking.issue))
    witness.accuse(`I11: ${name} carries the commands of comment ${comment} out ${times} times`);
}

/** Runs and continuations of an issue are as many as writers asked for, at most. */
export function judgeBeginning({ witness }: Watched, { repo, by }: LockMove, { issue, run }: Ledger): void {
  const key = issueKey(repo, issue);
  const asked = countAskings({ witness }, key, "retry", "fix");
  const released = witness.releases.get(key) ?? 0;
  const runs = [...witness.runs.values()].filter((known) => known.repo === repoKey(repo) && known.issue === issue);
  const excuses = lostMemory(witness, key) + (witness.deletedLocks.get(repoKey(repo)) ?? 0);
  const answered = new Set(runs.flatMap(({ releasedAt }) => [...releasedAt])).size;
  if (answered > asked + released + excuses)
    witness.accuse(
      `I9: ${by.name} begins run ${run} on ${key}, which was released ${asked + released} times, and AFK knows of ${answered}`,
    );
  const continuations = runs.reduce((sum, known) => sum + known.continuations, 0);
  if (continuations > asked + excuses) witness.accuse(`I9: ${by.name} lets runs of ${key} go on ${continuations} times`);
}

export function countAskings({ witness }: Pick<Watched, "witness">, key: string, ...kinds: Asking["kinds"]): number {
  const fitting = ({ issue, isByWriter, kinds: asked }: Asking): boolean =>
    issue === key && isByWriter && asked.some((kind) => kinds.includes(kind));
  return [...witness.askings.values()].filter(fitting).length;
}

/** At the desk AFK sets and takes off the ready label without a lock: because somebody who may write said so in a comment. */
export function isAskedFor(deps: Pick<Watched, "witness" | "config">, repo: Repo, method: string, args: readonly unknown[]): boolean {
  const [issue, label] = args;
  if (!isSameLabel(String(label), deps.config.labels.ready)) return false;
  const key = issueKey(repo, Number(issue));
  return method === "addLabel" ? countAskings(deps, key, "retry", "fix") > 0 : countAskings(deps, key, "cancel") > 0;
}

/** AFK agrees to what writers said as they wrote it, and to nothing else. */
export function judgeReaction({ witness }: Pick<Watched, "witness">, name: string, [comment, reaction]: readonly unknown[]): void {
  const asking = witness.askings.get(Number(comment));
  if (asking === undefined) witness.accuse(`I9: ${name} reacts to comment ${String(comment)}, which commands nothing`);
  else if (!asking.isByWriter && reaction !== "confused")
    witness.accuse(`I9: ${name} does what a stranger said in comment ${String(comment)}`);
}

/** An answer is written: its desk says which comment is taken. */
export function judgeDesk({ witness, config, forge }: Watched, name: string, repo: Repo, issue: number, body: string): void {
  const desk = openDesk(body, { repoId: forge.inside(repo).id, issue, secrets: config.stateSecrets });
  const asking = desk === undefined ? undefined : witness.askings.get(desk.through);
  // A desk that is written while a run lives keeps its watermark.
  if (desk !== undefined && asking !== undefined && !witness.taken.has(desk.through)) noteTaken({ witness }, name, desk.through, asking);
}
