import nock from "nock";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { attach, attachAWhileAgo, base, commentJson, gitHub, installed, mints, repo } from "../support/github-nock.ts";

beforeEach(() => nock.disableNetConnect());
afterEach(() => {
  vi.useRealTimers();
  nock.cleanAll();
  nock.enableNetConnect();
});

const comments = `${base}/issues/1/comments`;

function listsComments(...list: readonly object[]): void {
  gitHub().get(comments).query(true).reply(200, list);
}

describe("a comment is created", () => {
  it("once, when the forge fails after it has written it", async () => {
    installed();
    listsComments();
    const post = gitHub().post(comments).reply(502, {});
    listsComments(commentJson(11, "hello <!-- m -->"));
    expect(await attach().createComment(repo, 1, "hello <!-- m -->", "<!-- m -->")).toMatchObject({ id: 11, isOurs: true });
    expect(post.isDone()).toBe(true);
  });

  it("once, when the connection breaks after it was written", async () => {
    installed();
    listsComments();
    gitHub()
      .post(comments)
      .replyWithError(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }));
    listsComments(commentJson(11, "hello <!-- m -->"));
    expect(await attach().createComment(repo, 1, "hello <!-- m -->", "<!-- m -->")).toMatchObject({ id: 11 });
  });

  it("not a second time when the forge failed before writing it: the caller decides", async () => {
    installed();
    listsComments();
    gitHub().post(comments).reply(500, {});
    listsComments();
    await expect(attach().createComment(repo, 1, "hello", "<!-- m -->")).rejects.toMatchObject({ name: "ForgeError", status: 500 });
  });

  it("without another look when the forge refused it", async () => {
    installed();
    listsComments();
    gitHub().post(comments).reply(422, { message: "Validation Failed" });
    await expect(attach().createComment(repo, 1, "hello", "<!-- m -->")).rejects.toMatchObject({ status: 422 });
  });

  it("without a look beforehand when the caller knows that there is none", async () => {
    installed();
    gitHub().post(comments).reply(201, commentJson(11, "hello"));
    expect(await attach().createComment(repo, 1, "hello", "<!-- m -->", { isMissing: true })).toMatchObject({ id: 11 });
  });

  it("once, when the forge fails after it has written it, even if the caller knew that there was none", async () => {
    installed();
    gitHub().post(comments).reply(502, {});
    listsComments(commentJson(11, "hello <!-- m -->"));
    const made = attach().createComment(repo, 1, "hello <!-- m -->", "<!-- m -->", { isMissing: true });
    expect(await made).toMatchObject({ id: 11 });
  });

  it("again after a revoked token, since a refused call wrote nothing", async () => {
    const forge = await attachAWhileAgo();
    listsComments();
    gitHub().post(comments).matchHeader("authorization", "token token-of-1").reply(401, { message: "Bad credentials" });
    gitHub().get(`${base}/installation`).reply(200, { id: 2, app_id: 7, app_slug: "afk", permissions: {} });
    mints(2);
    gitHub().post(comments).matchHeader("authorization", "token token-of-2").reply(201, commentJson(11, "hello"));
    expect(await forge.createComment(repo, 1, "hello", "<!-- m -->")).toMatchObject({ id: 11 });
  });

  it("not at all when one of ours with the marker is on a later page", async () => {
    installed();
    const full = Array.from({ length: 100 }, (_, index) => commentJson(index, "talk", "mona"));
    gitHub()
      .get(comments)
      .query({ per_page: 100, page: 1 })
      .reply(200, full, { link: `<https://api.github.com${comments}?page=2>; rel="next"` });
    gitHub()
      .get(comments)
      .query({ per_page: 100, page: 2 })
      .reply(200, [commentJson(500, "there <!-- m -->")]);
    expect(await attach().createComment(repo, 1, "hello", "<!-- m -->")).toMatchObject({ id: 500 });
  });
});

describe("a comment counts as ours", () => {
  it("not when a person wrote it through the app", async () => {
    installed();
    listsComments(commentJson(1, "x", "mona", { performed_via_github_app: { id: 7 } }));
    expect(await attach().listComments(repo, 1)).toMatchObject([{ isOurs: false }]);
  });

  it("not when a person is named almost like the app", async () => {
    installed();
    listsComments(commentJson(1, "x", "afk"));
    expect(await attach().listComments(repo, 1)).toMatchObject([{ isOurs: false }]);
  });
});

describe("a label", () => {
  const look = { color: "0e8a16", description: "Released" };
  const labels = `${base}/issues/1/labels`;

  it("gets its looks when putting it up made it", async () => {
    installed();
    gitHub()
      .post(labels, { labels: ["ready"] })
      .reply(200, [{ name: "ready", color: "ededed", description: null }]);
    const patch = gitHub().patch(`${base}/labels/ready`, look).reply(200, {});
    await attach({ describeLabel: () => look }).addLabel(repo, 1, "ready");
    expect(patch.isDone()).toBe(true);
  });

  it("keeps the looks people gave it", async () => {
    installed();
    gitHub()
      .post(labels)
      .reply(200, [{ name: "ready", color: "ff0000", description: null }]);
    await expect(attach({ describeLabel: () => look }).addLabel(repo, 1, "ready")).resolves.toBeUndefined();
  });

  it("is on the issue even if its looks are refused", async () => {
    installed();
    gitHub()
      .post(labels)
      .reply(200, [{ name: "ready", color: "ededed", description: null }]);
    gitHub().patch(`${base}/labels/ready`).reply(403, {});
    await expect(attach({ describeLabel: () => look }).addLabel(repo, 1, "ready")).resolves.toBeUndefined();
  });

  it("is put up again after a failure of the forge", async () => {
    installed();
    gitHub().post(labels).reply(503, {});
    gitHub()
      .post(labels)
      .reply(200, [{ name: "ready", color: "ff0000" }]);
    await expect(attach().addLabel(repo, 1, "ready")).resolves.toBeUndefined();
  });
});

