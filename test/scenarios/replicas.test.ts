import { describe, expect, it } from "vitest";
import { isStatusCommentOf } from "../../src/core/checklist.ts";
import { carriesMarker, endMarker } from "../../src/core/messages.ts";
import { repoKey } from "../../src/core/run.ts";
import { calmDown } from "../simulation/calm.ts";
import type { MachineTurn } from "../simulation/machine.ts";
import {
  configure,
  deleteComment,
  deleteLock,
  editIssue,
  forgeLedger,
  openIssue,
  release,
  say,
  withdraw,
  type Found,
} from "../simulation/people.ts";
import type { Process } from "../simulation/replica.ts";
import { createWorld, type World } from "../simulation/world.ts";

/** Longer than a lease with its margin, and than a sweep. */
const pastLeaseMs = 200_000;

/** A quiet world of the simulation: so many replicas, none of them started, and no step that is not in the test. */
function createStage(replicas: number, repos = 1): World {
  const skews = Array.from({ length: replicas }, () => 0);
  const plan = {
    dice: 1,
    repos,
    replicas: skews,
    slots: 1,
    webhooks: "lost",
    reruns: "none",
    isBaseRed: false,
    issues: [],
    steps: [],
    survivor: 0,
  } as const;
  return createWorld(plan, { about: "nothing is taken out" });
}

async function openReleased(world: World, index = 0): Promise<Found> {
  const repo = world.repos[index];
  if (repo === undefined) throw new Error("no such repo");
  openIssue(world, repo, "ann", []);
  await world.advance(1_100);
  const issue = [...world.forge.inside(repo).issues.values()].at(-1);
  if (issue === undefined) throw new Error("no issue");
  release(world, { repo, issue }, "ann");
  await world.advance(1_100);
  return { repo, issue };
}

async function start(world: World, index: number): Promise<Process> {
  world.replicas[index]?.start();
  await world.advance(1_100);
  return processOf(world, index);
}

function processOf(world: World, index: number): Process {
  const process = world.replicas[index]?.process();
  if (process === undefined) throw new Error(`replica ${index + 1} is not alive`);
  return process;
}

function turnOf({ machine }: Process): MachineTurn {
  const [turn] = machine.live();
  if (turn === undefined) throw new Error("no turn runs");
  return turn;
}

function commentsOf({ issue }: Found): readonly string[] {
  return issue.comments.map(({ body }) => body);
}

const failure = { kind: "blocked", why: "the issue contradicts itself" } as const;

async function comesToRest(world: World): Promise<void> {
  await calmDown(world);
  expect(world.witness.violations).toEqual([]);
}

describe("a turn whose claim is lost", () => {
  it("ends when somebody deletes the lock, and begins again under a new claim", async () => {
    const world = createStage(1);
    const { repo } = await openReleased(world);
    const process = await start(world, 0);
    const lost = turnOf(process);
    deleteLock(world, repo);
    await world.advance(pastLeaseMs);
    expect(lost.status).toMatchObject({ kind: "ended", outcome: { kind: "interrupted" } });
    expect(turnOf(process).claim.epoch).toBeGreaterThan(lost.claim.epoch);
    await comesToRest(world);
  });

  it("is begun again when the lock that knew of its landing was deleted", async () => {
    const world = createStage(1);
    const { repo } = await openReleased(world);
    const process = await start(world, 0);
    const landed = turnOf(process);
    process.line.faults.push({ kind: "gets a 502 before it", onlyWrites: true, delayMs: 0, skip: 1 });
    void process.machine.land(landed);
    await world.advance(0);
    deleteLock(world, repo);
    await world.advance(pastLeaseMs);
    expect(turnOf(process).order.run).toBe(landed.order.run);
    await comesToRest(world);
  });

  it("ends before another takes its place, although the replica that took over is gone again", async () => {
    const world = createStage(2);
    await openReleased(world);
    const process = await start(world, 0);
    const lost = turnOf(process);
    process.line.isCutOff = true;
    await start(world, 1);
    await world.advance(pastLeaseMs);
    expect(processOf(world, 1).machine.live()).toHaveLength(1);
    world.replicas[1]?.crash();
    await world.advance(pastLeaseMs);
    process.line.isCutOff = false;
    await world.advance(pastLeaseMs);
    expect(lost.status.kind).toBe("ended");
    expect(process.machine.live()).toHaveLength(1);
    await comesToRest(world);
  });

  it("leaves no workspace behind when the run ends elsewhere", async () => {
    const world = createStage(2);
    await openReleased(world);
    await start(world, 0);
    world.replicas[0]?.setSwitch(true);
    await start(world, 1);
    await world.advance(pastLeaseMs);
    const other = processOf(world, 1);
    other.machine.end(turnOf(other), failure);
    await world.advance(pastLeaseMs);
    expect(world.replicas[0]?.disk.size).toBe(1);
    world.replicas[0]?.setSwitch(false);
    await world.advance(pastLeaseMs);
    expect(world.replicas[0]?.disk.size).toBe(0);
    await comesToRest(world);
  });
});

