import { renderLedger } from "../core/ledger.ts";
import { repoKey, slugOf, type Content, type Landed, type Ledger, type Repo } from "../core/run.ts";
import { recordLanding } from "../core/run-steps.ts";
import { StaleClaimError, type Claim, type Clock, type Landing, type LandingAnswer, type Log, type Remote } from "../ports.ts";
import type { LockCells, SwapAnswer } from "./lock-cells.ts";
import { newLockRecord, type Holder, type LockRecord } from "./lock-record.ts";

/**
 * A holder stops this long before its lease ends, and others wait this long after it. The forge's `Date` has a resolution of 1 s, and two
 * replicas may know it 2 s apart (latency, drift since the last answer); rounded up. Should a clock be worse than that, the
 * compare-and-swap still keeps it from doing harm: the slower one loses its claim.
 */
export const leaseMarginMs = 5_000;

export interface ClaimDeps {
  readonly cells: LockCells;
  /** The forge's clock: replicas agree on no other. */
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly self: Holder;
  readonly log: Log;
  /** Called once, when the claim turns out lost. */
  readonly onLost: (repo: Repo) => void;
}

/** What a write puts into the lock: the ledger, who holds it from then on, and the branch that moves with it. */
interface Step {
  readonly ledger: Ledger;
  /** The approved text, where it is another from now on. */
  readonly content?: Content;
  readonly holder: Holder | undefined;
  readonly landing?: Landing;
}

/**
 * One claim on a lock, as the process that made it knows it. Its methods must not overlap: `createLock` lets one run at a time.
 * A write is a compare-and-swap from where the claim stands; when somebody else has moved the lock, it throws `StaleClaimError`
 * and so does every write after it, without asking the forge.
 */
export class HeldClaim {
  readonly claim: Claim;
  readonly #deps: ClaimDeps;
  readonly #remote: Remote;
  #content: Content;
  #state: "live" | "lost" | "over" = "live";
  #sha: string;
  #ledger: Ledger;
  #leaseUntil: number;
  /** Records pushed from `#sha` whose answer never came, by their sha. At most one of them has happened, or will. */
  readonly #inDoubt = new Map<string, LockRecord>();

