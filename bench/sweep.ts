import { afkEnvironment, makeApp } from "./app-environment.ts";
import type { Bench } from "./bench.ts";
import { startIdleForge } from "./idle-forge.ts";
import { startAfk } from "./server-process.ts";

const repos = 1_000;
/** Longer than a repository's own facts are believed, so that they are asked for again. */
const sweepSeconds = 75;

export const benchSweep: Bench = {
  name: "sweep",
  about: `a sweep over ${repos.toLocaleString("en")} enrolled repositories in which nothing happens, each with one git ls-remote`,
  async run(stage) {
    const forge = await startIdleForge(stage);
    const slugs = Array.from({ length: repos }, (_, at) => `acme/repo-${at}`);
    const env = { ...afkEnvironment(await stage.folder()), ...makeApp(), GHE_HOST: forge.host, GHE_PROTOCOL: "http" };
    const settings = {
      AFK_FORGE_THROTTLE: "false",
      AFK_ALLOWLIST: slugs.join(","),
      AFK_SWEEP_SECONDS: String(sweepSeconds),
      LOG_LEVEL: "debug",
    };
    const passes: number[] = [];
    let countedBefore = 0;
    const swept = new Promise<void>((resolve) => {
      const onLog = (line: Readonly<Record<string, unknown>>): void => {
        if (line["msg"] !== "decision" || line["why"] !== "sweep") return;
        passes.push(Number(line["time"]));
        if (passes.length === repos) countedBefore = forge.counted();
        if (passes.length === 2 * repos) resolve();
      };
      void startAfk(stage, { env: { ...env, ...settings }, onLog });
    });
    await swept;
    const [first, second] = [passes.slice(0, repos), passes.slice(repos)];
    const took = (times: readonly number[]): number => (times.at(-1) ?? 0) - (times[0] ?? 0);
    stage.say(`the first sweep asked ${countedBefore} counted requests`);
    return [
      { name: "counted requests of a sweep", unit: "requests", samples: [forge.counted() - countedBefore], aim: { value: 0 } },
      { name: "the first sweep", unit: "ms", samples: [took(first)] },
      { name: "a later one", unit: "ms", samples: [took(second)] },
    ];
  },
};
