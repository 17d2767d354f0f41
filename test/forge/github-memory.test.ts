import { describe, expect, it } from "vitest";
import { createAnswerMemory, type RememberedAnswer } from "../../src/forge/github-memory.ts";

function answer(text: string): RememberedAnswer {
  return { etag: "", text, hasNext: false };
}

/** Room for ten characters, keys included. */
function fill(...entries: readonly (readonly [string, string])[]) {
  const memory = createAnswerMemory(10);
  for (const [key, text] of entries) memory.set(key, answer(text));
  return { memory, kept: () => ["a", "b", "c"].filter((key) => memory.get(key) !== undefined) };
}

describe("the memory of answers", () => {
  it("keeps what fits", () => {
    expect(fill(["a", "1234"], ["b", "1234"]).kept()).toEqual(["a", "b"]);
  });

  it("forgets the longest unused first", () => {
    const { memory, kept } = fill(["a", "1234"], ["b", "1234"]);
    memory.set("a", answer("1234"));
    memory.set("c", answer("1"));
    expect(kept()).toEqual(["a", "c"]);
  });

  it("forgets as many as the new one needs", () => {
    expect(fill(["a", "12"], ["b", "12"], ["c", "123456789"]).kept()).toEqual(["c"]);
  });

  it("counts an answer that was replaced once", () => {
    expect(fill(["a", "1234"], ["a", "1234"], ["a", "1234"], ["b", "1234"]).kept()).toEqual(["a", "b"]);
  });

  it("has room again for what was taken out", () => {
    const { memory, kept } = fill(["a", "1234"], ["b", "1234"]);
    memory.delete("a");
    memory.set("c", answer("1234"));
    expect(kept()).toEqual(["b", "c"]);
  });

  it("does not give up everything for one that would not fit anyway", () => {
    expect(fill(["a", "1234"], ["b", "12345678901"]).kept()).toEqual(["a"]);
  });
});
