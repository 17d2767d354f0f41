import { afkEnvironment, makeApp } from "./app-environment.ts";
import { summarize, type Bench } from "./bench.ts";
import { createHttpClient, sendMany } from "./http-client.ts";
import { startAfk, startBareProbot } from "./server-process.ts";

const rounds = 20;
const perRound = 50;

export const benchHealth: Bench = {
  name: "health",
  about: "GET /health, which looks at the disk and the sandbox each time",
  async run(stage) {
    const app = makeApp();
    const servers = await Promise.all([
      startAfk(stage, { env: { ...app, ...afkEnvironment(await stage.folder()) } }),
      startBareProbot(stage, { env: app }),
    ]);
    const clients = servers.map(({ url }) => createHttpClient(`${url}/health`, 1));
    stage.after(() => clients.forEach((client) => client.close()));
    const samples: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round += 1) {
      for (const [at, client] of clients.entries()) {
        const took = await sendMany(client, perRound, 1, () => ({ method: "GET", headers: {}, body: "" }));
        if (round > 0) samples[at]?.push(summarize(took).median);
      }
    }
    return [
      { name: "answered", unit: "ms", samples: samples[0], floor: { name: "node:http with a constant answer", samples: samples[1] } },
    ];
  },
};
