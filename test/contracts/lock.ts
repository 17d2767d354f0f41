import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Content, Ledger } from "../../src/core/run.ts";
import { openLedger } from "../../src/core/run-steps.ts";
import { StaleClaimError, type Claim, type Landing, type Lock, type LockView, type Remote } from "../../src/ports.ts";
import type { ManualClock } from "../support/manual-clock.ts";

/** One forge with one repo, several AFK processes, and somebody else's hands. */
export interface LockWorld {
  readonly clock: ManualClock;
  readonly remote: Remote;
  /** A new process. The same `home` twice: the second is the successor of the first. */
  startProcess(home: string): Lock;
  /** The homes whose processes were told that a claim of theirs is lost, in this order. */
  readonly lost: readonly string[];
  /** A commit on the base branch's head as it is now, ready to be landed. */
  makeCommit(): Promise<Pick<Landing, "store" | "branch" | "expected" | "commit">>;
  readBase(): Promise<string>;
  /** Somebody else pushes to the base branch. */
  moveBase(): Promise<void>;
  protectBase(message: string): Promise<void>;
  deleteLock(): Promise<void>;
  spoilLock(): Promise<void>;
  readLockSha(): Promise<string | undefined>;
  close(): Promise<void>;
}

export const leaseMs = 900_000;

export const content: Content = { title: "Greet in French", body: "Say « bonjour »." };

export function makeLedger(run: string, issue = 7): Ledger {
  const approval = { by: "ada", byId: 1, at: "2026-01-05T08:00:00Z", contentHash: "cafe" };
  return openLedger({ repoId: 42, issue, run, approval, base: "main", startedAt: "2026-01-05T09:00:00Z" });
}

export function landingOf(commit: Awaited<ReturnType<LockWorld["makeCommit"]>>): Landing {
  return { ...commit, turnId: "turn-1", evidence: {} };
}

function countAttempt(ledger: Ledger): Ledger {
  return { ...ledger, attempts: ledger.attempts + 1 };
}

