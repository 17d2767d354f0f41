import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startEmbeddedForge, type EmbeddedForge } from "../../demo/front/embedded-forge.ts";
import { receiveWebhooks } from "./support.ts";

const repo = "alice/calc";

describe("the forge's webhooks", () => {
  let forge: EmbeddedForge;
  let hook: Awaited<ReturnType<typeof receiveWebhooks>>;

  beforeAll(async () => {
    forge = await startEmbeddedForge({ users: [{ login: "alice" }], repos: [{ owner: "alice", name: "calc", files: { "a.txt": "a" } }] });
  });
  afterAll(() => forge.close());
  beforeEach(async () => {
    hook = await receiveWebhooks(forge);
  });
  afterEach(() => hook.close());

  async function openIssue(title: string, labels: string[] = []): Promise<number> {
    const events = labels.length + 1;
    let count = 0;
    const seen = forge.waitFor((event) => event.kind === "webhook" && event.event === "issues" && (count += 1) === events);
    const issue = await forge.api("alice", "POST", `/repos/${repo}/issues`, { title, labels });
    await seen;
    return issue.number;
  }

  it("arrive signed, with the installation and the whole label", async () => {
    const number = await openIssue("first", ["ready-for-agent"]);
    expect(hook.received.map(({ event, payload }) => `${event}.${payload.action}`)).toEqual(["issues.opened", "issues.labeled"]);
    expect(hook.received.every(({ isSigned }) => isSigned)).toBe(true);
    expect(hook.received[1]?.payload).toMatchObject({
      issue: { number },
      label: { id: expect.any(Number), name: "ready-for-agent" },
      repository: { full_name: repo, private: true },
      installation: { id: expect.any(Number) },
      sender: { login: "alice", type: "User" },
    });
    expect(JSON.stringify(hook.received.map(({ payload }) => payload))).not.toContain("localhost");
  });

  it("say from what an issue was edited", async () => {
    const number = await openIssue("before");
    const edited = forge.waitFor((event) => event.kind === "webhook" && event.action === "edited");
    await forge.api("alice", "PATCH", `/repos/${repo}/issues/${number}`, { title: "after" });
    await edited;
    expect(hook.received.at(-1)?.payload.changes).toEqual({ title: { from: "before" } });
  });

  it("can be held and released in reverse", async () => {
    forge.deliveries.hold();
    await openIssue("held", ["x"]);
    expect(hook.received).toEqual([]);
    await forge.deliveries.release({ order: "reversed" });
    expect(hook.received.map(({ payload }) => payload.action)).toEqual(["labeled", "opened"]);
  });

  it("can be lost, and delivered again with the same GUID", async () => {
    forge.deliveries.drop(1, "issues");
    await openIssue("lost");
    expect(hook.received).toEqual([]);
    const lost = forge.deliveries.list().at(-1);
    expect(lost).toMatchObject({ event: "issues", action: "opened", status: "dropped" });
    expect(await forge.deliveries.redeliver(lost?.id ?? "")).toBe(200);
    expect(await forge.deliveries.redeliver(lost?.id ?? "")).toBe(200);
    expect(hook.received.map(({ delivery, isSigned }) => [delivery, isSigned])).toEqual([
      [lost?.id, true],
      [lost?.id, true],
    ]);
  });

  it("have a GUID of their own each", async () => {
    await openIssue("many", ["a", "b", "c"]);
    expect(new Set(hook.received.map(({ delivery }) => delivery)).size).toBe(4);
  });

  it("are not sent when they are switched off", async () => {
    forge.deliverTo(undefined);
    await openIssue("silent");
    expect(hook.received).toEqual([]);
    expect(forge.deliveries.list().at(-1)?.status).toBe("off");
  });
});
