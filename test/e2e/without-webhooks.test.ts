import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { doneOnce, goodWork, startWorld, type World } from "./support.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld("swept", "ticked", "stopped");
  world.forge.deliverTo(undefined);
});
afterAll(() => world.close());

describe.concurrent("an AFK that gets no webhooks", () => {
  it("carries an issue from the label to the close by sweeping", async () => {
    const slug = "acme/swept";
    const afk = await world.serve([slug], { env: { AFK_SWEEP_SECONDS: "1" } });
    afk.desk.always(goodWork);
    const issue = await world.release(slug);
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
    expect(new Set(world.forge.deliveries.list().map(({ status }) => status))).toEqual(new Set(["off"]));
  });

  it("carries an issue from the label to the close by being called now and then, and then has nothing to do", async () => {
    const slug = "acme/ticked";
    world.ci.hold(slug);
    const issue = await world.release(slug);
    const first = await world.afk(["tick"], [slug]);
    first.desk.always(goodWork);
    expect(await first.program.exit()).toEqual({ code: 0, signal: null });
    const [sha = ""] = world.landed(slug);
    expect(world.lock(slug)).toMatchObject({ holder: null, ledger: { landed: { sha } } });

    const waiting = await world.afk(["tick"], [slug], first);
    expect(await waiting.program.exit()).toEqual({ code: 0, signal: null });
    expect((await world.issue(slug, issue)).isOpen).toBe(true);

    world.ci.conclude(slug, sha, "success");
    const closing = await world.afk(["tick"], [slug], { desk: first.desk });
    expect(await closing.program.exit()).toEqual({ code: 0, signal: null });
    expect(await world.closed(slug, issue)).toEqual(doneOnce);

    const idle = await world.afk(["tick"], [slug], first);
    expect(await idle.program.exit()).toEqual({ code: 0, signal: null });
    expect(world.landed(slug)).toEqual([sha]);
    expect(first.desk.visits).toHaveLength(1);
  });

  it("lets go of a tick's run when the tick is stopped", async () => {
    const slug = "acme/stopped";
    await world.release(slug);
    const tick = await world.afk(["tick"], [slug]);
    await tick.agent();
    expect(await tick.program.stop()).toEqual({ code: 0, signal: null });
    expect(world.lock(slug)).toMatchObject({ holder: null, ledger: { turn: { outcome: { kind: "interrupted" } } } });
  });
});
