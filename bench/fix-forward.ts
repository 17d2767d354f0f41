import type { CiVerdict } from "../demo/front/ci.ts";
import type { Bench } from "./bench.ts";
import { createCounter, runWarm, untilEnded } from "./count-requests.ts";
import { epochMs, watchForgeTime } from "./forge-time.ts";
import { tinyAgent, tinyFiles } from "./tiny-repo.ts";
import { startWorld } from "./world.ts";

const rounds = 2;
/** Beyond what the main path asks anyway. */
const mostRequests = 8;
/** From the webhook that says red to the agent at work, without the forge's own time. */
const mostMs = 100;

/** Failures that nobody can take for the same. */
const failures = ["lint", "types", "build", "docs", "links", "size"].map((what): CiVerdict => ({
  conclusion: "failure",
  log: `error: the ${what} do not pass`,
}));
const [lint] = failures;

export const benchFixForward: Bench = {
  name: "fix-forward",
  about: "what a correction costs: API requests beyond the main path, until the freeze after five, and the time from red to the agent",
  async run(stage) {
    const [once, onceWrites, frozen, frozenWrites, begun, withForge]: number[][] = [[], [], [], [], [], []];
    for (let round = 0; round < rounds; round += 1) {
      const script: CiVerdict[] = [];
      const world = await startWorld(stage, {
        files: tinyFiles,
        agent: `"${process.execPath}" "${tinyAgent}"`,
        readable: [tinyAgent],
        ci: "tests",
        ciVerdict: () => script.shift() ?? "run",
      });
      const count = createCounter(world.forge);
      const forgeTime = watchForgeTime(world.forge);
      const afk = await world.startAfk(await stage.folder());
      await runWarm(stage, world, count, "the first one in this repository");
      const plain = await runWarm(stage, world, count, "the main path");
      script.push(...failures.slice(0, 1));
      const corrected = await runWarm(stage, world, count, "red once, then corrected");
      once?.push(corrected.counted - plain.counted);
      onceWrites?.push(corrected.writes - plain.writes);
      if (lint !== undefined) script.push(lint);
      const over = untilEnded(world, "closed");
      const landed = world.said("landed");
      const spoken = world.forge.waitFor((event) => event.kind === "ci", 60_000);
      await world.label(await world.open("How soon"));
      await landed;
      world.forge.deliveries.hold();
      await spoken;
      const started = world.said("agent started");
      const redAt = epochMs();
      await world.forge.deliveries.release();
      const startedAt = Number((await started)["time"]);
      begun?.push(startedAt - redAt - forgeTime.busyBetween(redAt, startedAt));
      withForge?.push(startedAt - redAt);
      await over;
      // A frozen run leaves its base red, and what is red there already is not corrected: this comes last.
      script.push(...failures);
      const given = await runWarm(stage, world, count, "red until it freezes, after five corrections", "handed-over");
      frozen?.push(given.counted);
      frozenWrites?.push(given.writes);
      await afk.stop();
    }
    return [
      { name: "one correction, beyond the main path: counted", unit: "requests", samples: once ?? [], aim: { value: mostRequests } },
      { name: "one correction, beyond the main path: content writes", unit: "requests", samples: onceWrites ?? [] },
      { name: "frozen after five corrections, in all: counted", unit: "requests", samples: frozen ?? [] },
      { name: "frozen after five corrections, in all: content writes", unit: "requests", samples: frozenWrites ?? [] },
      { name: "red webhook to corrective agent, without the forge's own time", unit: "ms", samples: begun ?? [], aim: { value: mostMs } },
      { name: "red webhook to corrective agent, with it", unit: "ms", samples: withForge ?? [] },
    ];
  },
};
