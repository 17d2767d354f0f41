import { isStatusCommentOf } from "../../src/core/checklist.ts";
import { isSameLabel } from "../../src/core/labels.ts";
import { repoKey } from "../../src/core/run.ts";
import { speakAsCi } from "./ci.ts";
import { longestHangMs } from "./network.ts";
import { issuesOf, nameOf, type Found } from "./people.ts";
import { chooseScript, turnScripts, type TurnScript } from "./turns.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

/** Enough for a lease to run out and two sweeps to come by. */
const breathMs = 300_000;
/** After that AFK looks again at what it once wrote. */
const lookAgainMs = 700_000;
/** Twenty hours: CI's deadline for every landing and every correction of every issue, when CI never speaks. */
const maxRounds = 240;

/** The storm is over: faults stop, one replica goes on alone, people leave, agents and CI answer. Everything must come to its end. */
export async function calmDown(world: World): Promise<void> {
  world.story.tell("the storm is over");
  const { replicas, plan, witness } = world;
  const survivor = plan.survivor % replicas.length;
  for (const [index, replica] of replicas.entries()) {
    if (index !== survivor || replica.process()?.isClosing === true) replica.crash();
    replica.setSwitch(false);
    const process = replica.process();
    if (process !== undefined) Object.assign(process.line, { faults: [], isCutOff: false, limitedUntilMs: 0 });
    if (process !== undefined) process.slowness.reads = 0;
  }
  if (replicas[survivor]?.start() === true) world.story.tell(`${replicas[survivor].name} starts`);
  await world.advance(longestHangMs + breathMs);
  judgeTurns(world);
  for (let round = 0; round < maxRounds && !isAtRest(world) && witness.violations.length === 0; round += 1) {
    playMachines(world, round);
    await world.advance(breathMs);
  }
  await world.advance(lookAgainMs);
  judgeEnds(world);
  await judgeRepetition(world);
}

function isHealthy({ poisoned }: World, { repo }: Pick<Found, "repo">): boolean {
  return !poisoned.has(repoKey(repo));
}

/** No lock is left where the forge works, and nobody waits for one. */
function isAtRest(world: World): boolean {
  const isFree = world.repos.every((repo) => !isHealthy(world, { repo }) || !world.store.locks.has(repoKey(repo)));
  return isFree && world.replicas.every((replica) => (replica.process()?.machine.live().length ?? 0) === 0);
}

/** After a lease and a sweep, whoever runs a turn holds the lock for it. */
function judgeTurns(world: World): void {
  for (const replica of world.replicas) {
    for (const { order, claim } of replica.process()?.machine.live() ?? []) {
      const record = world.store.locks.get(repoKey(order.repo))?.record;
      const isNamed =
        record !== undefined && record !== "unreadable" && record.ledger.turn?.id === order.id && record.ledger.epoch === claim.epoch;
      if (isHealthy(world, order) && !isNamed)
        world.witness.accuse(`I13: ${replica.name} still runs turn ${order.id}, for which it does not hold the lock of ${order.repo.name}`);
    }
  }
}

/** What agents do in every turn of a world where they never learn. */
const habits = ["be refused", "conflict", "fail", "hit the limit", "land"] as const;

function nextScript({ plan: { dice } }: World, round: number, issue: number): TurnScript {
  return (dice % 3 === 0 ? habits[round === 0 ? 4 : (dice >> 2) % habits.length] : undefined) ?? chooseScript(dice + round * 7 + issue);
}

/** Some commits never hear from CI, and in some worlds nothing pleases it. */
function nextWord({ plan: { dice } }: World, index: number): string | undefined {
  return dice % 4 === 0 ? "failure" : ["success", "success", "failure", undefined][(index + dice) % 4];
}

