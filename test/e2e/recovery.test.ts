import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync, watch, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ForgeEvent } from "../../demo/front/embedded-forge.ts";
import type { Visit } from "./desk.ts";
import { processesBelow } from "./processes.ts";
import { doneOnce, goodWork, person, startWorld, type Started, type World } from "./support.ts";
import { waitAtMost } from "./wait.ts";

/** The shortest lease there is. */
const env = { AFK_LEASE_SECONDS: "30" };
/** That lease, the 5 s that others wait after it, and a busy machine's own time. */
const leaseIsOverMs = 60_000;
const timeout = 120_000;

let world: World;
beforeAll(async () => {
  world = await startWorld("lost-disk", "lost-after-landing", "beside", "switch", "boot");
});
afterAll(() => world.close());

function agentAfterLease({ desk, program }: Started): Promise<Visit> {
  return waitAtMost(desk.next(), "an agent after the lease", leaseIsOverMs, () => program.output().slice(-8_000));
}

/** Everything that is written to a repository from now on, as `<method> <path>` or `push <ref>`. */
function recordWrites({ forge }: World, slug: string): readonly string[] {
  const writes: string[] = [];
  const note = (event: ForgeEvent): void => {
    if (event.kind === "push" && event.repo === slug) writes.push(`push ${event.ref}`);
    if (event.kind === "api" && event.write && event.path.startsWith(`/repos/${slug}/`)) writes.push(`${event.method} ${event.path}`);
  };
  forge.onEvent(note);
  return writes;
}

describe.concurrent("a run whose process is gone", () => {
  it("is gone on with on an empty disk when the lease is over", { timeout }, async () => {
    const slug = "acme/lost-disk";
    const first = await world.serve([slug], { env });
    const issue = await world.release(slug);
    await first.agent();
    const { ledger } = world.lock(slug) ?? {};
    await first.program.stop("SIGKILL");
    const second = await world.serve([slug], { env });
    await second.said("decision", { reason: "held-elsewhere" });
    const visit = await agentAfterLease(second);
    expect(world.lock(slug)?.ledger).toMatchObject({ run: ledger?.run, epoch: 2, attempts: 1, retries: 1 });
    visit.tell(goodWork);
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
    expect(readdirSync(join(second.home, "runs"))).toEqual([]);
  });

  it("has no second agent, and lands nothing twice, when its work had landed", { timeout }, async () => {
    const slug = "acme/lost-after-landing";
    world.ci.hold(slug);
    const first = await world.serve([slug], { env });
    first.desk.always(goodWork);
    const issue = await world.release(slug);
    await first.said("decision", { reason: "ci-pending" });
    await first.program.stop("SIGKILL");
    const second = await world.serve([slug], { env });
    await second.said("claim taken", {}, leaseIsOverMs);
    world.ci.conclude(slug, world.landed(slug)[0] ?? "", "success");
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
    expect(second.desk.visits).toEqual([]);
  });

  it("is taken over by the replica beside it when the lease is over", { timeout }, async () => {
    const slug = "acme/beside";
    const one = await world.serve([slug], { env });
    const issue = await world.release(slug);
    await one.agent();
    const other = await world.serve([slug], { env });
    await other.said("decision", { reason: "held-elsewhere" });
    await one.program.stop("SIGKILL");
    (await agentAfterLease(other)).tell(goodWork);
    expect(world.lock(slug)?.ledger).toMatchObject({ epoch: 2, attempts: 1, retries: 1 });
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
  });
});