/** What every implementation of the `Lock` port keeps. */
export function describeLockContract(name: string, createWorld: () => Promise<LockWorld>): void {
  describe(`${name}:`, () => {
    let world: LockWorld;
    let remote: Remote;

    beforeEach(async () => {
      world = await createWorld();
      remote = world.remote;
    });
    afterEach(() => world.close());

    async function take(lock: Lock, run = "run-1"): Promise<Claim> {
      const claim = await lock.take(remote, makeLedger(run), content);
      if (claim === undefined) throw new Error("the lock was not free");
      return claim;
    }

    async function view(lock: Lock): Promise<LockView> {
      const seen = await lock.read(remote);
      if (seen === undefined || seen === "unreadable") throw new Error(`no lock to see: ${String(seen)}`);
      return seen;
    }

    /** A claim whose home has a new process since. */
    async function fence(): Promise<{ stale: Lock; claim: Claim }> {
      const stale = world.startProcess("a");
      const claim = await take(stale);
      const successor = world.startProcess("a");
      await successor.adopt(remote, await view(successor));
      return { stale, claim };
    }

    describe("taking", () => {
      it("finds no lock where nobody took one", async () => {
        expect(await world.startProcess("a").read(remote)).toBeUndefined();
      });

      it("gives back the ledger and the approved text as they were taken", async () => {
        const odd = { title: "\u0000 and \uD800", body: "é\r\n\u202E".repeat(16_000) };
        await world.startProcess("a").take(remote, makeLedger("run-1"), odd);
        expect(await view(world.startProcess("b"))).toMatchObject({ ledger: makeLedger("run-1"), content: odd });
      });

      it("shows the taker that it holds the claim", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        expect((await view(lock)).control).toEqual({ kind: "held", claim });
      });

      it("lists the claim among those this process holds", async () => {
        const lock = world.startProcess("a");
        expect([await take(lock)]).toEqual(lock.claims());
      });

      it("shows others until when the lease lasts", async () => {
        await take(world.startProcess("a"));
        const { control } = await view(world.startProcess("b"));
        expect(control.kind === "foreign" && Date.parse(control.until)).toBeGreaterThanOrEqual(world.clock.now() + leaseMs);
      });

      it("lets one of many claimants win", async () => {
        const claimants = Array.from({ length: 20 }, (_, index) => world.startProcess(`home-${index % 5}-${index}`));
        const claims = await Promise.all(claimants.map((lock, index) => lock.take(remote, makeLedger(`run-${index}`), content)));
        expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
      });

      it("lets one of two claimants with the same run win", async () => {
        const [first, second] = [world.startProcess("a"), world.startProcess("a")];
        await first.take(remote, makeLedger("run-1"), content);
        expect(await second.take(remote, makeLedger("run-1"), content)).toBeUndefined();
      });
    });

    describe("saving", () => {
      it("shows the changed ledger to others", async () => {
        const lock = world.startProcess("a");
        await lock.save(await take(lock), countAttempt);
        expect((await view(world.startProcess("b"))).ledger.attempts).toBe(1);
      });

      it("pushes nothing when nothing changed", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        const before = await world.readLockSha();
        await lock.save(claim, (ledger) => ({ ...ledger }));
        expect(await world.readLockSha()).toBe(before);
      });

      it("keeps every one of many changes at once", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await Promise.all(Array.from({ length: 5 }, () => lock.save(claim, countAttempt)));
        expect(lock.ledger(claim).attempts).toBe(5);
      });

      it("keeps the approved text", async () => {
        const lock = world.startProcess("a");
        await lock.save(await take(lock), countAttempt);
        expect((await view(world.startProcess("b"))).content).toEqual(content);
      });

      it("takes a newly approved text with the ledger, and keeps it from then on", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        const fresh = { title: "Greet in Spanish", body: "Say « hola »." };
        await lock.save(claim, countAttempt, fresh);
        await lock.save(claim, countAttempt);
        expect(await view(world.startProcess("b"))).toMatchObject({ ledger: { attempts: 2 }, content: fresh });
      });

      it("takes a newly approved text though the ledger is the same", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await lock.save(claim, (ledger) => ledger, { ...content, body: "" });
        expect((await view(world.startProcess("b"))).content).toEqual({ ...content, body: "" });
      });

      it("lands with the newly approved text", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await lock.save(claim, countAttempt, { ...content, body: "" });
        await lock.land(claim, landingOf(await world.makeCommit()));
        expect((await view(world.startProcess("b"))).content).toEqual({ ...content, body: "" });
      });

      it("refuses a claim that this process did not make", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await expect(lock.save({ ...claim }, countAttempt)).rejects.toThrow(StaleClaimError);
      });

      it("refuses a claim whose lock was deleted by hand", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await world.deleteLock();
        await expect(lock.save(claim, countAttempt)).rejects.toThrow(StaleClaimError);
      });

      it("does not bring back a lock that was deleted by hand", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await world.deleteLock();
        await lock.save(claim, countAttempt).catch(() => {});
        expect(await world.readLockSha()).toBeUndefined();
      });
    });

    describe("the lease", () => {
      it("is kept alive by renewals", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        for (let third = 0; third < 6; third += 1) {
          world.clock.advance(leaseMs / 3);
          await lock.read(remote); // Behind the renewal in the same queue.
        }
        expect(lock.leaseLeftMs(claim)).toBeGreaterThan(leaseMs / 2);
      });

      it("tells how long ago it was written", async () => {
        const lock = world.startProcess("a");
        await take(lock);
        lock.close();
        const { idleMs } = await view(world.startProcess("b"));
        world.clock.advance(leaseMs / 2);
        expect((await view(world.startProcess("b"))).idleMs - idleMs).toBe(leaseMs / 2);
      });

      it("goes on telling that when it has run out", async () => {
        const lock = world.startProcess("a");
        await take(lock);
        lock.close();
        world.clock.advance(10 * leaseMs);
        expect((await view(world.startProcess("b"))).idleMs).toBeGreaterThan(9 * leaseMs);
      });

      it("starts anew with every save", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        world.clock.advance(leaseMs / 4);
        await lock.save(claim, countAttempt);
        expect((await view(world.startProcess("b"))).idleMs).toBeLessThan(leaseMs / 4);
      });

      it("is not renewed any more once the lock is closed", async () => {
        const lock = world.startProcess("a");
        await take(lock);
        lock.close();
        const before = await world.readLockSha();
        world.clock.advance(leaseMs / 2);
        await lock.read(remote);
        expect(await world.readLockSha()).toBe(before);
      });

      it("ends for its holder before it ends for others", async () => {
        const [lock, other] = [world.startProcess("a"), world.startProcess("b")];
        const claim = await take(lock);
        lock.close();
        world.clock.advance(leaseMs - 1_000);
        expect([lock.leaseLeftMs(claim), (await view(other)).control.kind]).toEqual([0, "foreign"]);
      });

      it("lets its holder write nothing once it ran out, though nobody else came", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        lock.close();
        world.clock.advance(leaseMs + 60_000);
        await expect(lock.save(claim, countAttempt)).rejects.toThrow(StaleClaimError);
      });

      it("when it ran out, another home continues the same run with the next epoch", async () => {
        const [lock, other] = [world.startProcess("a"), world.startProcess("b")];
        await lock.save(await take(lock), countAttempt);
        lock.close();
        world.clock.advance(leaseMs + 60_000);
        const claim = await other.adopt(remote, await view(other));
        expect(claim && other.ledger(claim)).toMatchObject({ run: "run-1", attempts: 1, epoch: 2 });
      });

      it("cannot be taken over while it lasts", async () => {
        await take(world.startProcess("a"));
        const other = world.startProcess("b");
        expect(await other.adopt(remote, await view(other))).toBeUndefined();
      });

      it("is reclaimed at once by the same home, with the next epoch", async () => {
        await take(world.startProcess("a"));
        const successor = world.startProcess("a");
        expect(await successor.adopt(remote, await view(successor))).toMatchObject({ run: "run-1", epoch: 2 });
      });

      it("is taken over by one of many", async () => {
        const lock = world.startProcess("a");
        await take(lock);
        lock.close();
        world.clock.advance(leaseMs + 60_000);
        const others = Array.from({ length: 6 }, (_, index) => world.startProcess(`other-${index}`));
        const claims = await Promise.all(others.map(async (other) => other.adopt(remote, await view(other))));
        expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
      });
    });

    describe("a stale holder", () => {
      it("saves nothing", async () => {
        const { stale, claim } = await fence();
        await expect(stale.save(claim, countAttempt)).rejects.toThrow(StaleClaimError);
      });

      it("lands nothing", async () => {
        const { stale, claim } = await fence();
        const landing = landingOf(await world.makeCommit());
        await expect(stale.land(claim, landing)).rejects.toThrow(StaleClaimError);
        expect(await world.readBase()).toBe(landing.expected);
      });

      it("does not delete its successor's lock", async () => {
        const { stale, claim } = await fence();
        await expect(stale.release(claim)).rejects.toThrow(StaleClaimError);
        expect(await world.readLockSha()).toBeDefined();
      });

      it("has no lease left once it knows", async () => {
        const { stale, claim } = await fence();
        await stale.save(claim, countAttempt).catch(() => {});
        expect(stale.leaseLeftMs(claim)).toBe(0);
      });

      it("lets go without a complaint", async () => {
        const { stale, claim } = await fence();
        await expect(stale.letGo(claim)).resolves.toBeUndefined();
      });
    });

    describe("a lost claim", () => {
      it("is told by the renewal that finds it out", async () => {
        const { stale } = await fence();
        world.clock.advance(leaseMs / 3);
        await stale.read(remote); // Behind the renewal in the same queue.
        expect(world.lost).toEqual(["a"]);
      });

      it("is told by the write that finds it out, once", async () => {
        const { stale, claim } = await fence();
        for (let saves = 0; saves < 2; saves += 1) await stale.save(claim, countAttempt).catch(() => {});
        expect(world.lost).toEqual(["a"]);
      });

      it("is told when its lease ran out, though nobody else came", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        lock.close();
        world.clock.advance(leaseMs);
        await lock.save(claim, countAttempt).catch(() => {});
        expect(world.lost).toEqual(["a"]);
      });

      it("is told when this process takes the run anew", async () => {
        const lock = world.startProcess("a");
        await take(lock);
        lock.close();
        world.clock.advance(leaseMs);
        await lock.adopt(remote, await view(lock));
        expect(world.lost).toEqual(["a"]);
      });

      it("is no claim that was given back", async () => {
        const lock = world.startProcess("a");
        await lock.letGo(await take(lock));
        await lock.adopt(remote, await view(lock));
        for (const claim of lock.claims()) await lock.release(claim);
        expect(world.lost).toEqual([]);
      });
    });

    describe("landing", () => {
      it("moves the branch", async () => {
        const lock = world.startProcess("a");
        const landing = landingOf(await world.makeCommit());
        await lock.land(await take(lock), landing);
        expect(await world.readBase()).toBe(landing.commit);
      });

      it("writes the landed commit into the ledger that others see", async () => {
        const lock = world.startProcess("a");
        const landing = landingOf(await world.makeCommit());
        await lock.land(await take(lock), landing);
        expect((await view(world.startProcess("b"))).ledger.landed).toMatchObject({ sha: landing.commit, branch: "main" });
      });

      it("writes the head before it into the ledger, and keeps that through further landings", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        const landing = landingOf(await world.makeCommit());
        await lock.land(claim, landing);
        await lock.land(claim, landingOf(await world.makeCommit()));
        expect(lock.ledger(claim).before).toBe(landing.expected);
      });

      it("says so when the base has moved, and leaves the ledger alone", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        const landing = landingOf(await world.makeCommit());
        await world.moveBase();
        expect([await lock.land(claim, landing), lock.ledger(claim).landed]).toEqual([{ kind: "base-moved" }, undefined]);
      });

      it("can be done again on the new base", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        const landing = landingOf(await world.makeCommit());
        await world.moveBase();
        await lock.land(claim, landing);
        expect(await lock.land(claim, landingOf(await world.makeCommit()))).toMatchObject({ kind: "landed" });
      });

      it("passes on the forge's reason for a refusal", async () => {
        await world.protectBase("Changes must be made through a pull request.");
        const lock = world.startProcess("a");
        const answer = await lock.land(await take(lock), landingOf(await world.makeCommit()));
        expect(answer).toEqual({ kind: "refused", reason: expect.stringContaining("through a pull request") });
      });

      it("done twice answers the same", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        const landing = landingOf(await world.makeCommit());
        expect(await lock.land(claim, landing)).toEqual(await lock.land(claim, landing));
      });
    });

    describe("the end of a claim", () => {
      it("by release leaves no lock", async () => {
        const lock = world.startProcess("a");
        await lock.release(await take(lock));
        expect(await lock.read(remote)).toBeUndefined();
      });

      it("by release may be repeated", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await lock.release(claim);
        await expect(lock.release(claim)).resolves.toBeUndefined();
      });

      it("by release is content with a lock that is gone already", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await world.deleteLock();
        await expect(lock.release(claim)).resolves.toBeUndefined();
      });

      it("by release frees the repo for the next run", async () => {
        const [lock, other] = [world.startProcess("a"), world.startProcess("b")];
        await lock.release(await take(lock));
        expect(await take(other, "run-2")).toMatchObject({ run: "run-2", epoch: 1 });
      });

      it("by letting go keeps the run and lets another home go on at once", async () => {
        const [lock, other] = [world.startProcess("a"), world.startProcess("b")];
        await lock.letGo(await take(lock));
        expect(await other.adopt(remote, await view(other))).toMatchObject({ run: "run-1", epoch: 2 });
      });

      it("takes it off the list of those this process holds", async () => {
        const lock = world.startProcess("a");
        await lock.letGo(await take(lock));
        expect(lock.claims()).toEqual([]);
      });

      it("by letting go makes the claim worthless", async () => {
        const lock = world.startProcess("a");
        const claim = await take(lock);
        await lock.letGo(claim);
        await expect(lock.save(claim, countAttempt)).rejects.toThrow(StaleClaimError);
      });

      it("stops the renewals", async () => {
        const lock = world.startProcess("a");
        await lock.letGo(await take(lock));
        const before = await world.readLockSha();
        world.clock.advance(leaseMs);
        await lock.read(remote);
        expect(await world.readLockSha()).toBe(before);
      });
    });

    it("says that it cannot read a spoiled lock", async () => {
      const lock = world.startProcess("a");
      await take(lock);
      await world.spoilLock();
      expect(await lock.read(remote)).toBe("unreadable");
    });

    it("finds nothing against landing in a sound repo, and writes nothing to find out", async () => {
      expect([await world.startProcess("a").probe(remote), await world.readLockSha()]).toEqual([undefined, undefined]);
    });
  });
}