describe("a pass that waits longer than its lease", () => {
  it("shows no end that another replica has shown meanwhile", async () => {
    const world = createStage(2);
    const found = await openReleased(world);
    const process = await start(world, 0);
    const { run } = turnOf(process).order;
    process.line.faults.push({ kind: "waits long for the answer", onlyWrites: true, delayMs: 300_000, skip: 0 });
    process.machine.end(turnOf(process), failure);
    await start(world, 1);
    await world.advance(400_000);
    expect(commentsOf(found).filter((body) => carriesMarker(body, endMarker({ run: run, continuations: 0 })))).toHaveLength(1);
    await comesToRest(world);
  });
});

describe("the status comment of a run", () => {
  it("is not made twice when it was deleted and another replica has made it anew", async () => {
    const world = createStage(2);
    const found = await openReleased(world);
    const process = await start(world, 0);
    const { run } = turnOf(process).order;
    deleteComment(world, found, 0);
    world.replicas[0]?.setSwitch(true);
    await start(world, 1);
    await world.advance(pastLeaseMs);
    world.replicas[1]?.crash();
    world.replicas[0]?.setSwitch(false);
    await world.advance(pastLeaseMs);
    expect(process.machine.live()).toHaveLength(1);
    expect(commentsOf(found).filter((body) => isStatusCommentOf(body, run))).toHaveLength(1);
    await comesToRest(world);
  });

  it("is mended when somebody has written over it or deleted it, although nothing else changes", async () => {
    const world = createStage(1);
    const found = await openReleased(world);
    const process = await start(world, 0);
    const { run } = turnOf(process).order;
    const isThere = () => commentsOf(found).filter((body) => isStatusCommentOf(body, run)).length === 1;
    forgeLedger(world, found, 0);
    expect(isThere()).toBe(false);
    await world.advance(700_000);
    expect(isThere()).toBe(true);
    await comesToRest(world);
  });

  it("holds every end, however soon it comes after the one before", async () => {
    const world = createStage(1);
    const found = await openReleased(world);
    const process = await start(world, 0);
    process.machine.end(turnOf(process), failure);
    configure(world, found.repo, 1);
    await world.advance(1_100);
    for (let again = 0; again < 2; again += 1) {
      say(world, found, "ann", "/afk fix");
      for (const webhook of world.forge.webhooks.slice(-1)) process.deliver(webhook);
      await world.advance(1_100);
    }
    expect([...world.witness.rung.keys()].map((id) => id.slice(-5))).toEqual(["end-1", "end-2", "end-3"]);
    await comesToRest(world);
  });

  it("is found again after the issue had to wait for its lost lock", async () => {
    const world = createStage(1, 2);
    const found = await openReleased(world);
    const process = await start(world, 0);
    const { run } = turnOf(process).order;
    deleteLock(world, found.repo);
    await openReleased(world, 1);
    await world.advance(pastLeaseMs);
    process.machine.end(turnOf(process), failure);
    await world.advance(pastLeaseMs);
    expect(commentsOf(found).filter((body) => isStatusCommentOf(body, run))).toHaveLength(1);
    await comesToRest(world);
  });
});

describe("a forge that answers from before its last changes", () => {
  it("does not make a run leave its labels on", async () => {
    const world = createStage(1);
    const { issue } = await openReleased(world);
    const process = await start(world, 0);
    Object.assign(process.slowness, { depth: 3, reads: 20 });
    process.machine.end(turnOf(process), failure);
    await world.advance(1_100);
    expect(issue.labels).toEqual(["ready-for-human"]);
    await comesToRest(world);
  });

  it("does not get a text to the agent that was there before the release", async () => {
    const world = createStage(1);
    const [repo] = world.repos;
    if (repo === undefined) throw new Error("no repo");
    const process = await start(world, 0);
    openIssue(world, repo, "eve", []);
    await world.advance(1_100);
    const issue = world.forge.inside(repo).issues.get(1);
    if (issue === undefined) throw new Error("no issue");
    const found = { repo, issue };
    for (const act of [
      () => release(world, found, "tim"),
      () => withdraw(world, found),
      () => editIssue(world, found, "eve", false),
      () => release(world, found, "ann"),
    ]) {
      act();
      await world.advance(1_100);
    }
    Object.assign(process.slowness, { depth: 3, reads: 2 });
    process.loop.sweep();
    await world.advance(0);
    expect(world.witness.violations).toEqual([]);
    await comesToRest(world);
  });

  it("does not cancel a run because it does not know of the release yet", async () => {
    const world = createStage(1);
    const { repo } = await openReleased(world);
    const process = await start(world, 0);
    const { run } = turnOf(process).order;
    Object.assign(process.slowness, { depth: 3, reads: 20 });
    process.machine.progress(turnOf(process), { phase: "tests-red" });
    await world.advance(1_100);
    expect(world.store.locks.get(repoKey(repo))?.record).toMatchObject({ ledger: { run } });
    await comesToRest(world);
  });
});
