import { repoKey, slugOf, type Repo } from "../core/run.ts";
import { HaltedError, StaleClaimError, type Claim, type Forge } from "../ports.ts";
import type { LoopDeps } from "./loop-deps.ts";

/** With less than this part of its lease left a pass writes nothing: the request could arrive after the lease. */
const minLeasePart = 0.1;

export interface GuardedForge extends Forge {
  /** Runs what writes in a run's name. Each of its writes asks again whether the claim still holds. */
  underClaim<T>(claim: Claim, act: () => Promise<T>): Promise<T>;
}

type Guards = Pick<LoopDeps, "forge" | "killSwitch"> & { readonly lock: Pick<LoopDeps["lock"], "leaseLeftMs">; readonly leaseMs: number };

/**
 * The forge, as passes may use it. A pass that began before the kill switch went on starts no further write: they throw `HaltedError`. Nor does
 * one that was held up, or whose machine slept, until its lease was over: they throw `StaleClaimError`.
 */
export function guardWrites({ forge, killSwitch, lock, leaseMs }: Guards): GuardedForge {
  const acting = new Map<string, Claim>();

  function demandLeave(repo: Repo): void {
    if (killSwitch.isOn()) throw new HaltedError("the kill switch is on");
    const claim = acting.get(repoKey(repo));
    if (claim !== undefined && lock.leaseLeftMs(claim) < leaseMs * minLeasePart)
      throw new StaleClaimError(`the lease on ${slugOf(repo)} runs out`);
  }

  function guard<Rest extends readonly unknown[], Answer>(
    write: (repo: Repo, ...rest: Rest) => Promise<Answer>,
  ): (repo: Repo, ...rest: Rest) => Promise<Answer> {
    return async (repo, ...rest) => {
      demandLeave(repo);
      return write(repo, ...rest);
    };
  }

  return {
    ...forge,
    createComment: guard(forge.createComment.bind(forge)),
    editComment: guard(forge.editComment.bind(forge)),
    addLabel: guard(forge.addLabel.bind(forge)),
    removeLabel: guard(forge.removeLabel.bind(forge)),
    closeIssue: guard(forge.closeIssue.bind(forge)),
    react: guard(forge.react.bind(forge)),
    rerunFailed: guard(forge.rerunFailed.bind(forge)),
    async underClaim(claim, act) {
      acting.set(repoKey(claim.repo), claim);
      try {
        return await act();
      } finally {
        acting.delete(repoKey(claim.repo));
      }
    },
  };
}
