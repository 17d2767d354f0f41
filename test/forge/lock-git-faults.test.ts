import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gitText } from "../../demo/front/bare-repo.ts";
import type { Ledger } from "../../src/core/run.ts";
import { GitError } from "../../src/git/run-git.ts";
import { writeCommit } from "../../src/git/store.ts";
import type { Claim, Lock } from "../../src/ports.ts";
import { content, landingOf, leaseMs, makeLedger } from "../contracts/lock.ts";
import { createGitWorld, lockRef, repo, type GitWorld } from "../support/git-lock-world.ts";

// Each test runs dozens of git processes; a busy machine takes its time for them.
vi.setConfig({ testTimeout: 30_000 });

const countAttempt = (ledger: Ledger): Ledger => ({ ...ledger, attempts: ledger.attempts + 1 });

describe("the lock on a git server", () => {
  let world: GitWorld;

  beforeEach(async () => {
    world = await createGitWorld();
  });
  afterEach(() => world.close());

  async function take(lock: Lock): Promise<Claim> {
    const claim = await lock.take(world.remote, makeLedger("run-1"), content);
    if (claim === undefined) throw new Error("the lock was not free");
    return claim;
  }

  /** Whoever comes after: sees the lock, takes control, and answers the ledger it goes on with. */
  async function goOn(lock: Lock): Promise<Ledger | undefined> {
    const seen = await lock.read(world.remote);
    if (seen === undefined || seen === "unreadable") return undefined;
    const claim = await lock.adopt(world.remote, seen);
    return claim && lock.ledger(claim);
  }

  function pushLock(files: Record<string, string>): Promise<void> {
    const lines = Object.entries(files).map(([path, text]) => `M 644 inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}\n`);
    const commit = `commit ${lockRef}\ncommitter bob <bob@localhost> 0 +0000\ndata 0\n${lines.join("")}\n`;
    return gitText(world.server.directory(repo), ["fast-import", "--quiet", "--force"], commit).then(() => undefined);
  }

  async function land(lock: Lock, claim: Claim, fault: (write: () => Promise<unknown>) => Promise<unknown>): Promise<void> {
    const landing = landingOf(await world.makeCommit());
    await fault(() => lock.land(claim, landing));
  }

  async function loseAnswer(write: () => Promise<unknown>): Promise<void> {
    world.server.nextPushAnswer = 0;
    world.server.access = (_token, wants) => wants === "write" || 404;
    await write().catch(() => {});
    world.server.access = () => true;
  }

  async function cutOff(write: () => Promise<unknown>): Promise<void> {
    world.server.access = () => 404;
    await write().catch(() => {});
    world.server.access = () => true;
  }

  it("is won by one of 20 claimants, three times over", async () => {
    const claimants = Array.from({ length: 20 }, (_, index) => world.startProcess(`home-${index}`));
    const winners: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const claims = await Promise.all(claimants.map((lock) => lock.take(world.remote, makeLedger(`run-${round}`), content)));
      const won = claims.filter((claim) => claim !== undefined);
      winners.push(won.length);
      await Promise.all(claims.map(async (claim, index) => claim && claimants[index]?.release(claim)));
    }
    expect(winners).toEqual([1, 1, 1]);
  });

  it("is a commit without parents, another one after every move", async () => {
    const lock = world.startProcess("a");
    const claim = await take(lock);
    const shas = [await world.readLockSha()];
    for (const attempts of [1, 0]) {
      await lock.save(claim, (ledger) => ({ ...ledger, attempts }));
      shas.push(await world.readLockSha());
    }
    const parents = await gitText(world.server.directory(repo), ["rev-list", "--parents", "--no-walk", ...shas.map(String)]);
    expect([
      new Set(shas).size,
      parents
        .trim()
        .split("\n")
        .every((line) => !line.includes(" ")),
    ]).toEqual([3, true]);
  });

  describe("when the answer to a push got lost", () => {
    it.each([0, 502])("still knows that a save happened (%i)", async (answer) => {
      const lock = world.startProcess("a");
      const claim = await take(lock);
      world.server.nextPushAnswer = answer;
      await lock.save(claim, countAttempt);
      expect((await lock.save(claim, countAttempt)).attempts).toBe(2);
    });

    it("still knows that it took the lock", async () => {
      world.server.nextPushAnswer = 0;
      expect(await take(world.startProcess("a"))).toMatchObject({ run: "run-1" });
    });

    it("still knows that it landed", async () => {
      const lock = world.startProcess("a");
      const claim = await take(lock);
      const landing = landingOf(await world.makeCommit());
      world.server.nextPushAnswer = 0;
      expect(await lock.land(claim, landing)).toMatchObject({ kind: "landed", landed: { sha: landing.commit } });
    });

    it("still knows that it landed though somebody has pushed to the branch since", async () => {
      const lock = world.startProcess("a");
      const claim = await take(lock);
      const landing = landingOf(await world.makeCommit());
      world.server.nextPushAnswer = 0;
      let isAnswered = false;
      world.server.access = async (_token, wants) => {
        if (wants === "read" && !isAnswered && (await world.readBase()) === landing.commit) {
          isAnswered = true;
          await world.moveBase();
        }
        return true;
      };
      expect([await lock.land(claim, landing), isAnswered]).toEqual([expect.objectContaining({ kind: "landed" }), true]);
    });

    it("and nobody can be asked, goes on from what did happen", async () => {
      const lock = world.startProcess("a");
      const claim = await take(lock);
      const landing = landingOf(await world.makeCommit());
      world.server.nextPushAnswer = 0;
      world.server.access = (_token, wants) => wants === "write" || 404;
      await expect(lock.land(claim, landing)).rejects.toThrow(GitError);
      world.server.access = () => true;
      expect(await lock.save(claim, countAttempt)).toMatchObject({ attempts: 1, landed: { sha: landing.commit } });
    });

    it("and nobody can be asked, a landing that did happen is not done twice", async () => {
      const lock = world.startProcess("a");
      const claim = await take(lock);
      const landing = landingOf(await world.makeCommit());
      world.server.nextPushAnswer = 0;
      world.server.access = (_token, wants) => wants === "write" || 404;
      await lock.land(claim, landing).catch(() => {});
      world.server.access = () => true;
      const before = await world.readLockSha();
      expect([await lock.land(claim, landing), await world.readLockSha()]).toEqual([expect.objectContaining({ kind: "landed" }), before]);
    });
  });

  describe("after a process died", () => {
    const deaths: readonly (readonly [string, (lock: Lock, claim: Claim) => Promise<unknown>, Partial<Ledger>])[] = [
      ["after the claim", async () => {}, { attempts: 0 }],
      ["after a save", (lock, claim) => lock.save(claim, countAttempt), { attempts: 1 }],
      ["before it heard that its save happened", (lock, claim) => loseAnswer(() => lock.save(claim, countAttempt)), { attempts: 1 }],
      ["before its save was pushed", (lock, claim) => cutOff(() => lock.save(claim, countAttempt)), { attempts: 0 }],
      ["before it heard that its work landed", async (lock, claim) => land(lock, claim, loseAnswer), { landed: expect.anything() }],
      ["before its work landed", async (lock, claim) => land(lock, claim, cutOff), {}],
      ["after it let go", (lock, claim) => lock.letGo(claim), { attempts: 0 }],
    ];

    it.each(deaths)("%s, its home's next process goes on from there", async (_when, live, ledger) => {
      const dead = world.startProcess("a");
      await live(dead, await take(dead));
      dead.close();
      expect(await goOn(world.startProcess("a"))).toMatchObject({ run: "run-1", epoch: 2, ...ledger });
    });

    it.each(deaths)("%s, another home goes on from there when the lease has run out", async (_when, live, ledger) => {
      const dead = world.startProcess("a");
      await live(dead, await take(dead));
      dead.close();
      world.clock.advance(leaseMs + 60_000);
      expect(await goOn(world.startProcess("b"))).toMatchObject({ run: "run-1", epoch: 2, ...ledger });
    });

    it("before it heard that it had taken the lock, its home goes on with the run", async () => {
      await loseAnswer(() => take(world.startProcess("a")));
      expect(await goOn(world.startProcess("a"))).toMatchObject({ run: "run-1", epoch: 2 });
    });

    it("the ledger says landed exactly when the branch has the work", async () => {
      const dead = world.startProcess("a");
      await land(dead, await take(dead), loseAnswer);
      expect((await goOn(world.startProcess("a")))?.landed?.sha).toBe(await world.readBase());
    });
  });

  it("survives a forge that is away for one renewal", async () => {
    const lock = world.startProcess("a");
    const claim = await take(lock);
    world.server.access = () => 404;
    world.clock.advance(leaseMs / 3);
    await lock.read(world.remote).catch(() => {});
    world.server.access = () => true;
    world.clock.advance(leaseMs / 3);
    await lock.read(world.remote);
    expect([world.logged.includes("lease not renewed"), lock.leaseLeftMs(claim) > leaseMs / 2]).toEqual([true, true]);
  });

  it("does not land a commit that would throw the base's history away", async () => {
    const lock = world.startProcess("a");
    const claim = await take(lock);
    const landing = landingOf(await world.makeCommit());
    const orphan = await writeCommit(landing.store, { tree: {}, parents: [], message: "x", identity: { name: "x", email: "x" }, date: 0 });
    await expect(lock.land(claim, { ...landing, commit: orphan })).rejects.toThrow("does not descend");
  });

  it("does not land without the lock when a hook refuses the lock's half", async () => {
    const lock = world.startProcess("a");
    const claim = await take(lock);
    const landing = landingOf(await world.makeCommit());
    const hook = join(world.server.directory(repo), "hooks", "update");
    await mkdir(dirname(hook), { recursive: true });
    await writeFile(hook, '#!/bin/sh\ntest "$1" != refs/afk/lock || { echo "custom refs are closed" >&2; exit 1; }\n', { mode: 0o755 });
    expect([await lock.land(claim, landing), await world.readBase()]).toEqual([
      { kind: "refused", reason: expect.stringContaining("custom refs are closed") },
      landing.expected,
    ]);
  });

  it.each([
    ["of another version", { "lock.json": '{"version":2}' }],
    ["of garbage", { "ledger.json": "\u0000{", "content.json": "[]", "lock.json": "lock" }],
    ["of nothing", {}],
  ])("is unreadable and logged when somebody pushed a lock %s", async (_what, files) => {
    await pushLock(files);
    expect([await world.startProcess("a").read(world.remote), world.logged]).toEqual(["unreadable", ["lock unreadable"]]);
  });

  it("reads a lock that moves all the time", async () => {
    const [lock, other] = [world.startProcess("a"), world.startProcess("b")];
    const claim = await take(lock);
    const saves = Promise.all(Array.from({ length: 8 }, () => lock.save(claim, countAttempt)));
    const views = await Promise.all([other.read(world.remote), other.read(world.remote), other.read(world.remote)]);
    await saves;
    expect(views.every((view) => typeof view === "object")).toBe(true);
  });

  it("tells what keeps it from pushing", async () => {
    world.server.access = (_token, wants) => wants === "read";
    expect(await world.startProcess("a").probe(world.remote)).toMatch(/^AFK cannot push to acme\/widgets: /);
  });

  it("tells that the server has no atomic pushes", async () => {
    await gitText(world.server.directory(repo), ["config", "receive.advertiseAtomic", "false"]);
    expect(await world.startProcess("a").probe(world.remote)).toBe(
      "AFK cannot push to acme/widgets: the server does not support atomic pushes",
    );
  });
});
