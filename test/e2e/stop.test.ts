import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ForgeEvent } from "../../demo/front/embedded-forge.ts";
import { sendHalfARequest } from "./raw-http.ts";
import { doneOnce, goodWork, person, startWorld, type World } from "./support.ts";
import { waitAtMost } from "./wait.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld("term", "int", "terminal", "slow-client", "switch", "claim", "agent", "landing", "ci", "end", "closing");
});
afterAll(() => world.close());

describe.concurrent("an AFK that is told to stop", () => {
  it.each([
    ["SIGTERM", "acme/term"],
    ["SIGINT", "acme/int"],
  ] as const)("ends its agent on %s, lets the run go, and goes on with it when it is started again", async (signal, slug) => {
    const first = await world.serve([slug]);
    const issue = await world.release(slug);
    const visit = await first.agent();

    const before = performance.now();
    expect(await first.program.stop(signal)).toEqual({ code: 0, signal: null });
    expect(performance.now() - before).toBeLessThan(15_000);
    await waitAtMost(visit.gone, "the agent to be gone", 1_000);
    expect(world.lock(slug)).toMatchObject({ holder: null, ledger: { issue, turn: { outcome: { kind: "interrupted" } } } });

    const second = await world.serve([slug], first);
    const again = await second.agent();
    expect(world.lock(slug)?.ledger).toMatchObject({ attempts: 1, retries: 0 });
    again.tell(goodWork);
    await second.said("run ended", { end: "closed" });
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
  });

  it("stops as it should when a terminal sends the signal to all its processes, and again", async () => {
    const slug = "acme/terminal";
    const afk = await world.serve([slug]);
    await world.release(slug);
    await afk.agent();
    afk.program.signalGroup("SIGINT");
    afk.program.signalGroup("SIGINT");
    expect(await afk.program.exit()).toEqual({ code: 0, signal: null });
    expect(world.lock(slug)).toMatchObject({ holder: null });
  });

  it("does not wait for a client that sends its request slowly", async () => {
    const slug = "acme/slow-client";
    const afk = await world.serve([slug]);
    await world.release(slug);
    await afk.agent();
    const client = await sendHalfARequest(afk.url);
    expect(await afk.program.stop()).toEqual({ code: 0, signal: null });
    client.destroy();
    expect(world.lock(slug)).toMatchObject({ holder: null });
  });
});

describe.concurrent("an AFK that is killed", () => {
  const isPush = (event: ForgeEvent, slug: string, ref: string): boolean =>
    event.kind === "push" && event.repo === slug && event.ref === ref;
  const isWrite = (event: ForgeEvent, method: string, path: string): boolean =>
    event.kind === "api" && event.method === method && event.path === path;
  let endComments = 0;

  it.each([
    ["right after the claim", "claim", (event: ForgeEvent) => isPush(event, "acme/claim", "refs/afk/lock")],
    ["at the landing, before it knew of it", "landing", (event: ForgeEvent) => isPush(event, "acme/landing", "refs/heads/main")],
    [
      "between the end comment and the labels",
      "end",
      (event: ForgeEvent) => isWrite(event, "POST", "/repos/acme/end/issues/1/comments") && (endComments += 1) === 2,
    ],
    [
      "between closing the issue and giving back the lock",
      "closing",
      (event: ForgeEvent) => isWrite(event, "PATCH", "/repos/acme/closing/issues/1"),
    ],
  ])("goes on when that was %s", async (_when, name, isMoment) => {
    const slug = `acme/${name}`;
    const first = await world.serve([slug]);
    first.desk.always(goodWork);
    world.forge.onEvent((event) => {
      if (first.program.child.exitCode === null && isMoment(event)) first.program.child.kill("SIGKILL");
    });
    const issue = await world.release(slug);
    expect(await first.program.exit()).toEqual({ code: null, signal: "SIGKILL" });
    await world.serve([slug], first);
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
  });

  it("begins the turn again when that was while the agent worked, and leaves no agent behind", async () => {
    const slug = "acme/agent";
    const first = await world.serve([slug]);
    const issue = await world.release(slug);
    const visit = await first.agent();
    await first.program.stop("SIGKILL");
    await waitAtMost(visit.gone, "the agent to be gone", 5_000);
    const second = await world.serve([slug], first);
    (await second.agent()).tell(goodWork);
    expect(world.lock(slug)?.ledger).toMatchObject({ attempts: 1, retries: 1 });
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
  });

  it("waits for CI again when that was while CI ran", async () => {
    const slug = "acme/ci";
    world.ci.hold(slug);
    const first = await world.serve([slug]);
    first.desk.always(goodWork);
    const issue = await world.release(slug);
    await first.said("decision", { reason: "ci-pending" });
    await first.program.stop("SIGKILL");
    const second = await world.serve([slug], first);
    await second.said("decision", { reason: "ci-pending" });
    const [sha = ""] = world.landed(slug);
    world.ci.conclude(slug, sha, "success");
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
    expect(first.desk.visits).toHaveLength(1);
  });
});

describe("the kill switch", () => {
  it("ends the agent when its file is put into AFK_HOME, and lets the run go on when it is taken away", async () => {
    const slug = "acme/switch";
    const afk = await world.serve([slug]);
    const issue = await world.release(slug);
    const visit = await afk.agent();
    const file = join(afk.home, "kill-switch");
    writeFileSync(file, "");
    await waitAtMost(visit.gone, "the agent to be gone", 3_000);
    await afk.said("turn ended", { outcome: "interrupted" });
    expect(await (await fetch(`${afk.url}/health`)).json()).toMatchObject({ status: "disabled", active: 0 });

    world.forge.resetRequests();
    await world.forge.api(person, "PATCH", `/repos/${slug}/issues/${issue}`, { title: "Say goodbye, please" });
    await afk.said("decision", { decision: "halt", why: "issue" });
    expect(world.forge.requests()).toMatchObject({ total: 1, git: 0 });

    rmSync(file);
    (await afk.agent()).tell(goodWork);
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
  });
});