describe.concurrent("a replica that was stopped for longer than its lease", () => {
  const [ready, working, own] = ["acme/ready", "acme/working", "acme/own"] as const;
  // Whoever brings webhooks to a stopped process waits for it, so this forge brings them to nobody else.
  let pausing: World;
  beforeAll(async () => {
    pausing = await startWorld("ready", "working", "own");
  });
  afterAll(() => pausing.close());

  it("lands and writes nothing when it comes back, ends its agents, and goes on serving", { timeout }, async () => {
    const one = await pausing.serve([ready, working, own], { env });
    const issues: { readonly slug: string; readonly number: number }[] = [];
    const fenced: Visit[] = [];
    for (const slug of [ready, working]) {
      issues.push({ slug, number: await pausing.release(slug) });
      fenced.push(await one.agent());
    }
    const other = await pausing.serve([ready, working], { env });
    for (const repo of [ready, working]) await other.said("decision", { repo, reason: "held-elsewhere" });
    one.program.child.kill("SIGSTOP");
    fenced[0]?.tell(goodWork);
    const visits = [await agentAfterLease(other), await agentAfterLease(other)];

    // From here on nobody writes but the one that comes back.
    other.program.child.kill("SIGSTOP");
    const look = () => Promise.all(issues.map(({ slug, number }) => pausing.issue(slug, number)));
    const before = await look();
    const writes = [ready, working].map((slug) => recordWrites(pausing, slug));
    one.program.child.kill("SIGCONT");
    for (const repo of [ready, working]) {
      await one.said("claim lost", { repo });
      await one.said("turn ended", { repo, outcome: "interrupted" }, 5_000);
      await one.said("decision", { repo, reason: "held-elsewhere" }, 5_000);
    }
    expect(processesBelow(join(one.home, "runs"))).toEqual([]);
    expect(writes).toEqual([[], []]);
    expect(await look()).toEqual(before);

    other.program.child.kill("SIGCONT");
    for (const visit of visits) visit.tell(goodWork);
    for (const { slug, number } of issues) expect(await pausing.closed(slug, number)).toEqual(doneOnce);
    one.desk.always(goodWork);
    expect(await pausing.closed(own, await pausing.release(own))).toEqual(doneOnce);
  });
});

describe.concurrent("the kill switch, put on while an agent works", () => {
  it("ends it, lets the lease run out without a write, and costs the run nothing", { timeout }, async () => {
    const slug = "acme/switch";
    const afk = await world.serve([slug], { env });
    const issue = await world.release(slug);
    const visit = await afk.agent();
    writeFileSync(join(afk.home, "kill-switch"), "");
    await waitAtMost(visit.gone, "the agent to be gone", 3_000);
    await afk.said("turn ended", { outcome: "interrupted" });
    await afk.said("decision", { decision: "halt" });
    expect(processesBelow(join(afk.home, "runs"))).toEqual([]);

    const writes = recordWrites(world, slug);
    await world.forge.api(person, "PATCH", `/repos/${slug}/issues/${issue}`, { title: "Say goodbye, please" });
    await afk.said("claim lost", {}, leaseIsOverMs);
    expect(writes).toEqual([`PATCH /repos/${slug}/issues/${issue}`]);

    rmSync(join(afk.home, "kill-switch"));
    (await afk.agent()).tell(goodWork);
    expect(world.lock(slug)?.ledger).toMatchObject({ attempts: 1, retries: 0 });
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
  });
});

describe.concurrent("an AFK that starts where another was killed", () => {
  it("ends the agents and removes the workspaces that belong to no run, and keeps those of its own", { timeout }, async () => {
    const slug = "acme/boot";
    // Nothing binds an agent without a sandbox to its AFK.
    const bare = { AFK_SANDBOX: "none" };
    const first = await world.serve([slug], { env: bare });
    const issue = await world.release(slug);
    const orphan = await first.agent();
    await first.program.stop("SIGKILL");
    const runs = join(first.home, "runs");
    expect(processesBelow(runs)).not.toEqual([]);
    const stray = join(runs, "99-forgotten");
    mkdirSync(join(stray, "workspace"), { recursive: true });

    const second = await world.serve([slug], { ...first, env: bare });
    await waitAtMost(orphan.gone, "the orphan to be gone", 5_000);
    await waitAtMost(removal(stray), "the stray workspace to be gone");
    const visit = await second.agent();
    expect(readdirSync(runs)).toEqual([world.lock(slug)?.ledger.run]);
    visit.tell(goodWork);
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
    expect(processesBelow(runs)).toEqual([]);
    expect(readdirSync(runs)).toEqual([]);
  });
});

async function removal(path: string): Promise<void> {
  const watcher = watch(dirname(path));
  try {
    while (existsSync(path)) await once(watcher, "change");
  } finally {
    watcher.close();
  }
}