/** Each turn and each landed commit gets an answer, always the same in the same world. */
function playMachines(world: World, round: number): void {
  for (const replica of world.replicas) {
    const process = replica.process();
    for (const turn of process?.machine.live() ?? []) {
      const script = nextScript(world, round, turn.order.issue.number);
      world.story.tell(`the agent of turn ${turn.order.id} does ${script}`);
      if (process !== undefined) turnScripts[script].play(process.machine, turn);
    }
  }
  for (const [index, { repo, sha }] of world.landed.entries()) {
    const checks = [...(world.forge.inside(repo).commits.get(sha)?.checks.values() ?? [])];
    const hasSpoken = checks.length > 0 && checks.every(({ conclusion }) => conclusion !== undefined);
    const word = nextWord(world, index);
    if (!hasSpoken && word !== undefined)
      world.story.tell(speakAsCi(world, repo, sha, word, "test", world.plan.dice + (world.plan.dice % 8 === 0 ? 0 : index)));
  }
}

/** Every released issue has come to one end, or says why it waits. */
function judgeEnds(world: World): void {
  for (const repo of world.repos) {
    const record = world.store.locks.get(repoKey(repo))?.record;
    if (record !== undefined && record !== "unreadable" && isHealthy(world, { repo }))
      world.witness.accuse(`I2: run ${record.ledger.run} in ${repo.name} has come to no end`);
  }
  for (const found of issuesOf(world))
    if (isHealthy(world, found)) {
      judgeEnd(world, found);
      judgeAnswers(world, found);
    }
  for (const replica of world.replicas)
    // Which runs live is known only once every lock has been read.
    for (const run of replica.process() === undefined || world.poisoned.size > 0 ? [] : replica.disk)
      if (Number.isFinite(world.witness.runs.get(run)?.overAt))
        world.witness.accuse(`I13: the workspace of run ${run} is left on ${replica.name}`);
}

/** Whoever may write, said something to AFK and left it as it was, sees that AFK has read it. */
function judgeAnswers({ witness }: World, { repo, issue }: Found): void {
  for (const { id, isEdited, reactions } of issue.comments) {
    if (witness.askings.get(id)?.isByWriter === true && !isEdited && reactions.size === 0)
      witness.accuse(`I2: nobody has answered comment ${id} on ${repo.name}#${issue.number}`);
  }
}

function judgeEnd({ config, witness, forge }: World, found: Found): void {
  const { issue } = found;
  const has = (label: string): boolean => issue.labels.some((one) => isSameLabel(one, label));
  // Who deletes the lock of a run takes from AFK what it finds a withdrawn issue, or one whose end is half shown, by.
  const isLost = witness.deletedLocks.has(repoKey(found.repo));
  if (has(config.labels.inProgress) && !isLost) witness.accuse(`I2: ${nameOf(found)} is in progress, and nobody works on it`);
  if (!issue.isOpen || !has(config.labels.ready)) return;
  const said = issue.comments.filter(({ author }) => author === forge.appLogin);
  const isTold = said.some(({ body }) => isStatusCommentOf(body, undefined) && !body.includes("behind") && !body.includes("free agent"));
  if (!isTold && !isLost && !isHeardOf(witness, found, config.labels.ready))
    witness.accuse(`I2: ${nameOf(found)} is released, and nothing says why it is not worked on`);
}

/** The forge counts in whole seconds, and clocks differ by one: a label set in the second of a command is that command's release. */
const sameSecondMs = 2_000;

function isHeardOf({ runs }: Witness, { repo, issue }: Found, ready: string): boolean {
  const label = issue.timeline.findLast((entry) => entry.label !== undefined && isSameLabel(entry.label, ready));
  const answered = [...runs.values()].filter((run) => run.repo === repoKey(repo) && run.issue === issue.number);
  const times = answered.flatMap(({ releasedAt }) => [...releasedAt]).map((at) => Date.parse(at) - Date.parse(label?.at ?? ""));
  return times.some((laterMs) => laterMs >= 0 && laterMs <= sameSecondMs);
}

/** I11: every webhook once more, and another sweep. */
async function judgeRepetition(world: World): Promise<void> {
  if (world.witness.violations.length > 0) return;
  world.story.tell("every webhook comes again");
  const { writes } = world.witness;
  for (const replica of world.replicas) for (const webhook of world.forge.webhooks) replica.process()?.deliver(webhook);
  await world.advance(breathMs);
  if (world.witness.writes !== writes)
    world.witness.accuse(`I11: ${world.witness.writes - writes} writes follow on webhooks that came again`);
}
