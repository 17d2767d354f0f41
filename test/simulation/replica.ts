import type { Probot } from "probot";
import { createApp } from "../../src/app.ts";
import { repoKey, type Repo } from "../../src/core/run.ts";
import { createLock } from "../../src/forge/lock.ts";
import type { KillSwitch } from "../../src/kill-switch.ts";
import { createLoop, type Loop } from "../../src/loop/loop.ts";
import type { Doorbell, Log } from "../../src/ports.ts";
import type { FakeWebhook } from "../support/fake-webhooks.ts";
import { judgeNotice } from "./judge-ends.ts";
import type { Slowness } from "./lag.ts";
import { createMachine, type Disk, type Machine } from "./machine.ts";
import type { Line } from "./network.ts";
import { createPorts, type Birth, type ReplicaDeps } from "./watched-ports.ts";

/** One AFK process, from start to crash. */
export interface Process {
  readonly line: Line;
  readonly holderId: string;
  readonly loop: Loop;
  readonly machine: Machine;
  readonly slowness: Slowness;
  readonly deliver: (webhook: FakeWebhook) => void;
  isClosing: boolean;
}

/** One AFK_HOME and the processes that work in it, one after the other. */
export interface Replica {
  readonly name: string;
  readonly disk: Disk;
  readonly process: () => Process | undefined;
  readonly isSwitchedOff: () => boolean;
  /** Does nothing while a process is alive. Answers whether one was started. */
  start(): boolean;
  crash(): void;
  /** Ends the process as it should; resolves when it is gone. */
  stop(): void;
  /** The kill switch as a file in the home. */
  setSwitch(isOn: boolean): void;
}

/** The watch on the kill switch looks once a second. */
const switchPollMs = 1_000;

export function createReplica(deps: ReplicaDeps, name: string, skewMs: number): Replica {
  const disk: Disk = new Set();
  let generation = 0;
  let isOn = false;
  let current: Process | undefined;
  const switchListeners = new Set<() => void>();

  function crash(): void {
    if (current === undefined) return;
    current.line.isAlive = false;
    current = undefined;
    switchListeners.clear();
  }

  const killSwitch: KillSwitch = {
    isOn: () => isOn,
    watch(listener) {
      const tellIt = (): void => listener(isOn);
      switchListeners.add(tellIt);
      return () => switchListeners.delete(tellIt);
    },
  };

  return {
    name,
    disk,
    process: () => current,
    isSwitchedOff: () => isOn,
    crash,
    start() {
      if (current !== undefined) return false;
      generation += 1;
      const line: Line = { name, isAlive: true, isCutOff: false, limitedUntilMs: 0, faults: [], crash };
      current = startProcess(deps, { line, skewMs, disk, killSwitch, home: name, holderId: `${name}.${generation}` });
      return true;
    },
    stop() {
      const process = current;
      if (process === undefined || process.isClosing) return;
      process.isClosing = true;
      const leave = (): void => void (current === process && crash());
      process.loop.close().then(leave, leave);
    },
    setSwitch(next) {
      isOn = next;
      deps.clock.schedule(() => switchListeners.forEach((listener) => listener()), switchPollMs);
    },
  };
}

function startProcess(deps: ReplicaDeps, birth: Birth): Process {
  const { config, clock, forge, newId } = deps;
  const { line, killSwitch, holderId } = birth;
  const schedule = (fn: () => void, ms: number): (() => void) => clock.schedule(() => void (line.isAlive && fn()), ms);
  const forgeClock = { now: () => clock.now() + birth.skewMs };
  const slowness: Slowness = { depth: 0, reads: 0 };
  const ports = createPorts(deps, birth, slowness);
  const { leaseMs } = config;
  const isHalted = (): boolean => killSwitch.isOn();
  const lock = createLock({ homeId: birth.home, holderId, clock: forgeClock, leaseMs, log: silent, isHalted, schedule }, ports.cells);
  const machine = createMachine({
    lock,
    slots: config.maxConcurrency,
    disk: birth.disk,
    headOf: (repo, branch) => forge.inside(repo).branches.get(branch)?.sha ?? "",
    newSha: () => newId().padStart(40, "a"),
    onInterrupted: (run) => {
      const known = deps.witness.runs.get(run);
      if (known !== undefined) known.interruptions += 1;
    },
  });
  const timers = { now: clock.now, after: (ms: number, fn: () => void) => schedule(fn, ms) };
  const executor = ports.executor(machine);
  const doorbell: Doorbell = {
    ring: (notice) => void (line.isAlive && judgeNotice(deps, line.name, notice)),
    ailment: () => undefined,
    close: async () => {},
  };
  const loop = createLoop({ forge: ports.forge, lock, executor, doorbell, killSwitch, config, timers, log: silent, newId });
  const process = { line, holderId, loop, machine, slowness, deliver: handlersOf(deps, line, loop), isClosing: false };
  loop.start();
  return process;
}

/** The real handlers behind the real event table, without Probot's own machinery around them. */
function handlersOf({ config }: ReplicaDeps, line: Line, loop: Loop): (webhook: FakeWebhook) => void {
  const handlers = new Map<string, (delivery: object) => void>();
  const app = { on: (event: string, handler: (delivery: object) => void) => void handlers.set(event, handler) };
  const isEnrolled = (repo: Repo): boolean => config.allowlist.some((enrolled) => repoKey(enrolled) === repoKey(repo));
  createApp({ signal: (signal) => loop.signal(signal), isEnrolled, readyLabel: config.labels.ready })(app as unknown as Probot);
  return (webhook) => {
    if (!line.isAlive) return;
    const { action } = webhook.payload;
    const handler = handlers.get(webhook.name) ?? handlers.get(`${webhook.name}.${String(action)}`);
    handler?.(webhook);
  };
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
