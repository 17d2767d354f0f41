import { hunt } from "../test/simulation/simulate.ts";
import type { Bench } from "./bench.ts";

const rounds = 5;
/** Worlds differ much in what happens in them; so many of one seed, the same in every round, take some seconds. */
const worlds = 40;
const seed = 1;

export const benchSimulate: Bench = {
  name: "simulate",
  about: `made-up worlds full of faults, ${worlds} of seed ${seed}: whole runs of AFK on a virtual clock, every promise checked at every step`,
  async run() {
    const samples: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const startedAt = performance.now();
      const { runs, finding } = await hunt({ runs: worlds, seed, isShrinking: false });
      if (finding !== undefined) throw new Error(`a promise is broken: ${finding.report.violations.join("; ")}`);
      // The first round warms up.
      if (round > 0) samples.push((runs * 1000) / (performance.now() - startedAt));
    }
    return [{ name: "worlds", unit: "per s", samples }];
  },
};
