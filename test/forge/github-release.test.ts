import nock from "nock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attach, base, gitHub, installed, repo } from "../support/github-nock.ts";

beforeEach(() => nock.disableNetConnect());
afterEach(() => {
  nock.cleanAll();
  nock.enableNetConnect();
});

const mona = { login: "mona", id: 5, type: "User" };
const labeled = { event: "labeled", actor: mona, created_at: "2026-01-01T10:00:05Z", label: { name: "Ready" } };

function timeline(...events: readonly object[]): void {
  installed();
  gitHub().get(`${base}/issues/1/timeline`).query(true).reply(200, events);
}

function lastEditedAt(at: string | null): void {
  gitHub()
    .post("/graphql")
    .reply(200, { data: { repository: { issue: { lastEditedAt: at } } } });
}

async function read() {
  return attach().readRelease(repo, 1, "ready");
}

describe("a release", () => {
  it("is by whoever set the label, whatever its case", async () => {
    timeline(labeled);
    lastEditedAt(null);
    expect(await read()).toEqual({ by: "mona", byId: 5, byIsBot: false, at: "2026-01-01T10:00:05Z", editedSince: "no" });
  });

  it("is told without asking about edits when nobody wants to know of them", async () => {
    timeline(labeled);
    expect(await attach().readRelease(repo, 1, "ready", { edits: false })).toMatchObject({ by: "mona", editedSince: "unknown" });
  });

  it.each([
    ["this app's bot", { actor: { login: "afk[bot]", id: 6, type: "Bot" } }, true],
    ["another bot", { actor: { login: "helper[bot]", id: 6, type: "Bot" } }, undefined],
    ["a person through this app", { actor: mona, performed_via_github_app: { id: 7 } }, undefined],
  ])("is ours only when AFK itself set the label: %s", async (_who, by, ours) => {
    timeline({ ...labeled, ...by });
    lastEditedAt(null);
    expect((await read())?.isOurs).toBe(ours);
  });

  it("is none when the account that set the label is gone", async () => {
    timeline({ ...labeled, actor: null });
    expect(await read()).toBeUndefined();
  });

  it("is none on an issue whose timeline somebody has made endless", async () => {
    installed();
    const mention = { event: "cross-referenced", actor: mona, created_at: "2026-01-01T10:00:05Z" };
    const next = { link: '<https://api.github.com/next>; rel="next"' };
    gitHub().persist().get(`${base}/issues/1/timeline`).query(true).reply(200, [labeled, mention], next);
    const forge = attach();
    expect(await forge.readRelease(repo, 1, "ready")).toBeUndefined();
    expect(await forge.readEdits(repo, 1, "2026-01-01T10:00:00Z")).toBe("unknown");
  });

  it("is none on an issue whose timeline is gone", async () => {
    installed();
    gitHub().get(`${base}/issues/1/timeline`).query(true).reply(410, {});
    expect(await read()).toBeUndefined();
  });

  it.each([
    ["a Bot account", { login: "helper", id: 6, type: "Bot" }],
    ["a login that ends as bots' do", { login: "helper[bot]", id: 6 }],
  ])("is by a bot when set by %s", async (_what, actor) => {
    timeline({ ...labeled, actor });
    lastEditedAt(null);
    expect((await read())?.byIsBot).toBe(true);
  });

  it("copes with events of kinds it does not know", async () => {
    timeline(
      { event: "committed", sha: "abc", author: {} },
      { event: "cross-referenced", actor: mona, created_at: "2026-01-01T09:00:00Z" },
      labeled,
    );
    lastEditedAt(null);
    expect((await read())?.by).toBe("mona");
  });

  it("is found on a later page of the timeline", async () => {
    installed();
    const path = `${base}/issues/1/timeline`;
    const talk = Array.from({ length: 100 }, () => ({ event: "commented", actor: mona, created_at: "2026-01-01T09:00:00Z" }));
    gitHub()
      .get(path)
      .query({ per_page: 100, page: 1 })
      .reply(200, talk, { link: `<https://api.github.com${path}?page=2>; rel="next"` });
    gitHub().get(path).query({ per_page: 100, page: 2 }).reply(200, [labeled]);
    lastEditedAt(null);
    expect((await read())?.by).toBe("mona");
  });
});

describe("the text counts as edited since", () => {
  it.each([
    ["never edited", null, "no"],
    ["edited a second before", "2026-01-01T10:00:04Z", "no"],
    ["edited in the label's own second", "2026-01-01T10:00:05Z", "yes"],
    ["edited after", "2026-01-01T10:00:06Z", "yes"],
    ["edited at a time nobody can read", "yesterday", "yes"],
  ] as const)("%s", async (_when, at, editedSince) => {
    timeline(labeled);
    lastEditedAt(at);
    expect((await read())?.editedSince).toBe(editedSince);
  });

  it.each([
    ["before", "2026-01-01T10:00:04Z", "no"],
    ["in the same second", "2026-01-01T10:00:05Z", "yes"],
    ["after", "2026-01-01T10:00:06Z", "yes"],
  ] as const)("when the title was changed %s the label: %s → %s", async (_when, created_at, editedSince) => {
    timeline({ event: "renamed", actor: mona, created_at }, labeled);
    lastEditedAt(null);
    expect((await read())?.editedSince).toBe(editedSince);
  });

  it.each([
    ["has no GraphQL", 404, { message: "Not Found" }],
    ["forbids it", 403, { message: "Resource not accessible by integration" }],
    ["does not know the question", 200, { errors: [{ type: "undefinedField", message: "?" }] }],
    ["does not show the issue", 200, { data: { repository: null } }],
  ] as const)("unknown when the forge %s", async (_why, status, body) => {
    timeline(labeled);
    gitHub().post("/graphql").reply(status, body);
    expect((await read())?.editedSince).toBe("unknown");
  });

  it("yes, without GraphQL being asked, when the title was changed since", async () => {
    timeline(labeled, { event: "renamed", actor: mona, created_at: "2026-01-01T11:00:00Z" });
    expect((await read())?.editedSince).toBe("yes");
  });

  it("an error while GraphQL fails: nobody is refused for an outage", async () => {
    timeline(labeled);
    gitHub().post("/graphql").twice().reply(502, {});
    await expect(read()).rejects.toMatchObject({ name: "ForgeError", status: 502 });
  });
});
