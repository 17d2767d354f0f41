import { describe, expect, it } from "vitest";
import { createStatusComments, type StatusText } from "../../src/loop/status-comments.ts";
import { ForgeError } from "../../src/ports.ts";
import { createFakeForge } from "../support/fake-forge.ts";
import { createManualClock } from "../support/manual-clock.ts";

const minute = 60_000;

function createHarness() {
  const clock = createManualClock();
  const forge = createFakeForge({ clock });
  const repo = forge.addRepo("acme/api");
  const issue = forge.openIssue(repo, "ann", { title: "Sum is wrong" });
  const comments = createStatusComments(forge, { now: clock.now, after: (ms, fn) => clock.schedule(fn, ms) });
  const show = (words: string, change: Partial<StatusText> = {}) =>
    comments.show({
      repo,
      issue,
      run: "1-a",
      body: `<!-- afk:status run=1-a -->\n${words}`,
      headline: "at work",
      isUncommented: false,
      ...change,
    });
  const calls = (method: string): number => forge.calls.filter((call) => call.method === method).length;
  return { clock, forge, repo, issue, show, calls };
}

describe("the status comment", () => {
  it("is made without listing the comments of an issue that was just seen without any", async () => {
    const { forge, repo, issue, show, calls } = createHarness();
    await show("begun", { isUncommented: true });
    expect(calls("listComments")).toBe(0);
    expect(forge.readComments(repo, issue)).toHaveLength(1);
  });

  it("is looked for after its making failed, whatever the listing says", async () => {
    const { forge, repo, issue, show } = createHarness();
    forge.failNext("createComment", new ForgeError("bad gateway", 502), "after");
    await expect(show("begun", { isUncommented: true })).rejects.toThrow("bad gateway");
    await show("begun", { isUncommented: true });
    expect(forge.readComments(repo, issue)).toHaveLength(1);
  });

  it("is edited at once under a new headline", async () => {
    const { show, calls } = createHarness();
    await show("begun");
    await show("proving", { headline: "green" });
    expect(calls("editComment")).toBe(1);
  });

  it("is edited less and less often while only the agent's lines change", async () => {
    const { clock, show, calls } = createHarness();
    await show("line 0");
    const editedAt: number[] = [];
    for (let seconds = 15; seconds <= 15 * minute; seconds += 15) {
      clock.advance(15_000);
      const before = calls("editComment");
      await show(`line ${seconds}`);
      if (calls("editComment") > before) editedAt.push(seconds);
      if (seconds >= 900) break;
    }
    expect(editedAt).toEqual([15, 45, 105, 225, 465, 705]);
  });

  it("says when to come back with an edit that was put off", async () => {
    const { clock, show } = createHarness();
    await show("line 0");
    clock.advance(5_000);
    expect(await show("line 1")).toEqual({ againInMs: 10_000 });
  });
});
