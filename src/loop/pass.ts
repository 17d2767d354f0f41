import { decide, type Limits } from "../core/decide.ts";
import { slugOf, type Repo } from "../core/run.ts";
import { StaleClaimError } from "../ports.ts";
import type { LoopDeps } from "./loop-deps.ts";
import { observe, type ObserveMemory } from "./observe.ts";
import { perform } from "./perform.ts";
import type { PassAnswer, Why } from "./signals.ts";
import type { StatusComments } from "./status-comments.ts";

/** What passes share. All of it is hints: a process that starts with none of it does the same, a little later. */
export interface PassMemory extends ObserveMemory {
  /** The turn this process submitted last, by repo. */
  readonly turns: Map<string, string>;
}

export interface PassDeps extends LoopDeps {
  readonly limits: Limits;
  readonly memory: PassMemory;
  readonly statusComments: StatusComments;
}

/** One pass over one repo: observe, decide, perform. A claim found stale is no failure of the repo: the next pass sees who holds it. */
export async function pass(deps: PassDeps, repo: Repo, why: Why): Promise<PassAnswer> {
  const scene = await observe(deps, deps.memory, repo);
  const decision = decide(scene.observation, deps.limits);
  const { run } = scene.observation;
  const reason = decision.kind === "wait" ? decision.why : undefined;
  deps.log.info({ repo: slugOf(repo), issue: run?.ledger.issue, run: run?.ledger.run, why, decision: decision.kind, reason }, "decision");
  try {
    return await perform(deps, scene, decision);
  } catch (error) {
    if (!(error instanceof StaleClaimError)) throw error;
    deps.log.warn({ err: error, repo: slugOf(repo), run: run?.ledger.run }, "claim lost");
    return { againInMs: staleClaimMs };
  }
}

/** Long enough that two replicas that take turns do not spin. */
const staleClaimMs = 1_000;
