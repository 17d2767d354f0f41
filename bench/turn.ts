import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTurnTester } from "../test/executor/turn-tester.ts";
import { timed, type Bench, type Stage } from "./bench.ts";
import { tinyAgent, tinyFiles } from "./tiny-repo.ts";

const rounds = 5;
const run = promisify(execFile);

export const benchTurn: Bench = {
  name: "turn",
  about: "a whole turn on a tiny repository: workspace, agent, base, red and green proof, landing",
  async run(stage) {
    const tester = await createTurnTester({
      files: tinyFiles,
      agentArgv: [process.execPath, tinyAgent],
      sandboxRead: [tinyAgent],
      sandbox: "auto",
    });
    stage.after(() => tester.close());
    const [samples, floor]: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round += 1) {
      const took = await timed(async () => {
        const outcome = await tester.turn({ run: `run-${round}`, plan: { test: "npm test" } });
        if (outcome.kind !== "landed") throw new Error(`a turn came to ${JSON.stringify(outcome)}`);
      });
      const floorTook = await byHand(stage, tester.forge("rev-parse", "--absolute-git-dir"));
      // The first round warms up.
      if (round === 0) continue;
      samples.push(took);
      floor.push(floorTook);
    }
    const name = "the same by hand: clone, the agent, its tests three times, push; no sandbox, no fresh checkouts";
    return [{ name: "begun to landed", unit: "ms", samples, floor: { name, samples: floor } }];
  },
};

/** What a person would run who trusts the agent: everything once, in one clone. */
async function byHand(stage: Stage, remote: string): Promise<number> {
  const clone = join(await stage.folder(), "clone");
  const identity = {
    GIT_AUTHOR_NAME: "ann",
    GIT_AUTHOR_EMAIL: "ann@example.com",
    GIT_COMMITTER_NAME: "ann",
    GIT_COMMITTER_EMAIL: "ann@example.com",
  };
  const env = { PATH: process.env["PATH"], HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", ...identity };
  const inClone = async (program: string, ...args: readonly string[]): Promise<unknown> => run(program, [...args], { cwd: clone, env });
  return timed(async () => {
    await run("git", ["clone", "--quiet", "--", remote, clone], { env });
    await inClone(process.execPath, tinyAgent);
    for (let proofs = 0; proofs < 3; proofs += 1) await inClone("npm", "test");
    await inClone("git", "push", "--quiet", "origin", "HEAD:refs/heads/by-hand", "--force");
  });
}
