import { describe, expect, it } from "vitest";
import { post } from "../../src/doorbell/post.ts";

const letter = (url: string) => ({ url, headers: {}, body: "{}" });

describe("a request that cannot even be made", () => {
  it("says why", async () => {
    // Port 1 is one of those that fetch never talks to.
    const answer = await post(letter("http://127.0.0.1:1/only-we-know"), new AbortController().signal, 0);
    expect(answer).toEqual({ kind: "not-now", why: "bad port", afterMs: 0 });
  });

  it("does not repeat the URL", async () => {
    const answer = await post(letter("http://me:t0ps3cret@127.0.0.1/"), new AbortController().signal, 0);
    expect(answer).toEqual({ kind: "not-now", why: "the request failed", afterMs: 0 });
  });
});
