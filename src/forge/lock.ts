import PQueue from "p-queue";
import { repoKey, type Content, type Ledger, type Repo } from "../core/run.ts";
import { HaltedError, StaleClaimError, type Claim, type Clock, type Lock, type LockView, type Log, type Remote } from "../ports.ts";
import { HeldClaim, leaseMarginMs, type ClaimDeps } from "./held-claim.ts";
import type { LockCells } from "./lock-cells.ts";
import { newLockRecord, type Holder, type LockRecord } from "./lock-record.ts";

export interface LockOptions {
  /** Stays the same across restarts of one AFK_HOME, and differs between homes. */
  readonly homeId: string;
  /** Differs between processes. */
  readonly holderId: string;
  /** The forge's clock: replicas agree on no other. */
  readonly clock: Clock;
  /** How long a holder that says nothing keeps the lock; it renews every third of it. */
  readonly leaseMs: number;
  readonly log: Log;
  /** The kill switch: while it is on, everything that would write throws `HaltedError`, and no lease is renewed. Default: never on. */
  readonly isHalted?: () => boolean;
  /** Called when a claim of this process turns out lost: what works under it works in vain. Default: nobody asks. */
  readonly onLost?: (repo: Repo) => void;
  /** Calls `fn` once after `ms`, unless the answered function is called first. Default: timers that keep no process alive. */
  readonly schedule?: (fn: () => void, ms: number) => () => void;
}

/** The policy of the lock over any kind of cells. */
export function createLock(options: LockOptions, unguardedCells: LockCells): Lock {
  const { clock, leaseMs, log, isHalted = () => false, onLost = () => {}, schedule = scheduleUnref } = options;
  const cells = haltable(unguardedCells, isHalted);
  const self: Holder = { id: options.holderId, home: options.homeId };
  const deps: ClaimDeps = { cells, clock, leaseMs, self, log, onLost };
  const known = new WeakMap<Claim, HeldClaim>();
  const live = createLiveClaims(log, schedule, leaseMs / 3);
  const inTurn = createTurns();

  async function read(remote: Remote): Promise<LockView | "unreadable" | undefined> {
    const found = await cells.read(remote);
    if (found === undefined) return undefined;
    const { sha, record } = found;
    if (record === "unreadable") {
      log.error({ repo: repoKey(remote.repo), sha }, "lock unreadable");
      return "unreadable";
    }
    const { ledger, content, leaseUntil } = record;
    const idleMs = Math.max(0, clock.now() - (leaseUntil - leaseMs));
    return { sha, ledger, idleMs, content, control: controlOf(record, live.get(remote.repo)) };
  }

  function controlOf(record: LockRecord, held: HeldClaim | undefined): LockView["control"] {
    if (held !== undefined && held.hasWritten(record) && held.leaseLeftMs() > 0) return { kind: "held", claim: held.claim };
    if (record.holder === undefined || record.holder.home === self.home) return { kind: "free" };
    const until = record.leaseUntil + leaseMarginMs;
    return clock.now() > until ? { kind: "free" } : { kind: "foreign", until: new Date(until).toISOString() };
  }

  /** `undefined`: the cell does not hold `from` (any more). */
  async function seize(remote: Remote, from: string | undefined, ledger: Ledger, content: Content): Promise<Claim | undefined> {
    const record = newLockRecord({ ledger, content, holder: self, leaseUntil: clock.now() + leaseMs });
    const sha = await cells.prepare(remote, record);
    const answer = await cells.swap(remote, { from, to: sha });
    if (answer.kind === "refused") throw new Error(`the forge refused the lock: ${answer.reason}`);
    if (answer.kind !== "moved") return undefined;
    const held = new HeldClaim(deps, remote, sha, record);
    known.set(held.claim, held);
    live.add(held, () => inTurn(remote.repo, async () => (held.isLive ? held.renew() : undefined)));
    log.info({ repo: repoKey(remote.repo), issue: ledger.issue, run: ledger.run, epoch: ledger.epoch }, "claim taken");
    return held.claim;
  }

  /** A claim that this lock did not make proves nothing. */
  function find(claim: Claim): HeldClaim {
    const held = known.get(claim);
    if (held === undefined) throw new StaleClaimError("not a claim of this process");
    return held;
  }

  async function withClaim<T>(claim: Claim, operation: (held: HeldClaim) => Promise<T>): Promise<T> {
    const held = find(claim);
    return inTurn(claim.repo, () => operation(held)).finally(() => live.tidy(held));
  }

  return {
    read: (remote) => inTurn(remote.repo, () => read(remote)),
    take: (remote, ledger, content) => inTurn(remote.repo, () => seize(remote, undefined, ledger, content)),
    async adopt(remote, { control, sha, ledger, content }) {
      if (control.kind !== "free") return undefined;
      return inTurn(remote.repo, () => seize(remote, sha, { ...ledger, epoch: ledger.epoch + 1 }, content));
    },
    ledger: (claim) => find(claim).ledger,
    save: (claim, change, content) => withClaim(claim, (held) => held.save(change, content)),
    land: (claim, landing) => withClaim(claim, (held) => held.land(landing)),
    claims: () => live.all().map(({ claim }) => claim),
    leaseLeftMs: (claim) => known.get(claim)?.leaseLeftMs() ?? 0,
    release: (claim) => withClaim(claim, (held) => held.release()),
    letGo: (claim) => withClaim(claim, (held) => held.letGo()),
    probe: (remote) => cells.probe(remote),
    close: () => live.close(),
  };
}

