import { describe, expect, it } from "vitest";
import { playChaos } from "./chaos.ts";
import { readOptions, UsageError } from "./options.ts";
import { planRound } from "./plan.ts";
import { createRandom } from "./random.ts";
import { quantile } from "./report.ts";

describe("chaos", () => {
  it("leaves every issue with its one end, whenever AFK is killed", { timeout: 180_000 }, async () => {
    const rounds = await playChaos({ rounds: 2, seed: 25, disks: ["same"], say: () => {} });
    expect(rounds.flatMap(({ kills }) => kills)).not.toEqual([]);
  });

  it("plans the same for the same seed", () => {
    const [one, other] = [createRandom(7), createRandom(7)].map((random) =>
      [1, 2, 3].map(() => planRound(random, ["a/b"], ["same", "empty"])),
    );
    expect(one).toEqual(other);
  });

  it("is told how often and from which seed", () => {
    expect(readOptions(["--rounds", "3", "--seed", "5"])).toEqual({ rounds: 3, seed: 5 });
    expect(() => readOptions(["--rounds", "many"])).toThrow(UsageError);
  });

  it.each([
    [[], undefined],
    [[4, 1, 3, 2], 2],
  ])("tells the median of %j", (samples, median) => {
    expect(quantile(samples, 0.5)).toBe(median);
  });
});
