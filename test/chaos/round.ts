import type { Served } from "../e2e/support.ts";
import { armKill, type Pace } from "./kill.ts";
import type { Disk, Kill, RoundPlan } from "./plan.ts";
import { leaseMs, type Stage } from "./stage.ts";

export interface ReleasedIssue {
  readonly slug: string;
  readonly number: number;
}

/** What came after a kill, in milliseconds from the start of the next server. */
export interface Recovery {
  /** `empty` until something was claimed from there: until then a lease is in the way. */
  readonly disk: Disk;
  /** To its first claim; `undefined`: it was killed before that, or nothing was left to do. */
  readonly aliveMs: number | undefined;
  /** To the end of every run; `undefined`: it was killed before that, or they had ended. */
  readonly closedMs: number | undefined;
}

export interface Round {
  readonly issues: readonly ReleasedIssue[];
  /** The kills that came to pass; the moment of the others never came. */
  readonly kills: readonly Kill[];
  readonly recoveries: readonly Recovery[];
}

/** A run takes seconds when nobody is killed; each kill may cost a lease. */
const patienceMs = 60_000;
const patiencePerKillMs = leaseMs + 30_000;

/** Releases the issues, kills and restarts as planned, and waits until every run is over. Rejects when one does not end. */
export async function playRound(stage: Stage, plan: RoundPlan, pace: Pace): Promise<Round> {
  let strike = prepareStrike(stage, plan.kills[0], pace);
  const issues: ReleasedIssue[] = [];
  for (const slug of plan.repos) issues.push({ slug, number: await stage.release(slug) });
  const over = untilOver(stage, issues, patienceMs + plan.kills.length * patiencePerKillMs);
  const kills: Kill[] = [];
  const lives: Life[] = [];
  for (const kill of plan.kills) {
    await Promise.race([over, strike.struck]);
    if (!strike.stop()) break;
    const killed = stage.server();
    await killed.program.exit();
    const isLeased = lives.at(-1)?.disk === "empty" && !hasClaimed(killed);
    kills.push(kill);
    lives.push(await begin(stage, kill.disk, isLeased, over));
    strike = prepareStrike(stage, plan.kills[kills.length], pace);
  }
  const overAt = await over;
  const recoveries = lives.map(async ({ disk, startedAt, alive }, index) => {
    const hasEnded = index === lives.length - 1 && overAt > startedAt;
    return { disk, aliveMs: await alive, closedMs: hasEnded ? overAt - startedAt : undefined };
  });
  return { issues, kills, recoveries: await Promise.all(recoveries) };
}

interface Strike {
  readonly struck: Promise<void>;
  /** Calls it off; answers whether it was too late for that. */
  stop(): boolean;
}

/** Kills the server of now at the kill's moment. Without a kill nothing is ever struck. */
function prepareStrike(stage: Stage, kill: Kill | undefined, pace: Pace): Strike {
  const { child } = stage.server().program;
  let hasStruck = false;
  let stop = (): void => {};
  const struck = new Promise<void>((resolve) => {
    if (kill === undefined) return;
    stop = armKill(stage, kill, pace, () => {
      hasStruck = true;
      child.kill("SIGKILL");
      resolve();
    });
  });
  return {
    struck,
    stop() {
      stop();
      return hasStruck;
    },
  };
}

interface Life {
  readonly disk: Disk;
  readonly startedAt: number;
  readonly alive: Promise<number | undefined>;
}

function hasClaimed({ program }: Served): boolean {
  return program.lines().some(({ msg }) => msg === "claim taken");
}

async function begin(stage: Stage, disk: Disk, isLeased: boolean, over: Promise<number>): Promise<Life> {
  const startedAt = Date.now();
  const server = await stage.boot(disk);
  const alive = firstClaim(server).then((at) => at - startedAt);
  return { disk: isLeased ? "empty" : disk, startedAt, alive: Promise.race([alive, over.then(() => undefined)]).catch(() => undefined) };
}

/** When it was. Rejects when the server ends without one. */
async function firstClaim({ said }: Served): Promise<number> {
  return Number((await said("claim taken", {}, 2 ** 31 - 1))["time"]);
}

/** Waits until each issue is closed and its repository unlocked, and answers when that was. */
async function untilOver({ world }: Stage, issues: readonly ReleasedIssue[], timeoutMs: number): Promise<number> {
  const isOver = async ({ slug, number }: ReleasedIssue): Promise<boolean> =>
    world.lock(slug) === undefined && !(await world.issue(slug, number)).isOpen;
  for (const issue of issues) {
    const name = `${issue.slug}#${issue.number} to be closed and unlocked`;
    await world.until(name, async () => ((await isOver(issue)) ? true : undefined), timeoutMs);
  }
  return Date.now();
}
