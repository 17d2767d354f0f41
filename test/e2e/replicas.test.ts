import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { doneOnce, goodWork, startWorld, type World } from "./support.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld("shared", "taken-over");
});
afterAll(() => world.close());

describe.concurrent("two AFKs on one forge", () => {
  it("do an issue once between them", async () => {
    const slug = "acme/shared";
    const [one, other] = await Promise.all([world.serve([slug]), world.serve([slug])]);
    for (const { desk } of [one, other]) desk.always(goodWork);
    const issue = await world.release(slug);
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
    expect(one.desk.visits.length + other.desk.visits.length).toBe(1);
    for (const { program } of [one, other]) expect(await program.stop()).toEqual({ code: 0, signal: null });
  });

  it("hand a run over when one of them is stopped", async () => {
    const slug = "acme/taken-over";
    const one = await world.serve([slug]);
    const issue = await world.release(slug);
    await one.agent();
    const other = await world.serve([slug], { env: { AFK_SWEEP_SECONDS: "1" } });
    await other.said("decision", { reason: "held-elsewhere" });
    await one.program.stop();
    (await other.agent()).tell(goodWork);
    expect(world.lock(slug)?.ledger).toMatchObject({ attempts: 1, retries: 0 });
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
  });
});