describe("a reaction", () => {
  const reactions = `${base}/issues/comments/11/reactions`;

  it.each([200, 201])("is there, whether it was before or not (%i)", async (status) => {
    installed();
    gitHub().post(reactions, { content: "+1" }).reply(status, { id: 1, content: "+1" });
    expect(await attach().react(repo, 11, "+1")).toBe(true);
  });

  it.each([404, 410, 422])("that the comment does not take (%i) is none", async (status) => {
    installed();
    gitHub().post(reactions).reply(status, {});
    expect(await attach().react(repo, 11, "confused")).toBe(false);
  });

  it("is repeated after a failure of the forge", async () => {
    installed();
    gitHub().post(reactions).reply(502, {});
    gitHub().post(reactions).reply(200, {});
    expect(await attach().react(repo, 11, "+1")).toBe(true);
  });
});

describe("failed jobs", () => {
  const permissions = { contents: "write", issues: "write", actions: "write" };

  function jobs(runs: Readonly<Record<number, number>>): void {
    for (const [id, run_id] of Object.entries(runs))
      gitHub()
        .get(`${base}/actions/jobs/${id}`)
        .reply(200, { id: Number(id), run_id });
  }

  function rerun(run: number, status: number): nock.Scope {
    return gitHub().post(`${base}/actions/runs/${run}/rerun-failed-jobs`).reply(status, {});
  }

  it("run again once per workflow run", async () => {
    installed({ permissions });
    jobs({ 1: 70, 2: 70, 3: 80 });
    const [first, second] = [rerun(70, 201), rerun(80, 201)];
    expect(await attach().rerunFailed(repo, [1, 2, 3])).toBe(true);
    expect([first.isDone(), second.isDone()]).toEqual([true, true]);
  });

  it.each([403, 404, 409, 422])("do not run again when the forge refuses (%i)", async (status) => {
    installed({ permissions });
    jobs({ 1: 70 });
    rerun(70, status);
    expect(await attach().rerunFailed(repo, [1])).toBe(false);
  });

  it("run again where they can, even if others cannot", async () => {
    installed({ permissions });
    jobs({ 1: 70, 2: 80 });
    rerun(70, 409);
    rerun(80, 201);
    expect(await attach().rerunFailed(repo, [1, 2])).toBe(true);
  });

  it("of another CI cannot be run again", async () => {
    installed({ permissions });
    gitHub().get(`${base}/actions/jobs/1`).reply(404, {});
    expect(await attach().rerunFailed(repo, [1])).toBe(false);
  });

  it("are asked to run again once, whatever becomes of the answer", async () => {
    installed({ permissions });
    jobs({ 1: 70 });
    rerun(70, 502);
    const again = rerun(70, 201);
    await expect(attach().rerunFailed(repo, [1])).rejects.toMatchObject({ status: 502 });
    expect(again.isDone()).toBe(false);
  });

  it("beyond the first ten are left alone", async () => {
    installed({ permissions });
    const ids = Array.from({ length: 12 }, (_, index) => index + 1);
    jobs(Object.fromEntries(ids.slice(0, 10).map((id) => [id, 70])));
    rerun(70, 201);
    expect(await attach().rerunFailed(repo, ids)).toBe(true);
  });
});

describe("the credential for git", () => {
  it("is narrowed to the one repo and to its contents", async () => {
    gitHub().get(`${base}/installation`).reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: {} });
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    gitHub()
      .post("/app/installations/1/access_tokens", { repositories: ["widgets"], permissions: { contents: "write" } })
      .reply(201, { token: "narrow", expires_at });
    expect(await attach().remote(repo).credential()).toEqual({ username: "x-access-token", token: "narrow" });
  });

  it("is handed out again while it is fresh", async () => {
    gitHub().get(`${base}/installation`).reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: {} });
    mints(1, "only-one");
    const remote = attach().remote(repo);
    await remote.credential();
    expect((await remote.credential()).token).toBe("only-one");
  });

  it("is minted anew five minutes before its end", async () => {
    gitHub().get(`${base}/installation`).reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: {} });
    const expires_at = new Date(Date.now() + 299_000).toISOString();
    gitHub().post("/app/installations/1/access_tokens").reply(201, { token: "about-to-end", expires_at });
    mints(1, "fresh");
    const remote = attach().remote(repo);
    await remote.credential();
    expect((await remote.credential()).token).toBe("fresh");
  });

  it("is minted anew once the forge takes it no more", async () => {
    gitHub().get(`${base}/installation`).reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: {} });
    mints(1, "expired");
    mints(1, "fresh");
    const remote = attach().remote(repo);
    const expired = await remote.credential();
    expect([(await remote.credential(expired)).token, (await remote.credential(expired)).token]).toEqual(["fresh", "fresh"]);
  });

  it("belongs to a url without any secret", () => {
    expect(attach().remote(repo).url).toBe("https://github.com/acme/widgets.git");
  });
});
