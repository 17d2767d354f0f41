import * as fc from "fast-check";
import { actions } from "./actions.ts";
import { calmDown } from "./calm.ts";
import { speakAsCi } from "./ci.ts";
import { headOf, openIssue, release } from "./people.ts";
import { plans, type Plan } from "./plan.ts";
import type { Saboteur } from "./saboteurs.ts";
import { createWorld, type World } from "./world.ts";

/** AFK as it is. */
export const nobody: Saboteur = { about: "nothing is taken out" };

/** How one world went. */
export interface Report {
  readonly violations: readonly string[];
  readonly story: readonly string[];
}

/** Plays a plan from start to end, or up to the first violation. The same plan always gives the same report. */
export async function play(plan: Plan, saboteur: Saboteur): Promise<Report> {
  const world = createWorld(plan, saboteur);
  try {
    await begin(world);
    for (const step of plan.steps) {
      if (world.witness.violations.length > 0) break;
      const action = actions[step.do];
      const said = action.act(world, step);
      if (said === undefined) continue;
      world.story.tell(said);
      await world.advance("lastsMs" in action ? action.lastsMs(step) : 1_100);
    }
    if (world.witness.violations.length === 0) await calmDown(world);
  } catch (error) {
    world.witness.accuse(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return { violations: world.witness.violations, story: world.story.lines };
}

async function begin(world: World): Promise<void> {
  for (const [index, repo] of world.repos.entries()) {
    if (world.plan.isBaseRed) world.story.tell(speakAsCi(world, repo, headOf(world, repo), "failure", "test"));
    for (const [at, { byStranger, priority, isBlockedByFirst, isReleased }] of (world.plan.issues[index] ?? []).entries()) {
      const number = at + 1;
      openIssue(world, repo, byStranger ? "eve" : "ann", priority === 0 ? [] : [`P${priority}`]);
      if (isBlockedByFirst && number > 1) world.forge.block(repo, number, 1);
      await world.advance(1_100);
      const issue = world.forge.inside(repo).issues.get(number);
      if (isReleased && issue !== undefined) world.story.tell(release(world, { repo, issue }, "ann") ?? "");
    }
  }
  for (const replica of world.replicas) if (replica.start()) world.story.tell(`${replica.name} starts`);
  await world.advance(1_100);
}

export interface HuntOptions {
  readonly runs: number;
  readonly seed: number;
  /** One world of the seed alone, shrunk or not. */
  readonly path?: string;
  readonly saboteur?: Saboteur;
  /** Make the failing schedule as short as can be. Default true. */
  readonly isShrinking?: boolean;
}

export interface Finding {
  readonly seed: number;
  readonly path: string;
  readonly plan: Plan;
  readonly report: Report;
}

export interface Hunt {
  readonly runs: number;
  readonly finding: Finding | undefined;
}

/** Looks for a world in which something does not hold. */
export async function hunt({ runs, seed, path, saboteur = nobody, isShrinking = true }: HuntOptions): Promise<Hunt> {
  const property = fc.asyncProperty(plans, async (plan) => (await play(plan, saboteur)).violations.length === 0);
  const where = path === undefined ? { numRuns: runs, endOnFailure: !isShrinking } : { numRuns: 1, endOnFailure: true, path };
  const details = await fc.check(property, { seed, ...where });
  const plan = details.counterexample?.[0];
  if (plan === undefined) return { runs: details.numRuns, finding: undefined };
  const report = await play(plan, saboteur);
  return { runs: details.numRuns, finding: { seed, path: details.counterexamplePath ?? "", plan, report } };
}

/** A finding as people read it. */
export function sayFinding({ seed, path, plan, report }: Finding): string {
  const { steps, ...rest } = plan;
  return [
    `The world of seed ${seed}, path ${path} (${steps.length} steps) went wrong.`,
    `Again: npm run simulate -- --seed ${seed} --path ${path}`,
    "",
    JSON.stringify(rest),
    "",
    ...report.story,
    "",
    ...report.violations.slice(0, 5),
  ].join("\n");
}
