import { findFaults } from "./check.ts";
import type { Pace } from "./kill.ts";
import { planRound, sayKill, type Disk } from "./plan.ts";
import { createRandom } from "./random.ts";
import { sayRound } from "./report.ts";
import { playRound, type Round } from "./round.ts";
import { openStage, type Stage } from "./stage.ts";

export interface ChaosOptions {
  readonly rounds: number;
  /** Decides what is planned. When things happen is the machine's affair, so a seed repeats the plan and not the moment. */
  readonly seed: number;
  readonly disks: readonly [Disk, ...Disk[]];
  readonly say: (text: string) => void;
}

/** A round did not end as it must. */
export class ChaosError extends Error {
  override readonly name = "ChaosError";
}

/** Plays the rounds on one forge, one after the other. Throws `ChaosError` at the first that is not as it must be. */
export async function playChaos({ rounds, seed, disks, say }: ChaosOptions): Promise<readonly Round[]> {
  const plans = createRandom(seed);
  const stage = await openStage(createRandom(seed + 1));
  const played: Round[] = [];
  try {
    const pace = await takePace(stage);
    say(`seed ${seed}; without a kill a run takes ${Math.round(pace.runMs)} ms\n`);
    for (let number = 1; number <= rounds; number += 1) {
      const plan = planRound(plans, stage.repos, disks);
      const round = await judged(stage, () => playRound(stage, plan, pace)).catch((error: unknown) => {
        throw new ChaosError(`seed ${seed}, round ${number} (${plan.repos.join(", ")}: ${plan.kills.map(sayKill).join(", ")})`, {
          cause: error,
        });
      });
      say(sayRound(number, plan, round));
      played.push(round);
    }
  } finally {
    await stage.close();
  }
  return played;
}

/** A round without a kill: how long things take here. */
async function takePace(stage: Stage): Promise<Pace> {
  const times = { answered: 0, landed: 0 };
  const unwatch = stage.watch((happening) => {
    if (happening.kind === "agent" && happening.step === "answered") times.answered = performance.now();
    if (happening.kind === "push" && happening.ref === "refs/heads/main") times.landed = performance.now();
  });
  const startedAt = performance.now();
  await judged(stage, () => playRound(stage, { repos: [stage.repos[0]], kills: [] }, { runMs: 0, proofsMs: 0 }));
  unwatch();
  return { runMs: performance.now() - startedAt, proofsMs: times.landed - times.answered };
}

async function judged(stage: Stage, play: () => Promise<Round>): Promise<Round> {
  const round = await play();
  const faults = await findFaults(stage, round.issues);
  if (faults.length > 0) throw new Error(`${faults.join("\n")}\n${stage.logTails()}`);
  return round;
}
