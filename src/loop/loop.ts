import type { Limits } from "../core/decision.ts";
import { repoKey, slugOf, type Repo } from "../core/run.ts";
import { guardWrites } from "./guard-writes.ts";
import type { LoopDeps } from "./loop-deps.ts";
import { foldOutcome } from "./observe-run.ts";
import { countPausesOnce, createPassMemory, pass, type PassDeps } from "./pass.ts";
import { createSignals, type Signal, type Why } from "./signals.ts";
import { createSlots } from "./slots.ts";
import { createStatusComments, editIntervalMs } from "./status-comments.ts";

/** A 50-job matrix reports within seconds. */
const ciSpacingMs = 500;
/** Passes wait for the forge most of the time; GitHub allows 100 requests at once. */
const passConcurrency = 8;

/** The level-triggered loop: signals in, passes out. */
export interface Loop {
  signal(signal: Signal): void;
  /** Looks at every enrolled repo. */
  sweep(): void;
  /** Sweeps now and every `AFK_SWEEP_SECONDS`, and reaps after it. */
  start(): void;
  /** Removes what belongs to no run on this machine: former processes left it, or the run ended elsewhere. To be called after a sweep. */
  reap(): Promise<void>;
  /** Resolves when no pass runs or is due. */
  idle(): Promise<void>;
  /** Resolves when no pass is due and no turn runs. */
  done(): Promise<void>;
  /** Repos that wait for a pass. */
  queued(): number;
  /** Repos whose last pass failed, as `owner/name`. */
  failing(): readonly string[];
  /** Ends intake, turns and leases, and leaves every run resumable by anybody. */
  close(): Promise<void>;
}

export function createLoop(deps: LoopDeps): Loop {
  const { config, timers, executor, killSwitch, log } = deps;
  const forge = guardWrites({ ...deps, leaseMs: config.leaseMs });
  const memory = createPassMemory();
  const slots = createSlots(executor, signalWaiting);
  const lock = countPausesOnce(deps.lock, memory);
  const passDeps: PassDeps = {
    ...deps,
    forge,
    lock,
    memory,
    slots,
    limits: limitsOf(deps),
    statusComments: createStatusComments(forge, timers),
  };
  const signals = createSignals({
    pass: (repo, why) => pass(passDeps, repo, why),
    timers,
    log,
    ciSpacingMs,
    concurrency: passConcurrency,
  });
  const cancelTimers = new Set<() => void>();
  const linesDue = new Set<string>();

  executor.onChange((repo, what) => {
    // Landing takes a push, and its end is told at once: a pass in between has nothing to show.
    if (what === "line" || (what === "phase" && isLanding(repo))) return showLinesLater(repo);
    signals.signal({ repo, why: "turn" });
    if (what === "ended") signalWaiting();
  });
  cancelTimers.add(killSwitch.watch(() => signalAll("switch")));

  function isLanding(repo: Repo): boolean {
    const turn = memory.turns.get(repoKey(repo));
    const status = turn === undefined ? undefined : executor.inspect(turn.id);
    return status?.kind === "running" && status.progress.phase === "landed";
  }

  /** The agent talks all the time; its last lines are worth an edit now and then. */
  function showLinesLater(repo: Repo): void {
    if (linesDue.has(repoKey(repo))) return;
    linesDue.add(repoKey(repo));
    timers.after(editIntervalMs, () => {
      linesDue.delete(repoKey(repo));
      signals.signal({ repo, why: "turn" });
    });
  }

  /** A slot is free: those that wait for one look again, oldest release first. */
  function signalWaiting(): void {
    for (const key of slots.line()) {
      const repo = config.allowlist.find((enrolled) => repoKey(enrolled) === key);
      if (repo !== undefined) signals.signal({ repo, why: "slot" });
    }
  }

  function sweep(): void {
    signalAll("sweep");
  }

  function signalAll(why: Why): void {
    for (const repo of config.allowlist) signal({ repo, why });
  }

  /** Comments are looked through when there are new ones, and at every sweep: not in every pass. */
  function signal({ repo, why }: Signal): void {
    if (why === "command" || why === "sweep") memory.commented.add(repoKey(repo));
    signals.signal({ repo, why });
  }

  function sweepForEver(): void {
    sweep();
    reap().catch((error: unknown) => log.warn({ err: error }, "leftovers not removed"));
    const cancel = timers.after(config.sweepMs, () => {
      cancelTimers.delete(cancel);
      sweepForEver();
    });
    cancelTimers.add(cancel);
  }

  /** Only once every repo's lock has been read is it known which runs live. */
  async function reap(): Promise<void> {
    await signals.idle();
    const isKnown = config.allowlist.every((repo) => memory.runs.has(repoKey(repo)));
    if (isKnown && !killSwitch.isOn()) await executor.reap([...memory.runs.values()].filter((run) => run !== undefined));
  }

  return {
    signal,
    sweep,
    start: sweepForEver,
    reap,
    idle: () => signals.idle(),
    async done() {
      await signals.idle();
      while (executor.capacity().busy > 0) {
        await executor.idle();
        await signals.idle();
      }
    },
    queued: () => signals.queued(),
    failing: () => signals.failing(),
    async close() {
      for (const cancel of cancelTimers) cancel();
      await signals.close();
      await executor.close();
      await letGoOfRuns(passDeps);
    },
  };
}

/** Writes down what the interrupted turns came to and clears the holder, so that any replica goes on at once. */
async function letGoOfRuns({ lock, forge, executor, log, killSwitch }: PassDeps): Promise<void> {
  for (const claim of lock.claims()) {
    if (killSwitch.isOn()) continue;
    try {
      await lock.save(claim, (ledger) => foldOutcome(executor, ledger, forge.now()));
      await lock.letGo(claim);
    } catch (error) {
      log.warn({ err: error, repo: slugOf(claim.repo), run: claim.run }, "lock not let go; its lease will run out");
    }
  }
  lock.close();
}

function limitsOf({ config }: LoopDeps): Limits {
  const { nudgeMax, retryMax, fixForwardMaxAttempts, fixForwardMaxMs, trustedBots } = config;
  return { nudgeMax, retryMax, fixForwardMaxAttempts, fixForwardMaxMs, trustedBots };
}
