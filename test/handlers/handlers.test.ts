import { createRequire } from "node:module";
import { pino } from "pino";
import { Probot } from "probot";
import { describe, expect, it } from "vitest";
import { createApp, eventNames } from "../../src/app.ts";
import { slugOf, type Repo } from "../../src/core/run.ts";
import type { Signal } from "../../src/loop/signals.ts";
import { appPrivateKey } from "../support/app-key.ts";

/** Payloads in GitHub's shapes; a third of them are older than today's schema: inputs, not truth. */
const examples = createRequire(import.meta.url)("@octokit/webhooks-examples") as readonly {
  readonly name: string;
  readonly examples: readonly object[];
}[];

/** The real Probot app; what its handlers signal is collected. */
async function createHarness(isEnrolled: (repo: Repo) => boolean = () => true) {
  const signals: Signal[] = [];
  const app = new Probot({ appId: 1, privateKey: appPrivateKey, secret: "s", log: pino({ level: "silent" }) });
  createApp({ signal: (signal) => void signals.push(signal), isEnrolled, readyLabel: "ready-for-agent" })(app);
  await app.ready();
  const receive = (name: string, payload: unknown) =>
    app.receive({ id: "1", name, payload } as unknown as Parameters<Probot["receive"]>[0]);
  return { signals, receive };
}

const whys: Readonly<Record<string, string>> = { issues: "issue", issue_comment: "command" };
const comment = { body: "/afk status" };
const repository = { name: "Hello-World", owner: { login: "Codertocat" } };

describe("the event table", () => {
  it.each(eventNames)("translates %s to a signal", async (fullName) => {
    const [name = "", action] = fullName.split(".");
    const { signals, receive } = await createHarness();
    await receive(name, { action, repository, comment, label: { name: "ready-for-agent" } });
    expect(signals).toEqual([{ repo: { owner: "Codertocat", name: "Hello-World" }, why: whys[name] ?? "ci" }]);
  });

  it.each(eventNames)("guards %s: a repo that is not enrolled gives none", async (fullName) => {
    const [name = "", action] = fullName.split(".");
    const { signals, receive } = await createHarness(() => false);
    await receive(name, { action, repository, comment, label: { name: "ready-for-agent" } });
    expect(signals).toEqual([]);
  });

  it("takes recorded payloads of the forge", async () => {
    const { signals, receive } = await createHarness();
    for (const { name, examples: payloads } of examples.filter((example) =>
      ["issues", "check_run", "check_suite", "status"].includes(example.name),
    )) {
      for (const payload of payloads) await receive(name, payload);
    }
    expect(signals.map(({ repo }) => slugOf(repo))).toContain("Codertocat/Hello-World");
  });

  it.each([
    ["a label of AFK's own", { action: "labeled", repository, label: { name: "agent-in-progress" } }],
    ["somebody else's label", { action: "labeled", repository, label: { name: "bug" } }],
    ["no label at all", { action: "labeled", repository }],
    ["a comment for people", { action: "created", repository, comment: { body: "Nice." } }],
    ["a repo that cannot exist", { action: "closed", repository: { name: "../../etc", owner: { login: "--upload-pack" } } }],
    ["no repo", { action: "closed" }],
  ])("gives no signal for %s", async (_what, payload) => {
    const { signals, receive } = await createHarness();
    await receive("issues", payload);
    expect(signals).toEqual([]);
  });
});
