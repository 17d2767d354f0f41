import { randomBytes, randomUUID } from "node:crypto";
import { Probot, type ApplicationFunctionOptions } from "probot";
import { openAfkHome } from "./afk-home.ts";
import { createApp } from "./app.ts";
import { readConfig, secretsOf, type Config } from "./config.ts";
import { lookOf } from "./core/labels.ts";
import { repoKey, type Repo } from "./core/run.ts";
import { createDoorbell } from "./doorbell/doorbell-webhook.ts";
import { createLocalExecutor } from "./executor/executor-local.ts";
import { createRedactor } from "./executor/redactor.ts";
import { createGitHubForge } from "./forge/forge-github.ts";
import { createGitLock } from "./forge/lock-git.ts";
import { createOctokitClass } from "./forge/octokit-class.ts";
import { takeHealth, type Health } from "./http/health.ts";
import { createKillSwitch } from "./kill-switch.ts";
import { createLoop, type Loop } from "./loop/loop.ts";
import { systemTimers } from "./loop/timers.ts";
import type { Log } from "./ports.ts";

/** AFK with everything wired, on one Probot app. */
export interface Afk {
  readonly loop: Loop;
  health(): Promise<Health>;
  /** Stops intake, ends agents, clears the holders and frees the home. Every run stays resumable. */
  close(): Promise<void>;
}

/** Probot with AFK's octokit: no blind repetition of creating calls, throttled as the operator says. */
export function createProbot(config: Config, log: Probot["log"]): Probot {
  const { forge, app } = config;
  return new Probot({
    appId: app.appId,
    privateKey: app.privateKey,
    secret: app.webhookSecret,
    Octokit: createOctokitClass({ throttle: forge.throttle }),
    log,
    ...(forge.host === undefined ? {} : { baseUrl: `${forge.protocol}://${forge.host}/api/v3` }),
  });
}

/** Wires adapters to the loop and the loop to the app's events. Rejects with `HomeError` when `AFK_HOME` cannot be used. */
export async function wire(app: Probot, config: Config, log: Log): Promise<Afk> {
  const home = await openAfkHome(config.home);
  const webUrl = config.forge.host === undefined ? "https://github.com" : `${config.forge.protocol}://${config.forge.host}`;
  const forge = createGitHubForge({
    auth: (id) => app.auth(id),
    webUrl,
    log,
    redact: createRedactor(() => secretsOf(config)),
    describeLabel: (label) => lookOf(label, config.labels),
  });
  const killSwitch = createKillSwitch(config.killSwitch, home.dir, systemTimers);
  const lock = createGitLock({
    home: home.dir,
    homeId: home.id,
    holderId: randomUUID(),
    clock: forge,
    leaseMs: config.leaseMs,
    refPrefix: config.refPrefix,
    log,
    isHalted: () => killSwitch.isOn(),
    onLost: (repo) => loop.signal({ repo, why: "turn" }),
  });
  const executor = createLocalExecutor({
    home: home.dir,
    slots: config.maxConcurrency,
    fetchDebounceMs: config.fetchDebounceMs,
    sandbox: config.sandbox,
    sandboxRead: config.sandboxRead,
    agentArgv: config.agentCommand ?? [],
    agentEnv: config.agentEnv,
    secrets: () => secretsOf(config),
    identity: { name: "AFK", email: "afk@users.noreply.github.com" },
    lock,
    clock: forge,
    log,
  });
  const doorbell = createDoorbell(config.notify, { clock: forge, timers: systemTimers, log });
  const loop: Loop = createLoop({ forge, lock, executor, killSwitch, doorbell, config, timers: systemTimers, log, newId });
  const isEnrolled = (repo: Repo) => config.allowlist.some((enrolled) => repoKey(enrolled) === repoKey(repo));
  createApp({ signal: (signal) => loop.signal(signal), isEnrolled, readyLabel: config.labels.ready })(app);
  return {
    loop,
    health: () => takeHealth({ config, killSwitch, executor, loop, doorbell }),
    async close() {
      await loop.close();
      await doorbell.close();
      home.release();
    },
  };
}

/** 40 random bits as `[a-z2-7]`: ids of runs and turns are told apart, not kept secret. */
function newId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  return [...randomBytes(8)].map((byte) => alphabet[byte % 32]).join("");
}

/** AFK as a Probot app, for hosts that load one (`probot run`, tests). `afk serve` adds its own HTTP server and a graceful end. */
export default async function afk(app: Probot, options: ApplicationFunctionOptions): Promise<void> {
  const reading = readConfig(process.env);
  if (reading.kind !== "ok") throw new Error(reading.kind === "disabled" ? reading.why : reading.faults.join("\n"));
  const service = await wire(app, reading.config, app.log);
  options.addHandler(async (request, response) => {
    if (request.method !== "GET" || request.url !== "/health") return false;
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(await service.health()));
    return true;
  });
  service.loop.start();
}
