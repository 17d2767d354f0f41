import { mkdirSync, realpathSync } from "node:fs";
import { readdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import PQueue from "p-queue";
import { cleanOutput } from "../core/output.ts";
import { slugOf, type Repo, type TurnOutcome } from "../core/run.ts";
import type { Identity } from "../git/store.ts";
import {
  HaltedError,
  StaleClaimError,
  type Claim,
  type Clock,
  type Executor,
  type Lock,
  type Log,
  type TurnOrder,
  type TurnProgress,
  type TurnStatus,
} from "../ports.ts";
import { createCommandAgent } from "./agents/agent-command.ts";
import { placeOfRun, removeTree } from "./home.ts";
import { endLeftovers } from "./leftovers.ts";
import { createMirror } from "./mirror.ts";
import { checkBubblewrap, createBubblewrap, createNoSandbox, type Sandbox } from "./sandbox.ts";
import { findProgram } from "./sandbox-view.ts";
import { redact } from "./tail.ts";
import { salvageWork } from "./salvage.ts";
import { Interruption, runTurn, type TurnTools } from "./turn.ts";

export interface LocalExecutorDeps {
  /** `AFK_HOME`; made when missing. Only one process may use it. */
  readonly home: string;
  /** Turns at once. */
  readonly slots: number;
  readonly fetchDebounceMs: number;
  readonly lock: Lock;
  /** `auto`: bubblewrap where it works, else none. */
  readonly sandbox: "bubblewrap" | "none" | "auto";
  /** Further paths of this machine that sandboxed commands may read. */
  readonly sandboxRead: readonly string[];
  /** The agent's command; empty: this executor takes no turns. */
  readonly agentArgv: readonly string[];
  /** Handed to the agent alone: its model's key. */
  readonly agentEnv: Readonly<Record<string, string>>;
  /** Exact values that must not leave: looked for in the agent's work, taken out of everything it prints. */
  readonly secrets: () => readonly string[];
  readonly identity: Identity;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly order: TurnOrder;
  readonly abort: AbortController;
  readonly done: Promise<void>;
  status: TurnStatus;
  saidLineAt: number;
}

/** The agent's lines kept for the status comment. */
const linesKept = 20;
const lineShown = 300;
/** An agent prints hundreds of lines a second; nobody needs to look at the repo again more often than this. */
const lineSignalMs = 1000;
/** Room for a checkout, its dependencies and three proofs of an ordinary project. */
const minFreeBytes = 512 * 1024 * 1024;
/** A loop asks about the last turn of each run; disposing of a run forgets its turns, this bounds what nobody disposes of. */
const maxEnded = 1000;

/** Runs turns in this process's own slots, on this machine. See `turn.ts` for what a turn is. */
export function createLocalExecutor(deps: LocalExecutorDeps): Executor {
  mkdirSync(deps.home, { recursive: true, mode: 0o700 });
  const home = realpathSync(deps.home);
  endLeftovers(home);
  const queue = new PQueue({ concurrency: deps.slots });
  const entries = new Map<string, Entry>();
  const listeners: ((repo: Repo, what: "phase" | "line" | "ended") => void)[] = [];
  const sandboxDeps = { home, read: deps.sandboxRead, agentArgv: deps.agentArgv };
  const mirror = createMirror(home, deps.fetchDebounceMs);
  let isClosed = false;
  let chosen: Promise<Sandbox | string> | undefined;
  /** Many passes ask at once: one look serves all that come while it is taken. */
  let looking: Promise<string | undefined> | undefined;

  /** Asked again only while the answer is bad: an operator may install bubblewrap under a running AFK. */
  async function chooseSandbox(): Promise<Sandbox | string> {
    chosen ??= pickSandbox(deps.sandbox, sandboxDeps, deps.log);
    const sandbox = await chosen;
    if (typeof sandbox === "string") chosen = undefined;
    return sandbox;
  }

  function tell(entry: Entry, what: "phase" | "line" | "ended"): void {
    for (const listener of listeners) {
      try {
        listener(entry.order.repo, what);
      } catch (error) {
        // A turn goes on whoever watches it.
        deps.log.error({ turn: entry.order.id, err: error }, "listener failed");
      }
    }
  }

  function setProgress(entry: Entry, change: Pick<TurnProgress, "phase" | "evidence">): void {
    const lines = entry.status.kind === "running" ? entry.status.progress.lines : [];
    entry.status = { kind: "running", progress: { lines, ...change } };
    tell(entry, "phase");
  }

  function addLine(entry: Entry, raw: string): void {
    const line = redact(cleanOutput(raw), deps.secrets).slice(0, lineShown).trim();
    if (line === "" || entry.status.kind !== "running") return;
    const { progress } = entry.status;
    entry.status = { kind: "running", progress: { ...progress, lines: [...progress.lines, line].slice(-linesKept) } };
    deps.log.debug({ run: entry.order.run, turn: entry.order.id, line }, "agent line");
    if (performance.now() - entry.saidLineAt < lineSignalMs) return;
    entry.saidLineAt = performance.now();
    tell(entry, "line");
  }

  async function work(entry: Entry, claim: Claim): Promise<TurnOutcome> {
    const { order, abort } = entry;
    try {
      abort.signal.throwIfAborted();
      const sandbox = await chooseSandbox();
      if (typeof sandbox === "string") return { kind: "failed", reason: sandbox, tail: "" };
      const agent = createCommandAgent(deps.agentArgv, deps.agentEnv);
      const tools: TurnTools = { ...deps, home, mirror, sandbox, agent };
      return await runTurn(tools, {
        order,
        claim,
        signal: abort.signal,
        onProgress: (phase, evidence) => setProgress(entry, { phase, evidence }),
        onLine: (line) => addLine(entry, line),
      });
    } catch (error) {
      if (abort.signal.aborted) return { kind: "interrupted", why: sayInterruption(abort.signal.reason) };
      if (error instanceof HaltedError) return { kind: "interrupted", why: error.message };
      if (error instanceof StaleClaimError) return { kind: "interrupted", why: "another replica has taken the run over" };
      deps.log.error({ repo: slugOf(order.repo), issue: order.issue.number, run: order.run, turn: order.id, err: error }, "turn failed");
      return { kind: "failed", reason: redact(error instanceof Error ? error.message : String(error), deps.secrets), tail: "" };
    }
  }

  async function lookForAilment(): Promise<string | undefined> {
    if (deps.agentArgv.length === 0) return "no agent is configured: set AFK_AGENT_COMMAND";
    if (findProgram(deps.agentArgv[0]) === undefined) return `the agent's program is not found: ${deps.agentArgv[0]}`;
    const sandbox = await chooseSandbox();
    return typeof sandbox === "string" ? sandbox : checkHome(home);
  }

  function submit(order: TurnOrder, claim: Claim): void {
    if (entries.has(order.id)) return;
    const abort = new AbortController();
    if (isClosed) abort.abort(new Interruption("AFK is shutting down", false));
    const { promise, resolve } = withResolvers();
    const entry: Entry = { order, abort, done: promise, status: { kind: "queued" }, saidLineAt: Number.NEGATIVE_INFINITY };
    entries.set(order.id, entry);
    forgetOldest(entries);
    void queue.add(async () => {
      const outcome = await work(entry, claim);
      deps.log.info(
        { repo: slugOf(order.repo), issue: order.issue.number, run: order.run, turn: order.id, outcome: outcome.kind },
        "turn ended",
      );
      entry.status = { kind: "ended", outcome };
      resolve();
      tell(entry, "ended");
    });
  }

  async function cancel(turnId: string, why: string, { forGood } = { forGood: false }): Promise<void> {
    const entry = entries.get(turnId);
    entry?.abort.abort(new Interruption(why, forGood));
    await entry?.done;
  }

  async function salvage(repo: Repo, run: string): Promise<void> {
    const sandbox = await chooseSandbox();
    if (typeof sandbox === "string") return;
    const kept = await salvageWork({ home, sandbox, identity: deps.identity }, repo, run);
    if (kept?.where === "bundle") deps.log.warn({ repo: slugOf(repo), run, path: kept.path }, "unfinished work kept");
  }

  const cancelWhere = async (isMeant: (entry: Entry) => boolean, why: string): Promise<void> => {
    await Promise.all([...entries].filter(([, entry]) => isMeant(entry)).map(([id]) => cancel(id, why)));
  };

  return {
    capacity: () => ({ slots: deps.slots, busy: queue.pending + queue.size }),
    ailment() {
      looking ??= lookForAilment().finally(() => (looking = undefined));
      return looking;
    },
    submit,
    inspect: (turnId) => entries.get(turnId)?.status ?? { kind: "unknown" },
    cancel,
    async dispose(repo, run) {
      await cancelWhere(({ order }) => order.run === run, "the run is over");
      await salvage(repo, run);
      await removeTree(placeOfRun(home, run).root);
      for (const [id, { order }] of entries) if (order.run === run) entries.delete(id);
      deps.log.debug({ repo: slugOf(repo), run }, "workspace removed");
    },
    async reap(liveRuns) {
      // Listed first: a run that begins meanwhile is not on the list.
      const found = await listFolder(join(home, "runs"));
      const live = new Set([
        ...liveRuns,
        ...[...entries.values()].filter(({ status }) => status.kind !== "ended").map(({ order }) => order.run),
      ]);
      for (const run of found) if (!live.has(run)) await removeTree(join(home, "runs", run));
    },
    onChange: (listener) => void listeners.push(listener),
    idle: () => queue.onIdle(),
    async close() {
      isClosed = true;
      await cancelWhere(() => true, "AFK is shutting down");
      mirror.close();
      await queue.onIdle();
    },
  };
}

function sayInterruption(reason: unknown): string {
  return reason instanceof Interruption ? reason.why : String(reason);
}

async function pickSandbox(
  wanted: LocalExecutorDeps["sandbox"],
  deps: Parameters<typeof createBubblewrap>[0],
  log: Log,
): Promise<Sandbox | string> {
  if (wanted !== "none") {
    const ailment = await checkBubblewrap(deps);
    if (ailment === undefined) return createBubblewrap(deps);
    if (wanted === "bubblewrap") return ailment;
  }
  log.warn({ sandbox: "none" }, "agents run without a sandbox");
  return createNoSandbox(deps);
}

async function checkHome(home: string): Promise<string | undefined> {
  const probe = join(home, ".probe");
  try {
    await writeFile(probe, "");
    await rm(probe);
  } catch (error) {
    return `AFK_HOME cannot be written: ${error instanceof Error ? error.message : String(error)}`;
  }
  const { bavail, bsize } = await statfs(home);
  const free = bavail * bsize;
  return free < minFreeBytes
    ? `the disk of AFK_HOME is full: ${Math.floor(free / 1024 / 1024)} MiB left, ${minFreeBytes / 1024 / 1024} MiB needed`
    : undefined;
}

async function listFolder(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

function forgetOldest(entries: Map<string, Entry>): void {
  if (entries.size <= maxEnded) return;
  const oldest = [...entries].find(([, { status }]) => status.kind === "ended");
  if (oldest !== undefined) entries.delete(oldest[0]);
}

/** `Promise.withResolvers` is not in Node 20. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
