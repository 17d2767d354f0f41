import type { Bench, Stage } from "./bench.ts";
import type { LogLine } from "./server-process.ts";
import { tinyFiles } from "./tiny-repo.ts";
import { startWorld } from "./world.ts";

/** Runs in flight when the process dies. */
const runs = 50;
const slugs = Array.from({ length: runs }, (_, at) => `acme/repo-${at}`);
/** Begins, and never ends. */
const agent = `sh -c 'echo here; exec sleep 3600'`;

export const benchRecovery: Bench = {
  name: "recovery",
  about: `after SIGKILL with ${runs} agents at work in ${runs} repositories: a new process on the same disk has them all at work again`,
  async run(stage) {
    const world = await startWorld(stage, {
      files: tinyFiles,
      agent,
      readable: [],
      ci: "none",
      slugs,
      env: { AFK_MAX_CONCURRENCY: String(runs), AFK_RETRY_MAX_ATTEMPTS: "100" },
    });
    const home = await stage.folder();
    const watch = createWatch(stage);
    const former = await world.startAfk(home, watch.onLog);
    const atWork = watch.until("agent started", runs);
    for (const slug of slugs) await world.label(await world.open("As the title says", slug), slug);
    await atWork;
    await former.kill();
    const [claimed, working] = [watch.until("claim taken", runs), watch.until("agent started", runs)];
    const killedAt = performance.now();
    await world.startAfk(home, watch.onLog);
    const claimedMs = (await claimed) - killedAt;
    const workingMs = (await working) - killedAt;
    return [
      { name: "every lock taken back", unit: "ms", samples: [claimedMs] },
      { name: "every agent at work again", unit: "ms", samples: [workingMs] },
    ];
  },
};

function createWatch(stage: Stage) {
  const waiting = new Set<(line: LogLine) => void>();
  return {
    onLog: (line: LogLine) => waiting.forEach((listen) => listen(line)),
    /** The moment of the `count`th such line from now on. */
    until: (msg: string, count: number) =>
      new Promise<number>((resolve) => {
        let left = count;
        const listen = (line: LogLine): void => {
          if (line.msg !== msg) return;
          left -= 1;
          if (left > 0) return;
          waiting.delete(listen);
          stage.say(`${count} × ${msg}`);
          resolve(performance.now());
        };
        waiting.add(listen);
      }),
  };
}