/** Every write of a lock, a landing and a renewal included, is a swap. */
function haltable(cells: LockCells, isHalted: () => boolean): LockCells {
  return {
    ...cells,
    async swap(remote, move, landing) {
      if (isHalted()) throw new HaltedError("the kill switch is on");
      return cells.swap(remote, move, landing);
    },
  };
}

/** One operation a repo at a time: a save never races with a renewal of its own process. */
function createTurns(): <T>(repo: Repo, operation: () => Promise<T>) => Promise<T> {
  const queues = new Map<string, PQueue>();
  return function inTurn(repo, operation) {
    const key = repoKey(repo);
    const queue = queues.get(key) ?? new PQueue({ concurrency: 1 });
    queues.set(key, queue);
    return queue.add(operation);
  };
}

/** The claims of this process that may still hold, one a repo, each with its renewals. */
function createLiveClaims(log: Log, schedule: NonNullable<LockOptions["schedule"]>, renewEveryMs: number) {
  const claims = new Map<string, { readonly held: HeldClaim; cancel: () => void }>();
  let isClosed = false;

  function tidy(held: HeldClaim): void {
    const key = repoKey(held.claim.repo);
    const entry = claims.get(key);
    if (entry?.held !== held || held.isLive) return;
    entry.cancel();
    claims.delete(key);
  }

  /** A renewal that failed is tried again a third of the lease later: two tries are left. */
  async function renewAndGoOn(held: HeldClaim, renew: () => Promise<void>): Promise<void> {
    try {
      if (!isClosed) await renew();
    } catch (error) {
      // A claim that turns out lost has said so.
      if (!(error instanceof HaltedError || error instanceof StaleClaimError))
        log.warn({ repo: repoKey(held.claim.repo), run: held.claim.run, err: error }, "lease not renewed");
    }
    tidy(held);
    renewLater(held, renew);
  }

  function renewLater(held: HeldClaim, renew: () => Promise<void>): void {
    const entry = claims.get(repoKey(held.claim.repo));
    if (entry?.held !== held || isClosed) return;
    entry.cancel = schedule(() => void renewAndGoOn(held, renew), renewEveryMs);
  }

  return {
    get: (repo: Repo): HeldClaim | undefined => claims.get(repoKey(repo))?.held,
    all: (): readonly HeldClaim[] => [...claims.values()].map(({ held }) => held).filter((held) => held.leaseLeftMs() > 0),
    tidy,
    /** A new claim on a repo ends the one before it. */
    add(held: HeldClaim, renew: () => Promise<void>): void {
      const key = repoKey(held.claim.repo);
      claims.get(key)?.cancel();
      claims.get(key)?.held.lose("this process has taken a new one");
      claims.set(key, { held, cancel: () => {} });
      renewLater(held, renew);
    },
    close(): void {
      isClosed = true;
      for (const { cancel } of claims.values()) cancel();
    },
  };
}

function scheduleUnref(fn: () => void, ms: number): () => void {
  const timer = setTimeout(fn, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
