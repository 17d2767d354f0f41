import { pino } from "pino";
import { Probot } from "probot";
import { createApp } from "../../src/app.ts";
import { readConfig, type Config } from "../../src/config.ts";
import { openSeal } from "../../src/core/ledger.ts";
import { repoKey, type Evidence, type Ledger, type Repo, type TurnOutcome } from "../../src/core/run.ts";
import type { KillSwitch } from "../../src/kill-switch.ts";
import { createLoop, type Loop } from "../../src/loop/loop.ts";
import type { Notice } from "../../src/core/notice.ts";
import type { Log } from "../../src/ports.ts";
import { appPrivateKey } from "./app-key.ts";
import { createFakeExecutor, type FakeExecutor } from "./fake-executor.ts";
import { createFakeForge, type FakeForge } from "./fake-forge.ts";
import type { FakeWebhook } from "./fake-webhooks.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { createMemoryLock, createMemoryLockStore, type MemoryLockStore } from "./memory-lock.ts";

export interface BotTesterOptions {
  /** On top of an armed AFK enrolled in `acme/api` and `acme/web`. */
  readonly env?: Readonly<Record<string, string>>;
  /** How webhooks arrive. Default: at once, each once. */
  readonly webhooks?: "delivered" | "lost" | "doubled" | "held";
}

