import { describe, expect, it } from "vitest";
import { saboteurs } from "./saboteurs.ts";
import { hunt, nobody, play, sayFinding } from "./simulate.ts";

/** The same worlds every time, so that a red test is the work of the change at hand. `npm run simulate` looks at new ones. */
const seed = 1;
const runs = 150;
/** So many worlds are looked at for what a saboteur breaks; the first hundred have it as a rule. */
const mostRuns = 1_000;
/** Some hundred worlds take ten seconds on two cores, and a busy machine has less. */
const timeoutMs = 180_000;

describe("the simulation", { timeout: timeoutMs }, () => {
  it(`keeps every promise in ${runs} worlds of seed ${seed}`, async () => {
    const { finding } = await hunt({ runs, seed });
    expect(finding === undefined ? "" : sayFinding(finding)).toBe("");
  });

  it.each(Object.entries(saboteurs))("finds a broken promise with %s", async (_name, saboteur) => {
    const { finding } = await hunt({ runs: mostRuns, seed, saboteur, isShrinking: false });
    if (finding === undefined) throw new Error(`nothing is found although ${saboteur.about}`);
    expect(finding.report.violations[0]).toMatch(/^I\d+: /);
    expect((await play(finding.plan, nobody)).violations).toEqual([]);
  });

  it("tells how a world went wrong, and how to see it again", async () => {
    const { finding } = await hunt({ runs: mostRuns, seed, saboteur: saboteurs["no-look-before-create"], isShrinking: false });
    const said = finding === undefined ? "" : sayFinding(finding);
    expect(said).toMatch(/npm run simulate -- --seed 1 --path \d+/);
    expect(said).toMatch(/^\d\d:\d\d:\d\d replica-\d takes the lock for \w+#\d/m);
    expect(said).toMatch(/I10: run \S+ has 2 end comments/);
  });

  it("plays the same plan the same way every time", async () => {
    const { finding } = await hunt({ runs: mostRuns, seed, saboteur: saboteurs["no-compare-and-swap"], isShrinking: false });
    if (finding === undefined) throw new Error("no plan to play");
    expect((await play(finding.plan, saboteurs["no-compare-and-swap"])).story).toEqual(finding.report.story);
  });
});