  constructor(deps: ClaimDeps, remote: Remote, sha: string, record: LockRecord) {
    this.claim = Object.freeze({ repo: remote.repo, run: record.ledger.run, epoch: record.ledger.epoch });
    this.#deps = deps;
    this.#remote = remote;
    this.#content = record.content;
    this.#sha = sha;
    this.#ledger = record.ledger;
    this.#leaseUntil = record.leaseUntil;
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  get isLive(): boolean {
    return this.#state === "live";
  }

  leaseLeftMs(): number {
    return this.isLive ? Math.max(0, this.#leaseUntil - leaseMarginMs - this.#deps.clock.now()) : 0;
  }

  /** Whether the record was written by this claim. */
  hasWritten({ holder, ledger }: LockRecord): boolean {
    return holder?.id === this.#deps.self.id && ledger.run === this.claim.run && ledger.epoch === this.claim.epoch;
  }

  /** Refuses every later write. */
  lose(why: string): void {
    if (!this.isLive) return;
    this.#state = "lost";
    const { repo, run, epoch } = this.claim;
    this.#deps.log.warn({ repo: repoKey(repo), run, epoch, why }, "claim lost");
    this.#deps.onLost(repo);
  }

  async renew(): Promise<void> {
    const answer = await this.#advance((ledger) => ({ ledger, holder: this.#deps.self }));
    if (answer?.kind === "refused") throw new Error(`the forge refused the lock: ${answer.reason}`);
  }

  async save(change: (ledger: Ledger) => Ledger, content: Content = this.#content): Promise<Ledger> {
    const answer = await this.#advance((before) => {
      const after = { ...change(before), run: before.run, epoch: before.epoch };
      const isSame =
        renderLedger(after) === renderLedger(before) && content.title === this.#content.title && content.body === this.#content.body;
      return isSame ? undefined : { ledger: after, content, holder: this.#deps.self };
    });
    if (answer?.kind === "refused") throw new Error(`the forge refused the lock: ${answer.reason}`);
    return this.#ledger;
  }

  async land(landing: Landing): Promise<LandingAnswer> {
    const landed: Landed = { sha: landing.commit, branch: landing.branch, at: new Date(this.#deps.clock.now()).toISOString() };
    const answer = await this.#advance((before) => {
      if (before.landed?.sha === landing.commit) return undefined;
      return {
        ledger: recordLanding(before, landing.turnId, landed, landing.expected, landing.evidence),
        holder: this.#deps.self,
        landing,
      };
    });
    if (answer?.kind === "base-moved" || answer?.kind === "refused") return answer;
    const { repo, run } = this.claim;
    this.#deps.log.info({ repo: repoKey(repo), issue: this.#ledger.issue, run, sha: landing.commit, branch: landing.branch }, "landed");
    return { kind: "landed", landed: this.#ledger.landed ?? landed };
  }

  /** Deletes the lock. Idempotent, and content with a lock that somebody deleted by hand. */
  async release(): Promise<void> {
    while (this.#state !== "over") {
      this.#demandLease();
      const answer = await this.#deps.cells.swap(this.#remote, { from: this.#sha, to: undefined });
      if (answer.kind === "refused") throw new Error(`the forge refused to delete the lock: ${answer.reason}`);
      const isGone = answer.kind === "moved" || (answer.kind === "lock-moved" && answer.lock === undefined);
      if (isGone) this.#state = "over";
      else if (answer.kind === "lock-moved") this.#catchUp(answer.lock);
    }
  }

  /** Clears the holder. A claim that does not hold any more is let go already. */
  async letGo(): Promise<void> {
    if (this.leaseLeftMs() === 0) return;
    try {
      const answer = await this.#advance((ledger) => ({ ledger, holder: undefined }));
      if (answer?.kind === "refused") throw new Error(`the forge refused the lock: ${answer.reason}`);
      this.#state = "over";
    } catch (error) {
      if (!(error instanceof StaleClaimError)) throw error;
    }
  }

  /** Moves on by `change`; where an earlier write turns out to have happened after all, the change is made on top of it. `undefined`: no change. */
  async #advance(change: (ledger: Ledger) => Step | undefined): Promise<SwapAnswer | undefined> {
    for (;;) {
      this.#demandLease();
      const step = change(this.#ledger);
      if (step === undefined) return undefined;
      const answer = await this.#write(step);
      if (answer.kind !== "lock-moved") return answer;
      this.#catchUp(answer.lock);
    }
  }

  async #write({ ledger, content = this.#content, holder, landing }: Step): Promise<SwapAnswer> {
    const { cells, clock, leaseMs } = this.#deps;
    const record = newLockRecord({ ledger, content, holder, leaseUntil: clock.now() + leaseMs });
    const sha = await cells.prepare(this.#remote, record, landing);
    this.#inDoubt.set(sha, record);
    const answer = await cells.swap(this.#remote, { from: this.#sha, to: sha }, landing);
    if (answer.kind === "moved") this.#stand(sha, record);
    else this.#inDoubt.delete(sha);
    return answer;
  }

  #stand(sha: string, record: LockRecord): void {
    this.#sha = sha;
    this.#ledger = record.ledger;
    this.#content = record.content;
    this.#leaseUntil = record.leaseUntil;
    this.#inDoubt.clear();
  }

  /** The lock is not where this claim left it: either a write in doubt has happened, or somebody else moved it. */
  #catchUp(found: string | undefined): void {
    const record = found === undefined ? undefined : this.#inDoubt.get(found);
    if (found !== undefined && record !== undefined) return this.#stand(found, record);
    this.lose("somebody else moved the lock");
    throw new StaleClaimError(`the lock of ${slugOf(this.claim.repo)} was moved by somebody else`);
  }

  #demandLease(): void {
    if (this.leaseLeftMs() > 0) return;
    const { repo, run, epoch } = this.claim;
    const why = this.isLive ? "its lease ran out" : `it is ${this.#state}`;
    this.lose(why);
    throw new StaleClaimError(`the claim on ${slugOf(repo)} (run ${run}, epoch ${epoch}) does not hold: ${why}`);
  }
}