/** A line AFK logged. */
export interface LogLine {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One AFK process. */
interface Process {
  readonly loop: Loop;
  readonly executor: FakeExecutor;
  /** Its timers never fire again. */
  kill(): void;
}

/**
 * The real Probot app, handlers, loop and core over twins of forge, lock and executor, on a virtual clock. The test plays people, the agent
 * and CI; after every verb AFK is let run until it rests.
 */
export interface BotTester {
  readonly forge: FakeForge;
  readonly locks: MemoryLockStore;
  readonly clock: ManualClock;
  readonly config: Config;
  readonly log: readonly LogLine[];
  /** What the doorbell rang for. */
  readonly rings: readonly Notice[];
  readonly api: Repo;
  readonly web: Repo;
  executor(): FakeExecutor;
  setSwitch(isOn: boolean): void;
  /** The switch is on, and nothing has noticed yet. */
  switchOnUnseen(): void;
  /** Plays anything, then waits until AFK rests. */
  play(act: () => unknown): Promise<void>;
  /** Opens an issue by a person with write access, released at once unless `label` is false. Answers its number. */
  open(
    title: string,
    options?: {
      readonly repo?: Repo;
      readonly by?: string;
      readonly body?: string;
      readonly labels?: readonly string[];
      readonly label?: boolean;
    },
  ): Promise<number>;
  label(issue: number, by?: string, repo?: Repo): Promise<void>;
  /** Somebody comments. Answers the comment's id. */
  say(issue: number, body: string, by?: string, repo?: Repo): Promise<number>;
  agentLands(repo?: Repo): Promise<string>;
  agentEnds(outcome: TurnOutcome, repo?: Repo): Promise<void>;
  ci(sha: string, conclusion: string | undefined, name?: string, repo?: Repo): Promise<void>;
  advance(ms: number): Promise<void>;
  /** The process is gone without a word, and none is there until `crash` or `restart` starts another. */
  stop(): void;
  /** The process is gone without a word; another starts on the same disk. */
  crash(): Promise<void>;
  /** The process ends as it should; another starts on the same disk. */
  restart(): Promise<void>;
  /** Every webhook so far comes again. */
  redeliver(): Promise<void>;
  /** What was held back comes, in this order. */
  deliverHeld(order?: "in-order" | "reversed"): Promise<void>;
  /** AFK's comments on an issue; they count as read. */
  comments(issue: number, repo?: Repo): readonly string[];
  labels(issue: number, repo?: Repo): readonly string[];
  isOpen(issue: number, repo?: Repo): boolean;
  /** The ledger in the lock. */
  ledger(repo?: Repo): Ledger | undefined;
  sealed(comment: string, issue: number, repo?: Repo): Ledger | undefined;
  /** Fails when AFK has said something nobody read, a turn still runs, or a pass failed. */
  finish(): Promise<void>;
}

const armed = {
  APP_ID: "1",
  PRIVATE_KEY: appPrivateKey,
  WEBHOOK_SECRET: "a secret of the test",
  AFK_KILL_SWITCH: "false",
  AFK_ALLOWLIST: "acme/api,acme/web",
  AFK_HOME: "/nowhere/afk",
  AFK_AGENT_COMMAND: "agent",
  HOME: "/nowhere",
};

/** What a proven change looks like. */
export const provenEvidence: Evidence = {
  test: { command: "npm test", source: "detected" },
  base: { command: "npm test", exitCode: 0, durationMs: 900, tail: "ok" },
  red: { command: "npm test", exitCode: 1, durationMs: 800, tail: "1 failing", how: "failed" },
  green: { command: "npm test", exitCode: 0, durationMs: 950, tail: "ok", flaky: false },
  files: [
    { path: "src/sum.js", added: 3, removed: 1 },
    { path: "test/sum.test.js", added: 5, removed: 0 },
  ],
};

/** A comment as people see it: without the sealed record, which is another text in every run of a test. */
export function withoutSeal(comment = ""): string {
  return comment.replace(/<!-- afk:(ledger|desk) v1 [^ ]+ [^ ]+ -->/g, "<!-- afk:$1 … -->");
}

/** Time goes by in strides, between which AFK does what is due: a process that is there renews its lease. */
const strideMs = 60_000;

export async function createBotTester({ env = {}, webhooks = "delivered" }: BotTesterOptions = {}): Promise<BotTester> {
  const reading = readConfig({ ...armed, ...env });
  if (reading.kind !== "ok") throw new Error(JSON.stringify(reading));
  const { config } = reading;
  const clock = createManualClock();
  const forge = createFakeForge({ clock });
  const locks = createMemoryLockStore({
    moveBranch(repo, { branch, expected, commit }) {
      const head = forge.inside(repo).branches.get(branch)?.sha;
      if (head !== expected) return "base-moved";
      forge.landCommit(repo, branch, commit);
      return "moved";
    },
  });
  const lines: LogLine[] = [];
  const log = recordLog(lines);
  const rings: Notice[] = [];
  const doorbell = { ring: (notice: Notice) => void rings.push(notice), ailment: () => undefined, close: async () => {} };
  let isSwitchedOn = config.killSwitch;
  let ids = 0;
  const killSwitch = createTestSwitch(() => isSwitchedOn);
  let current = startProcess();
  const delivering = new Set<Promise<void>>();
  const held: FakeWebhook[] = [];

  function startProcess(): Process {
    let isAlive = true;
    const schedule = (fn: () => void, ms: number) => clock.schedule(() => isAlive && fn(), ms);
    const lock = createMemoryLock({
      store: locks,
      clock,
      home: "home-1",
      leaseMs: config.leaseMs,
      schedule,
      isHalted: () => isSwitchedOn,
      onLost: (repo) => isAlive && loop.signal({ repo, why: "turn" }),
      log,
    });
    const executor = createFakeExecutor(lock, config.maxConcurrency);
    const timers = { now: clock.now, after: (ms: number, fn: () => void) => schedule(fn, ms) };
    const newId = () => `id${(ids += 1)}`.padEnd(8, "x");
    const { isOn, watch } = killSwitch.port;
    const ownSwitch: KillSwitch = { isOn, watch: (listener) => watch((isSwitchOn) => isAlive && listener(isSwitchOn)) };
    const loop = createLoop({ forge, lock, executor, doorbell, killSwitch: ownSwitch, config, timers, log, newId });
    loop.start();
    return { loop, executor, kill: () => void (isAlive = false) };
  }

  const probot = new Probot({ appId: 1, privateKey: appPrivateKey, secret: "s", log: pino({ level: "silent" }) });
  const isEnrolled = (repo: Repo) => config.allowlist.some((enrolled) => repoKey(enrolled) === repoKey(repo));
  createApp({ signal: (signal) => current.loop.signal(signal), isEnrolled, readyLabel: config.labels.ready })(probot);
  await probot.ready();

  function deliver({ id, name, payload }: FakeWebhook): void {
    // The twin's payloads have the fields a handler could want, not all that GitHub's types promise.
    const delivery = probot.receive({ id, name, payload } as unknown as Parameters<Probot["receive"]>[0]);
    delivering.add(delivery);
    void delivery.finally(() => delivering.delete(delivery));
  }

  forge.onWebhook((webhook) => {
    if (webhooks === "held") held.push(webhook);
    if (webhooks === "delivered" || webhooks === "doubled") deliver(webhook);
    if (webhooks === "doubled") deliver(webhook);
  });

  async function settle(): Promise<void> {
    while (delivering.size > 0) await Promise.all(delivering);
    await current.loop.idle();
    if (delivering.size > 0) await settle();
  }

  async function play(act: () => unknown): Promise<void> {
    await act();
    await settle();
  }

  const api = forge.addRepo("acme/api", { isPrivate: true });
  const web = forge.addRepo("acme/web", { isPrivate: true });
  for (const repo of [api, web]) forge.setPermission(repo, "ann", "write");
  await settle();

  const tester: BotTester = {
    forge,
    locks,
    clock,
    config,
    log: lines,
    rings,
    api,
    web,
    play,
    executor: () => current.executor,
    switchOnUnseen() {
      isSwitchedOn = true;
    },
    setSwitch(isOn) {
      isSwitchedOn = isOn;
      killSwitch.changed();
    },
    async open(title, { repo = api, by = "ann", body = "", labels = [], label = true } = {}) {
      const number = forge.openIssue(repo, by, { title, body, labels });
      await settle();
      if (label) await tester.label(number, "ann", repo);
      return number;
    },
    label: (issue, by = "ann", repo = api) => play(() => forge.label(repo, issue, config.labels.ready, by)),
    async say(issue, body, by = "ann", repo = api) {
      const id = forge.comment(repo, issue, body, by);
      await settle();
      return id;
    },
    async agentLands(repo = api) {
      const { order } = current.executor.turnOf(repo);
      const head = forge.inside(repo).branches.get(order.base)?.sha ?? "";
      const sha = `${(ids += 1)}`.padStart(40, "a");
      await play(() => current.executor.land(repo, sha, head, provenEvidence));
      return sha;
    },
    agentEnds: (outcome, repo = api) => play(() => current.executor.end(repo, outcome)),
    ci: async (sha, conclusion, name = "test", repo = api) => {
      await play(() => forge.ci(repo, sha, conclusion, name));
      await tester.advance(1_000);
    },
    async advance(ms) {
      for (let left = ms; left > 0; left -= strideMs) {
        clock.advance(Math.min(left, strideMs));
        await settle();
      }
    },
    stop: () => current.kill(),
    async crash() {
      current.kill();
      current = startProcess();
      await settle();
    },
    async restart() {
      await current.loop.close();
      current = startProcess();
      await settle();
    },
    redeliver: () => play(() => forge.webhooks.forEach(deliver)),
    deliverHeld: (order = "in-order") => play(() => (order === "reversed" ? held.splice(0).toReversed() : held.splice(0)).forEach(deliver)),
    comments: (issue, repo = api) =>
      forge
        .readComments(repo, issue)
        .filter(({ isOurs }) => isOurs)
        .map(({ body }) => body),
    labels: (issue, repo = api) => forge.inside(repo).issues.get(issue)?.labels ?? [],
    isOpen: (issue, repo = api) => forge.inside(repo).issues.get(issue)?.isOpen ?? false,
    ledger(repo = api) {
      const record = locks.locks.get(repoKey(repo))?.record;
      return record === undefined || record === "unreadable" ? undefined : record.ledger;
    },
    sealed: (comment, issue, repo = api) => openSeal(comment, { repoId: forge.inside(repo).id, issue, secrets: config.stateSecrets }),
    async finish() {
      await settle();
      const unread = forge.unreadComments().map(({ body }) => body);
      if (unread.length > 0) throw new Error(`AFK said what nobody read:\n${unread.join("\n---\n")}`);
      const { busy } = current.executor.capacity();
      if (busy > 0) throw new Error(`${busy} turns still run`);
      const failures = lines.filter(({ message }) => message === "pass failed");
      if (failures.length > 0) throw new Error("a pass failed", { cause: failures[0]?.fields["err"] });
      await current.loop.close();
    },
  };
  return tester;
}

function recordLog(lines: LogLine[]): Log {
  const record = (level: keyof Log) => (fields: object, message: string) => void lines.push({ level, message, fields: { ...fields } });
  return { debug: record("debug"), info: record("info"), warn: record("warn"), error: record("error") };
}

function createTestSwitch(isOn: () => boolean): { readonly port: KillSwitch; changed(): void } {
  const listeners = new Set<(isOn: boolean) => void>();
  return {
    port: {
      isOn,
      watch(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    changed: () => listeners.forEach((listener) => listener(isOn())),
  };
}
