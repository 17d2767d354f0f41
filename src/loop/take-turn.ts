import { renderPrompt } from "../core/prompt.ts";
import { reportFor } from "../core/report.ts";
import { repoKey, type Content, type Ledger, type Repo, type TurnKind } from "../core/run.ts";
import { beginTurn, type Beginning } from "../core/run-steps.ts";
import type { Observation } from "../core/observation.ts";
import type { Claim, Remote, TurnOrder } from "../ports.ts";
import type { Scene } from "./observe.ts";
import type { PassDeps } from "./pass.ts";
import type { PassAnswer } from "./signals.ts";
import { idsOf, type Claimed } from "./with-claim.ts";

/** What was decided about the next turn. `failure`: the digest of what a correction is about. */
export interface NextTurn {
  readonly turn: TurnKind;
  readonly beginning: Beginning;
  readonly failure?: string;
}

/** Counts the turn in the ledger, and sends it off. */
export async function beginAndSubmit(deps: PassDeps, { claim, scene, lock: seen }: Claimed, next: NextTurn): Promise<PassAnswer> {
  const { lock, forge, newId } = deps;
  const { observation, remote } = scene;
  if (observation.run?.issue === undefined) throw new Error("a turn was decided without a run");
  const { ci, issue } = observation.run;
  const turn = { id: `${claim.run}-${newId()}`, kind: next.turn, startedAt: new Date(forge.now()).toISOString() };
  const ledger = await lock.save(claim, (saved) => {
    const folded = scene.fold(saved);
    const report = next.beginning === "new" ? reportFor(next.turn, folded, ci?.report) : undefined;
    const begun = beginTurn(folded, report === undefined ? turn : { ...turn, report }, next.beginning);
    return next.failure === undefined ? begun : { ...begun, failure: next.failure };
  });
  submit(deps, claim, orderOf(deps, observation, remote, { ledger, content: seen.content, url: issue.url }));
  return { againInMs: 0 };
}

export function submit({ executor, memory, slots, log }: PassDeps, claim: Claim, order: TurnOrder): void {
  executor.submit(order, claim);
  slots.taken(claim.repo);
  memory.turns.set(repoKey(claim.repo), { id: order.id, claim });
  log.info({ ...idsOf(claim), issue: order.issue.number, turn: order.id, kind: order.kind }, "turn started");
}

/** Ends the repo's turn in this process, if there is one. `forGood`: the run ends with it, and its work is kept where people find it. */
export async function stopTurn({ executor, memory }: PassDeps, repo: Repo, why: string, forGood = false): Promise<void> {
  const turn = memory.turns.get(repoKey(repo));
  if (turn !== undefined) await executor.cancel(turn.id, why, { forGood });
}

/**
 * A turn can land only under the claim it was sent off with. When the lock names another, or that claim does not hold any more (another replica
 * took the run over, the lease ran out, somebody deleted the lock), it ends here before anything takes its place. Answers whether there was one.
 */
export async function stopStrayTurn(deps: PassDeps, { observation: { repo }, facts, lock }: Scene): Promise<boolean> {
  const turn = deps.memory.turns.get(repoKey(repo));
  if (turn === undefined || facts === undefined) return false;
  const { kind } = deps.executor.inspect(turn.id);
  const isNamed = lock?.control.kind === "held" && lock.ledger.turn?.id === turn.id;
  if (isNamed || (kind !== "running" && kind !== "queued")) return false;
  await stopTurn(deps, repo, "its claim on the run is lost");
  return true;
}

/** What the ledger's turn is about. */
interface Subject {
  readonly ledger: Ledger;
  readonly content: Content;
  readonly url: string;
}

export function orderOf(deps: PassDeps, { policy, repo }: Observation, remote: Remote, { ledger, content, url }: Subject): TurnOrder {
  const { turn } = ledger;
  if (policy.kind === "faulty" || turn === undefined) throw new Error("a turn was decided without a policy");
  const { base, setup, test, tests, exempt, protectedPaths, landing, turnTimeoutMs, instructions, notes } = policy.policy;
  if (landing === "pull-request") throw new Error("a turn that lands by pull request was decided");
  const nonce = deps.newId() + deps.newId();
  return {
    id: turn.id,
    kind: turn.kind,
    run: ledger.run,
    repo,
    remote,
    issue: { number: ledger.issue, title: content.title, url },
    approval: ledger.approval,
    base,
    prompt: renderPrompt({ turn, repo, issue: ledger.issue, content, base, instructions, testCommand: test, nonce }),
    plan: { setup, test, tests, exempt, protectedPaths, landing, turnTimeoutMs, commandTimeoutMs: deps.config.commandTimeoutMs, notes },
  };
}
