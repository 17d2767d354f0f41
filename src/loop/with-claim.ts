import { slugOf } from "../core/run.ts";
import type { Claim, LockView } from "../ports.ts";
import type { Scene } from "./observe.ts";
import type { PassDeps } from "./pass.ts";
import type { PassAnswer } from "./signals.ts";

/** A scene whose run this process holds. */
export interface Claimed {
  readonly claim: Claim;
  readonly scene: Scene;
  readonly lock: LockView;
}

/** Acts as the run's holder, taking control first when nobody has it. When another replica was faster, the next pass sees that. */
export async function withClaim(
  { lock, forge }: PassDeps,
  scene: Scene,
  act: (claimed: Claimed) => Promise<PassAnswer>,
): Promise<PassAnswer> {
  const { lock: seen } = scene;
  if (seen === undefined || seen.control.kind === "foreign") return { againInMs: 0 };
  const claim = seen.control.kind === "held" ? seen.control.claim : await lock.adopt(scene.remote, seen);
  return claim === undefined ? { againInMs: 0 } : forge.underClaim(claim, () => act({ claim, scene, lock: seen }));
}

/** The fields that every log line about a run has. */
export function idsOf(claim: Claim): { readonly repo: string; readonly run: string } {
  return { repo: slugOf(claim.repo), run: claim.run };
}
