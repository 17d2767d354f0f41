import { createHmac, randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout as delay } from "node:timers/promises";
import { startEmbeddedForge } from "../demo/front/embedded-forge.ts";
import { afkEnvironment, attachedTo, makeApp } from "./app-environment.ts";
import { summarize, type Aim, type Bench, type Figure, type Stage } from "./bench.ts";
import { createHttpClient, sendMany, type HttpClient, type Message } from "./http-client.ts";
import { startAfk, startBareProbot, type ServerProcess } from "./server-process.ts";

/** Messages a round: one after the other, and several at a time. Many short rounds, so that what else the machine does meets few of them. */
const loads = [
  { name: "one at a time", count: 40, abreast: 1 },
  { name: "16 at a time", count: 160, abreast: 16 },
] as const;
const rounds = 50;
/** Until the runtime has compiled what it will compile. */
const warmingUp = 2_000;
/** Passes that run git go on for a moment after the last webhook, and would slow whoever comes next. */
const restMs = 250;
const roundsWithRest = 10;
const repo = { owner: "acme", name: "benched" };
const slug = `${repo.owner}/${repo.name}`;

export const benchWebhook: Bench = {
  name: "webhook",
  about: "a signed issues.labeled webhook (12 kB) to its 2xx",
  async run(stage) {
    const { bare, quick, armed } = await startContenders(stage);
    for (const { client, write } of [bare, ...quick]) await sendMany(client, warmingUp, 1, write);
    const figures: Figure[] = [];
    for (const load of loads) {
      const samples = await race([bare, ...quick], load, rounds, 0);
      for (const contender of quick) figures.push(figureOf(contender, bare, load.name, samples, { times: 1.1 }));
    }
    for (const load of loads) {
      const samples = await race([bare, armed], load, roundsWithRest, restMs);
      figures.push(figureOf(armed, bare, load.name, samples, undefined));
    }
    return figures;
  },
};

interface Contender {
  readonly name: string;
  readonly client: HttpClient;
  readonly write: () => Message;
}

type Samples = ReadonlyMap<Contender, readonly number[]>;

function figureOf(contender: Contender, floor: Contender, load: string, samples: Samples, aim: Aim | undefined): Figure {
  return {
    name: `${contender.name}, ${load}`,
    unit: "ms",
    samples: samples.get(contender) ?? [],
    floor: { name: floor.name, samples: samples.get(floor) ?? [] },
    ...(aim === undefined ? {} : { aim }),
  };
}

async function startContenders(stage: Stage) {
  const app = makeApp();
  const forge = await startEmbeddedForge({ users: [{ login: repo.owner }], repos: [{ ...repo, files: { "README.md": "# Benched\n" } }] });
  stage.after(() => forge.close());
  const start = async (env: Readonly<Record<string, string>>): Promise<ServerProcess> =>
    startAfk(stage, { env: { ...app, ...afkEnvironment(await stage.folder()), ...env } });
  const attached = { ...attachedTo(forge), AFK_ALLOWLIST: slug };
  const [bare, unenrolled, off, armed] = await Promise.all([
    startBareProbot(stage, { env: app }),
    start({}),
    start({ AFK_ALLOWLIST: slug, AFK_KILL_SWITCH: "true" }),
    start(attached),
  ]);
  const contend = (name: string, { url }: ServerProcess, secret: string): Contender => {
    const client = createHttpClient(`${url}/api/github/webhooks`, 16);
    stage.after(() => client.close());
    return { name, client, write: webhookWriter(secret) };
  };
  return {
    bare: contend("Probot behind node:http, the handler does nothing", bare, app.WEBHOOK_SECRET),
    quick: [contend("repo not enrolled", unenrolled, app.WEBHOOK_SECRET), contend("enrolled, switched off", off, app.WEBHOOK_SECRET)],
    armed: contend("enrolled, passes running beside it", armed, forge.webhookSecret),
  };
}

/** Delivery after delivery of a payload as large as GitHub's. */
function webhookWriter(secret: string): () => Message {
  const body = writePayload();
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-github-event": "issues",
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  };
  return () => ({ method: "POST", headers: { ...headers, "x-github-delivery": randomUUID() }, body });
}

interface Example {
  readonly action?: string;
  readonly label?: object;
  readonly repository?: { readonly owner: object };
}

function writePayload(): string {
  const events = createRequire(import.meta.url)("@octokit/webhooks-examples") as readonly {
    readonly name: string;
    readonly examples: readonly Example[];
  }[];
  const example = events.find(({ name }) => name === "issues")?.examples.find(({ action }) => action === "labeled");
  if (example === undefined) throw new Error("there is no example of issues.labeled");
  const repository = {
    ...example.repository,
    name: repo.name,
    full_name: slug,
    owner: { ...example.repository?.owner, login: repo.owner },
  };
  return JSON.stringify({ ...example, installation: { id: 1 }, repository, label: { ...example.label, name: "ready-for-agent" } });
}

/** All contenders in each round, in alternating order; the first round does not count. */
async function race(contenders: readonly Contender[], load: (typeof loads)[number], times: number, pauseMs: number): Promise<Samples> {
  const samples = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round <= times; round += 1) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const took = await sendMany(contender.client, load.count, load.abreast, contender.write);
      if (round > 0) samples.get(contender)?.push(summarize(took).median);
      if (pauseMs > 0) await delay(pauseMs);
    }
  }
  return samples;
}
