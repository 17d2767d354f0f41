import { describe, expect, it } from "vitest";
import type { Repo } from "../../src/core/run.ts";
import { createSignals, type PassAnswer, type Why } from "../../src/loop/signals.ts";
import type { Log } from "../../src/ports.ts";
import { createManualClock } from "../support/manual-clock.ts";

const api: Repo = { owner: "acme", name: "api" };
const web: Repo = { owner: "acme", name: "web" };
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Signals whose passes are recorded and answered by the test. */
function createHarness(answer: (repo: Repo, pass: number) => PassAnswer | Promise<PassAnswer> = () => ({})) {
  const clock = createManualClock();
  const passes: string[] = [];
  const signals = createSignals({
    async pass(repo: Repo, why: Why) {
      passes.push(`${repo.name} ${why}`);
      return answer(repo, passes.length);
    },
    timers: { now: clock.now, after: (ms, fn) => clock.schedule(fn, ms) },
    log: silent,
    ciSpacingMs: 500,
    concurrency: 8,
  });
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await signals.idle();
  };
  return { signals, passes, advance };
}

describe("signals", () => {
  it("start one pass for all that come in one breath, and let whoever signals go on first", async () => {
    const { signals, passes } = createHarness();
    for (let count = 0; count < 50; count += 1) signals.signal({ repo: api, why: "issue" });
    expect(passes).toEqual([]);
    await signals.idle();
    expect(passes).toEqual(["api issue"]);
  });

  it("know a repo by whatever case it is spelled in", async () => {
    const { signals, passes, advance } = createHarness();
    signals.signal({ repo: api, why: "ci" });
    signals.signal({ repo: { owner: "Acme", name: "API" }, why: "ci" });
    await advance(500);
    expect(passes).toHaveLength(1);
  });

  it("that come during a pass start exactly one more", async () => {
    const { signals, passes } = createHarness(async (_repo, pass) => {
      if (pass > 1) return {};
      for (let count = 0; count < 5; count += 1) signals.signal({ repo: api, why: "turn" });
      return {};
    });
    signals.signal({ repo: api, why: "issue" });
    await signals.idle();
    expect(passes).toEqual(["api issue", "api turn"]);
  });

  it("never run two passes over a repo at once, not even after one that asked for another", async () => {
    let running = 0;
    let most = 0;
    const { signals } = createHarness(async (_repo, pass) => {
      running += 1;
      most = Math.max(most, running);
      if (pass < 5) signals.signal({ repo: api, why: "turn" });
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return pass < 5 ? { againInMs: 0 } : {};
    });
    signals.signal({ repo: api, why: "issue" });
    await signals.idle();
    expect(most).toBe(1);
  });

  it("of CI start a pass at once, and one more for the rest of the burst", async () => {
    const { signals, passes, advance } = createHarness();
    signals.signal({ repo: api, why: "ci" });
    await signals.idle();
    expect(passes).toEqual(["api ci"]);
    for (let job = 0; job < 49; job += 1) signals.signal({ repo: api, why: "ci" });
    await advance(499);
    expect(passes).toEqual(["api ci"]);
    await advance(1);
    expect(passes).toEqual(["api ci", "api ci"]);
  });

  it("are not held up by CI's spacing when something else comes", async () => {
    const { signals, passes, advance } = createHarness();
    signals.signal({ repo: api, why: "ci" });
    await signals.idle();
    signals.signal({ repo: api, why: "ci" });
    signals.signal({ repo: api, why: "issue" });
    await signals.idle();
    await advance(1_000);
    expect(passes).toEqual(["api ci", "api issue"]);
  });

  it("are followed by the pass that a pass asked for, at its time and not later", async () => {
    const { signals, passes, advance } = createHarness((_repo, pass) => (pass === 1 ? { againInMs: 60_000 } : {}));
    signals.signal({ repo: api, why: "issue" });
    await signals.idle();
    await advance(59_000);
    signals.signal({ repo: api, why: "ci" });
    await advance(500);
    expect(passes).toEqual(["api issue", "api ci"]);
  });

  it("keep the earlier of two plans", async () => {
    const { signals, passes, advance } = createHarness((_repo, pass) => (pass === 1 ? { againInMs: 400 } : {}));
    signals.signal({ repo: api, why: "issue" });
    await signals.idle();
    await advance(300);
    signals.signal({ repo: api, why: "ci" });
    await advance(100);
    expect(passes).toEqual(["api issue", "api timer"]);
  });

  it("of a failing repo back off alone, doubling, and come through when it recovers", async () => {
    const { signals, passes, advance } = createHarness((repo, pass) => {
      if (repo === api && pass < 4) throw new Error("bad gateway");
      return {};
    });
    signals.signal({ repo: api, why: "issue" });
    await signals.idle();
    expect(signals.failing()).toEqual(["acme/api"]);
    signals.signal({ repo: api, why: "issue" });
    signals.signal({ repo: web, why: "issue" });
    await signals.idle();
    expect(passes).toEqual(["api issue", "web issue"]);
    await advance(1_000);
    await advance(1_999);
    expect(passes).toHaveLength(3);
    await advance(1);
    expect(passes).toHaveLength(4);
    expect(signals.failing()).toEqual([]);
  });

  it("do nothing once closed, and closing waits for the running pass", async () => {
    const { signals, passes, advance } = createHarness(() => ({ againInMs: 10 }));
    signals.signal({ repo: api, why: "issue" });
    await signals.close();
    signals.signal({ repo: api, why: "issue" });
    await advance(1_000);
    expect(passes.length).toBeLessThanOrEqual(1);
  });
});
