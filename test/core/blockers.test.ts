import { describe, expect, it } from "vitest";
import { parseBodyBlockers } from "../../src/core/blockers.ts";

describe("blockers named in a body", () => {
  it.each([
    ["Blocked by #3", ["#3"]],
    ["blocked by: #3, #4 and acme/api#5", ["#3", "#4", "acme/api#5"]],
    ["This is\nblocked by #3\nand blocked by #3.", ["#3"]],
    ["unblocked by #3", []],
    ["see #3", []],
    ["blocked by the weather", []],
    ["blocked by ../x#3", []],
  ])("%j names %j", (body, references) => {
    expect(parseBodyBlockers(body)).toEqual(references);
  });

  it("are at most ten", () => {
    expect(parseBodyBlockers(`blocked by ${Array.from({ length: 50 }, (_, index) => `#${index}`).join(", ")}`)).toHaveLength(10);
  });
});
