import { decide } from "../core/decide.ts";
import type { Decision, Limits } from "../core/decision.ts";
import type { Observation } from "../core/observation.ts";
import { repoKey, slugOf, type Repo } from "../core/run.ts";
import { HaltedError, StaleClaimError, type Claim, type Lock, type Log } from "../ports.ts";
import type { GuardedForge } from "./guard-writes.ts";
import type { LoopDeps } from "./loop-deps.ts";
import { observe, type ObserveMemory } from "./observe.ts";
import { perform } from "./perform.ts";
import type { PassAnswer, Why } from "./signals.ts";
import type { Slots } from "./slots.ts";
import { stopStrayTurn } from "./take-turn.ts";
import type { StatusComments } from "./status-comments.ts";

/** What passes share. All of it is hints: a process that starts with none of it does the same, a little later. */
export interface PassMemory extends ObserveMemory {
  /** The turn this process submitted last, by repo, and the claim it works under. */
  readonly turns: Map<string, { readonly id: string; readonly claim: Claim }>;
  /** The decision logged last, by repo. */
  readonly decisions: Map<string, string>;
}

export function createPassMemory(): PassMemory {
  return {
    probes: new Map(),
    ailment: undefined,
    runs: new Map(),
    turns: new Map(),
    decisions: new Map(),
    commented: new Set(),
    through: new Map(),
    failures: new Map(),
    haltedSince: new Map(),
  };
}

/** What halting cost a run is in its ledger as soon as that is saved, and must not be counted again, whatever becomes of the pass. */
export function countPausesOnce(lock: Lock, { haltedSince }: PassMemory): Lock {
  return {
    ...lock,
    async save(claim, change, content) {
      const saved = await lock.save(claim, change, content);
      haltedSince.delete(repoKey(claim.repo));
      return saved;
    },
  };
}

export interface PassDeps extends LoopDeps {
  readonly forge: GuardedForge;
  readonly limits: Limits;
  readonly memory: PassMemory;
  readonly slots: Slots;
  readonly statusComments: StatusComments;
}

/** One pass over one repo: observe, decide, perform. A claim found stale is no failure of the repo: the next pass sees who holds it. */
export async function pass(deps: PassDeps, repo: Repo, why: Why): Promise<PassAnswer> {
  const { memory, slots, limits, log } = deps;
  try {
    const seen = await observe(deps, memory, repo);
    if (await stopStrayTurn(deps, seen)) return { againInMs: 0 };
    // From counting the slots to reserving one, nothing else may run.
    const observation = { ...seen.observation, slots: slots.count(repo, memory.ailment !== undefined) };
    const decision = decide(observation, limits);
    slots.note(observation, decision);
    logDecision(log, memory, observation, decision, why);
    if (observation.run === undefined && decision.kind !== "halt") memory.haltedSince.delete(repoKey(repo));
    return await perform(deps, { ...seen, observation }, decision);
  } catch (error) {
    slots.leave(repo);
    // The switch went on in the middle of a pass; the watch on it brings the next one.
    if (error instanceof HaltedError) return {};
    if (!(error instanceof StaleClaimError)) throw error;
    log.warn({ err: error, repo: slugOf(repo) }, "claim lost");
    return { againInMs: staleClaimMs };
  } finally {
    slots.settle(repo);
  }
}

/** Long enough that two replicas that take turns do not spin. */
const staleClaimMs = 1_000;

/** Most passes decide what the one before them did, which is news to nobody: only a change is worth an operator's line. */
function logDecision(log: Log, { decisions }: PassMemory, { repo, run }: Observation, decision: Decision, why: Why): void {
  const reason = decision.kind === "wait" ? decision.why : undefined;
  const fields = { repo: slugOf(repo), issue: run?.ledger.issue, run: run?.ledger.run, why, decision: decision.kind, reason };
  const key = repoKey(repo);
  const said = [fields.run, decision.kind, reason].join(" ");
  if (decisions.get(key) === said) log.debug(fields, "decision");
  else log.info(fields, "decision");
  decisions.set(key, said);
}
