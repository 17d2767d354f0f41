import { describe, expect, it } from "vitest";
import { isMet, ratioOf, summarize, type Figure } from "../../bench/bench.ts";
import { readOptions } from "../../bench/options.ts";
import { renderJson, renderTable } from "../../bench/report.ts";
import { watchForgeTime, epochMs } from "../../bench/forge-time.ts";
import type { EmbeddedForge, ForgeEvent } from "../../demo/front/embedded-forge.ts";

const bench = { name: "sample", about: "something", run: async () => [] };
const figure: Figure = {
  name: "answered",
  unit: "ms",
  samples: [30, 10, 20],
  floor: { name: "the least", samples: [10, 10, 10] },
  aim: { times: 1.5 },
};

describe("a figure", () => {
  it.each([
    [[3, 1, 2], { median: 2, min: 1, max: 3 }],
    [[4, 1, 2, 3], { median: 2.5, min: 1, max: 4 }],
  ])("of %j is told by its median and its ends", (samples, summary) => {
    expect(summarize(samples)).toEqual(summary);
  });

  it("without samples is a mistake", () => {
    expect(() => summarize([])).toThrow("without samples");
  });

  it("is compared with its floor round by round", () => {
    expect(ratioOf({ ...figure, samples: [10, 40, 90], floor: { name: "the least", samples: [10, 20, 30] } })).toBe(2);
  });

  it.each([
    [{ times: 2 }, "ms", true],
    [{ times: 1.9 }, "ms", false],
    [{ value: 20 }, "requests", true],
    [{ value: 19 }, "requests", false],
    [{ value: 20 }, "per s", true],
    [{ value: 21 }, "per s", false],
  ] as const)("with the aim %j in %s: met is %s", (aim, unit, met) => {
    expect(isMet({ ...figure, unit, aim })).toBe(met);
  });

  it("without an aim is neither met nor missed", () => {
    const { aim: _, ...aimless } = figure;
    expect(isMet(aimless)).toBeUndefined();
  });
});

describe("the report", () => {
  it("is a table for people", () => {
    expect(renderTable({ bench, figures: [figure] })).toMatchInlineSnapshot(`
      "sample: something
                      median  from  to  floor  ratio     aim
        answered, ms      20    10  30     10   2.00  ≤ 1.5×  missed
        floor: the least
      "
    `);
  });

  it("is one document for machines", () => {
    const { figures } = JSON.parse(renderJson([{ bench, figures: [figure] }])) as { figures: unknown[] };
    expect(figures).toEqual([
      expect.objectContaining({ bench: "sample", name: "answered", median: 20, min: 10, max: 30, ratio: 2, met: false }),
    ]);
  });
});

describe("the options", () => {
  it("name the benches to run", () => {
    expect(readOptions(["--only", "lock", "--only", "turn", "--json"], ["lock", "turn"])).toEqual({
      json: true,
      verbose: false,
      only: ["lock", "turn"],
    });
  });

  it.each([
    [["--only", "luck"], "there is no bench"],
    [["--fast"], "--fast"],
  ])("%j are refused", (args, said) => {
    expect(() => readOptions(args, ["lock"])).toThrow(said);
  });
});

describe("the forge's time", () => {
  it("counts what overlaps once, and nothing outside of the span asked for", () => {
    let emit = (_event: ForgeEvent): void => {};
    const time = watchForgeTime({ onEvent: (listener) => void (emit = listener) } as EmbeddedForge);
    const before = epochMs();
    emit({ kind: "git", method: "GET", path: "/", durationMs: 30 });
    emit({ kind: "git", method: "GET", path: "/", durationMs: 100 });
    const after = epochMs();
    expect(time.busyBetween(before - 50, after)).toBeCloseTo(50 + (after - before), -1);
  });
});
