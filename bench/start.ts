import { rm } from "node:fs/promises";
import { join } from "node:path";
import { timed, type Bench } from "./bench.ts";
import { epochMs, watchForgeTime } from "./forge-time.ts";
import { largeFiles, largeRepo } from "./large-repo.ts";
import { cloneLocal, floorName } from "./workspace.ts";
import { slug, startWorld } from "./world.ts";

const rounds = 3;
/** Says one line and that it cannot go on: nothing is proved or landed after it. */
const agent = `sh -c 'echo here; echo enough > "$AFK_BLOCKED_FILE"'`;

export const benchStart: Bench = {
  name: "start",
  about: `from the label to the agent in a repository of ${largeRepo.files} files, AFK running and the mirror warm`,
  async run(stage) {
    const world = await startWorld(stage, { files: largeFiles(), agent, readable: [], ci: "none" });
    const forgeTime = watchForgeTime(world.forge);
    await world.startAfk(await stage.folder());
    const floorPath = join(await stage.folder(), "clone");
    const [started, spoke, withForge, floor]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let round = 0; round <= rounds; round += 1) {
      const issue = await world.open(`Round ${round}`);
      const [log, line, over] = [
        world.said("agent started"),
        world.said("agent line"),
        world.said("decision", { why: "again", decision: "wait", reason: "nothing-to-start" }),
      ];
      const labelledAt = epochMs();
      await world.label(issue);
      const [startedAt, spokeAt] = [Number((await log)["time"]), Number((await line)["time"])];
      await over;
      const floorTook = await timed(() => cloneLocal(world.forge.gitDir(slug), floorPath));
      await rm(floorPath, { recursive: true });
      // The first round fetches the mirror.
      if (round === 0) continue;
      started.push(startedAt - labelledAt - forgeTime.busyBetween(labelledAt, startedAt));
      spoke.push(spokeAt - labelledAt - forgeTime.busyBetween(labelledAt, spokeAt));
      withForge.push(startedAt - labelledAt);
      floor.push(floorTook);
      stage.say(
        `label to agent ${Math.round(startedAt - labelledAt)} ms, the forge had ${Math.round(forgeTime.busyBetween(labelledAt, startedAt))} of them`,
      );
    }
    const beside = { name: floorName, samples: floor };
    return [
      { name: "agent started, without the forge's own time", unit: "ms", samples: started, floor: beside, aim: { times: 1.5 } },
      { name: "agent's first line, without the forge's own time", unit: "ms", samples: spoke, floor: beside },
      { name: "agent started, the forge's time included", unit: "ms", samples: withForge, floor: beside },
    ];
  },
};
