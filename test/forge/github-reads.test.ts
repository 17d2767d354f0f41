import nock from "nock";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { attach, attachAWhileAgo, base, commentJson, gitHub, installed, issueJson, mints, repo, repoJson } from "../support/github-nock.ts";

beforeEach(() => nock.disableNetConnect());
afterEach(() => {
  vi.useRealTimers();
  nock.cleanAll();
  nock.enableNetConnect();
});

const issue = `${base}/issues/1`;

function page(number: number): { per_page: number; page: number } {
  return { per_page: 100, page: number };
}

function run(id: number): object {
  return { id, name: `job ${id}`, status: "completed", conclusion: "success", app: { slug: "github-actions" } };
}

function commit(sha: string, ...parents: readonly string[]): object {
  return { sha, parents: parents.map((parent) => ({ sha: parent })) };
}

describe("a read", () => {
  it("names the version of the API it was written against", async () => {
    installed();
    gitHub().get(issue).matchHeader("x-github-api-version", "2022-11-28").reply(200, issueJson(1));
    expect(await attach().readIssue(repo, 1)).toMatchObject({ number: 1 });
  });

  it("is free when nothing changed: the remembered answer stands", async () => {
    installed();
    gitHub()
      .get(issue)
      .reply(200, issueJson(1, { title: "remembered" }), { etag: 'W/"one"' });
    gitHub().get(issue).matchHeader("if-none-match", 'W/"one"').reply(304);
    const forge = attach();
    await forge.readIssue(repo, 1);
    expect(await forge.readIssue(repo, 1)).toMatchObject({ title: "remembered" });
  });

  it("forgets the remembered answer when there is a new one", async () => {
    installed();
    gitHub()
      .get(issue)
      .reply(200, issueJson(1, { title: "old" }), { etag: 'W/"one"' });
    gitHub()
      .get(issue)
      .reply(200, issueJson(1, { title: "new" }), { etag: 'W/"two"' });
    const forge = attach();
    await forge.readIssue(repo, 1);
    expect(await forge.readIssue(repo, 1)).toMatchObject({ title: "new" });
  });

  it("is repeated when the connection breaks", async () => {
    installed();
    gitHub()
      .get(issue)
      .replyWithError(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    gitHub().get(issue).reply(200, issueJson(1));
    expect(await attach().readIssue(repo, 1)).toMatchObject({ number: 1 });
  });

  it("is repeated when the forge fails", async () => {
    installed();
    gitHub().get(issue).reply(502, "bad gateway");
    gitHub().get(issue).reply(200, issueJson(1));
    expect(await attach().readIssue(repo, 1)).toMatchObject({ number: 1 });
  });

  it("fails without a status when the forge is out of reach", async () => {
    installed();
    gitHub().get(issue).twice().replyWithError(new Error("connect ECONNREFUSED"));
    await expect(attach().readIssue(repo, 1)).rejects.toMatchObject({ name: "ForgeError", status: undefined });
  });

  it("fails when the answer is none that it knows", async () => {
    installed();
    gitHub().get(issue).reply(200, { surprise: true });
    await expect(attach().readIssue(repo, 1)).rejects.toMatchObject({ name: "ForgeError", status: 200 });
  });

  it("fails when it is forbidden", async () => {
    installed();
    gitHub().get(issue).reply(403, { message: "Resource not accessible by integration" });
    await expect(attach().readIssue(repo, 1)).rejects.toMatchObject({ name: "ForgeError", status: 403 });
  });
});

describe("a list", () => {
  const comments = `${issue}/comments`;
  const full = Array.from({ length: 100 }, (_, index) => commentJson(index, "talk", "mona"));

  it("is read to its last page", async () => {
    installed();
    gitHub()
      .get(comments)
      .query(page(1))
      .reply(200, full, { link: `<https://api.github.com${comments}?page=2>; rel="next"` });
    gitHub()
      .get(comments)
      .query(page(2))
      .reply(200, [commentJson(100, "last", "mona")]);
    expect(await attach().listComments(repo, 1)).toHaveLength(101);
  });

  it("does not miss what came after a remembered full page", async () => {
    installed();
    gitHub().get(comments).query(page(1)).reply(200, full, { etag: '"full"' });
    gitHub().get(comments).query(page(1)).matchHeader("if-none-match", '"full"').reply(304);
    gitHub()
      .get(comments)
      .query(page(2))
      .reply(200, [commentJson(100, "new", "mona")]);
    const forge = attach();
    await forge.listComments(repo, 1);
    expect(await forge.listComments(repo, 1)).toHaveLength(101);
  });

  it("of issues has no pull requests", async () => {
    installed();
    gitHub()
      .get(`${base}/issues`)
      .query(true)
      .reply(200, [issueJson(1), issueJson(2, { pull_request: { url: "x" } })]);
    expect(await attach().listIssues(repo, "ready")).toMatchObject([{ number: 1 }]);
  });
});

describe("an installation", () => {
  it("is asked for once, however many ask", async () => {
    installed();
    gitHub().get(issue).reply(200, issueJson(1));
    gitHub().get(`${base}/issues/2`).reply(200, issueJson(2));
    const forge = attach();
    expect(await Promise.all([forge.readIssue(repo, 1), forge.readIssue(repo, 2)])).toMatchObject([{ number: 1 }, { number: 2 }]);
  });

  it("that is gone leaves no repo", async () => {
    gitHub().get(`${base}/installation`).reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: {} });
    gitHub().post("/app/installations/1/access_tokens").reply(404, { message: "Not Found" });
    gitHub().get(`${base}/installation`).reply(404, { message: "Not Found" });
    expect(await attach().readRepo(repo)).toBeUndefined();
  });

  it("that is suspended leaves no repo", async () => {
    const answer = { id: 1, app_id: 7, app_slug: "afk", permissions: {}, suspended_at: "2026-01-01T00:00:00Z" };
    gitHub().get(`${base}/installation`).reply(200, answer);
    expect(await attach().readRepo(repo)).toBeUndefined();
  });

  it("that replaced another is found after a 401", async () => {
    const forge = await attachAWhileAgo();
    gitHub().get(base).matchHeader("authorization", "token token-of-1").reply(401, { message: "Bad credentials" });
    installed({ id: 2 });
    gitHub().get(base).matchHeader("authorization", "token token-of-2").reply(200, repoJson());
    expect(await forge.readRepo(repo)).toMatchObject({ id: 42 });
  });

  it("gets a new token when its old one was revoked", async () => {
    const forge = await attachAWhileAgo();
    gitHub().get(base).matchHeader("authorization", "token token-of-1").reply(401, { message: "Bad credentials" });
    gitHub().get(`${base}/installation`).reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: {} });
    mints(1, "newer");
    gitHub().get(base).matchHeader("authorization", "token newer").reply(200, repoJson());
    expect(await forge.readRepo(repo)).toMatchObject({ id: 42 });
  });

  it("is given up after a second 401", async () => {
    const forge = await attachAWhileAgo();
    gitHub().get(base).reply(401, { message: "Bad credentials" });
    gitHub().get(`${base}/installation`).reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: {} });
    gitHub().post("/app/installations/1/access_tokens").reply(401, { message: "Bad credentials" });
    await expect(forge.readRepo(repo)).rejects.toMatchObject({ name: "ForgeError", status: 401 });
  });

  it("without write access to contents may not push, and is asked for again", async () => {
    installed({ permissions: { contents: "read", issues: "write" } });
    gitHub()
      .get(`${base}/installation`)
      .reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: { contents: "write", issues: "write" } });
    gitHub().get(base).twice().reply(200, repoJson());
    const forge = attach();
    const before = await forge.readRepo(repo);
    const after = await forge.readRepo(repo);
    expect([before?.mayPush, after?.mayPush]).toEqual([false, true]);
  });
});

describe("a rate limit", () => {
  it.each([
    ["secondary", { "retry-after": "30" }],
    ["primary", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.ceil(Date.now() / 1000) + 600) }],
  ])("of the %s kind is an error with status 429", async (_kind, headers) => {
    installed();
    gitHub().get(issue).reply(403, { message: "slow down" }, headers);
    await expect(attach().readIssue(repo, 1)).rejects.toMatchObject({ name: "ForgeError", status: 429 });
  });

  it("is not slept through by the client's throttle", async () => {
    installed();
    gitHub()
      .get(issue)
      .reply(403, {}, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.ceil(Date.now() / 1000) + 600) });
    await expect(attach({}, { throttle: true }).readIssue(repo, 1)).rejects.toMatchObject({ status: 429 });
  });

  it("keeps the next calls from being sent", async () => {
    installed();
    gitHub().get(issue).reply(403, {}, { "retry-after": "30" });
    const second = gitHub().get(`${base}/issues/2`).reply(200, issueJson(2));
    const forge = attach();
    await expect(forge.readIssue(repo, 1)).rejects.toMatchObject({ status: 429 });
    await expect(forge.readIssue(repo, 2)).rejects.toMatchObject({ status: 429 });
    expect(second.isDone()).toBe(false);
  });
});

describe("a repo's new comments", () => {
  const list = `${base}/issues/comments`;
  const since = { notBefore: "2026-01-01T00:00:00Z" };
  const query = (number: number) => ({ sort: "created", direction: "desc", ...page(number) });

  it("cost nothing while nobody comments, whatever is asked for", async () => {
    installed();
    gitHub()
      .get(list)
      .query(query(1))
      .reply(200, [commentJson(2, "/afk retry", "mona"), commentJson(1, "/afk status", "mona")], { etag: '"one"' });
    gitHub().get(list).query(query(1)).matchHeader("if-none-match", '"one"').twice().reply(304);
    const forge = attach();
    await forge.listNewComments(repo, since);
    expect(await forge.listNewComments(repo, { ...since, after: 1 })).toMatchObject([{ id: 2, body: "/afk retry" }]);
    expect(await forge.listNewComments(repo, { ...since, after: 2 })).toEqual([]);
  });

  it("are without those on pull requests", async () => {
    installed();
    const onPull = {
      html_url: "https://github.com/acme/widgets/pull/3#issuecomment-2",
      issue_url: `https://api.github.com${base}/issues/3`,
    };
    gitHub()
      .get(list)
      .query(true)
      .reply(200, [commentJson(2, "/afk retry", "mona", onPull), commentJson(1, "/afk status", "mona")]);
    expect(await attach().listNewComments(repo, since)).toMatchObject([{ id: 1, issue: 1 }]);
  });

  it("are without the bodies that hold no command", async () => {
    installed();
    gitHub()
      .get(list)
      .query(true)
      .reply(200, [commentJson(2, "long talk", "mona"), commentJson(1, "so:\n/AFK status", "mona")]);
    expect((await attach().listNewComments(repo, since)).map(({ body }) => body)).toEqual(["", "so:\n/AFK status"]);
  });

  it("are not asked for further back than wanted", async () => {
    installed();
    const old = { created_at: "2025-12-31T23:59:59Z" };
    gitHub()
      .get(list)
      .query(query(1))
      .reply(200, [commentJson(9, "/afk retry", "mona"), commentJson(8, "/afk retry", "mona", old)], {
        link: `<https://api.github.com${list}?page=2>; rel="next"`,
      });
    expect((await attach().listNewComments(repo, since)).map(({ id }) => id)).toEqual([9]);
  });

  it("come once each, even if others come while the pages are read", async () => {
    installed();
    const ids = Array.from({ length: 100 }, (_, index) => 200 - index);
    gitHub()
      .get(list)
      .query(query(1))
      .reply(
        200,
        ids.map((id) => commentJson(id, "/afk help", "mona")),
        { link: `<https://api.github.com${list}?page=2>; rel="next"` },
      );
    gitHub()
      .get(list)
      .query(query(2))
      .reply(200, [commentJson(101, "/afk help", "mona"), commentJson(100, "/afk help", "mona")]);
    expect(await attach().listNewComments(repo, since)).toHaveLength(101);
  });

  it("are at most 1,000", async () => {
    installed();
    for (let number = 1; number <= 10; number += 1) {
      const ids = Array.from({ length: 100 }, (_, index) => 5000 - number * 100 - index);
      gitHub()
        .get(list)
        .query(query(number))
        .reply(
          200,
          ids.map((id) => commentJson(id, "/afk help", "mona")),
          { link: `<https://api.github.com${list}?page=${number + 1}>; rel="next"` },
        );
    }
    expect(await attach().listNewComments(repo, since)).toHaveLength(1000);
  });
});

describe("a comment", () => {
  it.each([
    ["2026-01-01T00:00:00Z", false],
    ["2026-01-01T00:00:09Z", true],
  ])("changed at %s: edited is %s", async (updated_at, isEdited) => {
    installed();
    gitHub()
      .get(`${issue}/comments`)
      .query(true)
      .reply(200, [commentJson(1, "x", "mona", { updated_at })]);
    expect(await attach().listComments(repo, 1)).toMatchObject([{ isEdited, authorId: 9, authorIsBot: false }]);
  });
});

describe("a repo", () => {
  it.each([
    ["write", true],
    ["read", false],
  ])("with the permission actions: %s: may re-run jobs is %s", async (actions, mayRerunJobs) => {
    installed({ permissions: { contents: "write", issues: "write", actions } });
    gitHub().get(base).reply(200, repoJson());
    expect(await attach().readRepo(repo)).toMatchObject({ mayRerunJobs });
  });

  it("is not asked for again within a minute", async () => {
    installed();
    gitHub().get(base).reply(200, repoJson());
    const forge = attach();
    await forge.readRepo(repo);
    expect(await forge.readRepo(repo)).toMatchObject({ id: 42 });
  });
});

describe("an issue", () => {
  it("that was deleted is not there", async () => {
    installed();
    gitHub().get(issue).reply(410, { message: "This issue was deleted" });
    expect(await attach().readIssue(repo, 1)).toBeUndefined();
  });

  it("that was transferred is not there", async () => {
    installed();
    const elsewhere = "https://api.github.com/repos/acme/gadgets";
    gitHub()
      .get(issue)
      .reply(301, {}, { location: `${elsewhere}/issues/9` });
    gitHub()
      .get("/repos/acme/gadgets/issues/9")
      .reply(200, issueJson(9, { repository_url: elsewhere }));
    gitHub().get(base).reply(200, repoJson());
    expect(await attach().readIssue(repo, 1)).toBeUndefined();
  });

  it("is there after its repo was renamed", async () => {
    installed();
    gitHub().get(issue).reply(301, {}, { location: "https://api.github.com/repositories/42/issues/1" });
    gitHub()
      .get("/repositories/42/issues/1")
      .reply(200, issueJson(1, { repository_url: "https://api.github.com/repos/acme/gizmos" }));
    gitHub().get(base).reply(301, {}, { location: "https://api.github.com/repositories/42" });
    gitHub()
      .get("/repositories/42")
      .reply(200, repoJson({ name: "gizmos" }));
    expect(await attach().readIssue(repo, 1)).toMatchObject({ number: 1 });
  });

  it("is there right after its repo was renamed, when the old name is still remembered", async () => {
    installed();
    gitHub().get(base).reply(200, repoJson());
    const forge = attach();
    await forge.readRepo(repo);
    gitHub()
      .get(issue)
      .reply(200, issueJson(1, { repository_url: "https://api.github.com/repos/acme/gizmos" }));
    gitHub()
      .get(base)
      .reply(200, repoJson({ name: "gizmos" }));
    expect(await forge.readIssue(repo, 1)).toMatchObject({ number: 1 });
  });

  it("that is a pull request is not there", async () => {
    installed();
    gitHub()
      .get(issue)
      .reply(200, issueJson(1, { pull_request: { url: "x" } }));
    expect(await attach().readIssue(repo, 1)).toBeUndefined();
  });

  it("tells how many comments and blockers it has, where the server says so", async () => {
    installed();
    gitHub()
      .get(issue)
      .reply(200, issueJson(1, { comments: 2, issue_dependencies_summary: { blocked_by: 0, total_blocked_by: 3 } }));
    expect(await attach().readIssue(repo, 1)).toMatchObject({ commentCount: 2, blockerCount: 3 });
  });

  it("has unknown blockers on a server without dependencies", async () => {
    installed();
    gitHub().get(`${issue}/dependencies/blocked_by`).query(true).reply(404, {});
    expect(await attach().readBlockers(repo, 1)).toBeUndefined();
  });
});

describe("a permission", () => {
  it.each([
    ["admin", "admin"],
    ["write", "write"],
    ["read", "read"],
    ["none", "none"],
    ["push", "write"],
    ["constructor", "none"],
  ])("said as %s is %s", async (word, permission) => {
    installed();
    gitHub().get(`${base}/collaborators/mona/permission`).reply(200, { permission: word });
    expect(await attach().readPermission(repo, "mona")).toBe(permission);
  });
});

describe("a branch", () => {
  const branch = `${base}/branches/main`;
  const rules = `${base}/rules/branches/main`;

  it.each([
    ["pull_request", true],
    ["required_status_checks", true],
    ["required_signatures", true],
    ["update", true],
    ["non_fast_forward", false],
    ["deletion", false],
  ])("with the rule %s: protected is %s", async (type, isProtected) => {
    installed();
    gitHub()
      .get(branch)
      .reply(200, { commit: { sha: "abc" }, protected: false });
    gitHub().get(rules).query(true).reply(200, [{ type }]);
    expect(await attach().readBranch(repo, "main")).toEqual({ sha: "abc", isProtected });
  });

  it.each([403, 404])("is not protected by rulesets that the server does not have (%i)", async (status) => {
    installed();
    gitHub()
      .get(branch)
      .reply(200, { commit: { sha: "abc" }, protected: false });
    gitHub().get(rules).query(true).reply(status, {});
    expect((await attach().readBranch(repo, "main"))?.isProtected).toBe(false);
  });

  it("is asked for its rules once in a while only", async () => {
    installed();
    gitHub()
      .get(branch)
      .twice()
      .reply(200, { commit: { sha: "abc" }, protected: false });
    gitHub()
      .get(rules)
      .query(true)
      .reply(200, [{ type: "pull_request" }]);
    const forge = attach();
    await forge.readBranch(repo, "main");
    expect((await forge.readBranch(repo, "main"))?.isProtected).toBe(true);
  });
});

describe("a file", () => {
  it("that the forge hands out without content is an error, not an empty file", async () => {
    installed();
    gitHub()
      .get(`${base}/contents/big.txt`)
      .query({ ref: "main" })
      .reply(200, { type: "file", encoding: "none", content: "", size: 2_000_000 });
    await expect(attach().readFile(repo, "main", "big.txt")).rejects.toMatchObject({ name: "ForgeError" });
  });
});

describe("a file that is there", () => {
  it("is asked for by itself, whatever else the branch got since", async () => {
    installed();
    const file = `${base}/contents/afk.yml`;
    const content = Buffer.from("ci: {}\n").toString("base64");
    gitHub()
      .get(`${base}/branches/main`)
      .reply(200, { commit: { sha: "abc" } });
    gitHub().get(file).query({ ref: "main" }).reply(200, { type: "file", encoding: "base64", content }, { etag: '"blob"' });
    gitHub().get(file).query({ ref: "main" }).matchHeader("if-none-match", '"blob"').reply(304);
    const forge = attach();
    await forge.readFile(repo, "main", "afk.yml");
    expect(await forge.readFile(repo, "main", "afk.yml")).toBe("ci: {}\n");
  });

  it("is not there any more once it was removed", async () => {
    installed();
    const file = `${base}/contents/afk.yml`;
    gitHub()
      .get(`${base}/branches/main`)
      .twice()
      .reply(200, { commit: { sha: "abc" } });
    gitHub().get(file).query({ ref: "main" }).reply(200, { type: "file", encoding: "base64", content: "" });
    gitHub().get(file).query({ ref: "main" }).twice().reply(404, {});
    const forge = attach();
    await forge.readFile(repo, "main", "afk.yml");
    expect(await forge.readFile(repo, "main", "afk.yml")).toBeUndefined();
  });
});

describe("a file that is not there", () => {
  it("is not asked for again until the branch has moved", async () => {
    installed();
    gitHub()
      .get(`${base}/branches/main`)
      .reply(200, { commit: { sha: "abc" } }, { etag: '"abc"' });
    gitHub().get(`${base}/branches/main`).matchHeader("if-none-match", '"abc"').reply(304);
    gitHub().get(`${base}/contents/afk.yml`).query({ ref: "main" }).reply(404, {});
    const forge = attach();
    await forge.readFile(repo, "main", "afk.yml");
    expect(await forge.readFile(repo, "main", "afk.yml")).toBeUndefined();
  });

  it("is found once the branch has it", async () => {
    installed();
    gitHub()
      .get(`${base}/branches/main`)
      .reply(200, { commit: { sha: "abc" } });
    gitHub()
      .get(`${base}/branches/main`)
      .reply(200, { commit: { sha: "def" } });
    gitHub().get(`${base}/contents/afk.yml`).query({ ref: "main" }).reply(404, {});
    const content = Buffer.from("ci: {}\n").toString("base64");
    gitHub().get(`${base}/contents/afk.yml`).query({ ref: "main" }).reply(200, { type: "file", encoding: "base64", content });
    const forge = attach();
    await forge.readFile(repo, "main", "afk.yml");
    expect(await forge.readFile(repo, "main", "afk.yml")).toBe("ci: {}\n");
  });
});

describe("a commit", () => {
  const runs = `${base}/commits/abc/check-runs`;
  const statuses = `${base}/commits/abc/statuses`;

  it.each([403, 404, 422])("whose checks the forge will not tell (%i) is unknown, never without checks", async (status) => {
    installed();
    gitHub().get(runs).query(true).reply(status, {});
    gitHub().get(statuses).query(true).reply(200, []);
    expect(await attach().readCommit(repo, "abc")).toMatchObject({ kind: "unknown" });
  });

  it("whose statuses the forge will not tell is unknown too", async () => {
    installed();
    gitHub().get(runs).query(true).reply(200, { total_count: 0, check_runs: [] });
    gitHub().get(statuses).query(true).reply(403, {});
    expect(await attach().readCommit(repo, "abc")).toMatchObject({ kind: "unknown" });
  });

  it("is an error while the forge fails", async () => {
    installed();
    gitHub().get(runs).query(true).twice().reply(500, {});
    gitHub().get(statuses).query(true).reply(200, []);
    await expect(attach().readCommit(repo, "abc")).rejects.toMatchObject({ status: 500 });
  });

  it("has the check runs of every page", async () => {
    installed();
    const first = Array.from({ length: 100 }, (_, index) => run(index));
    const link = `<https://api.github.com${runs}?page=2>; rel="next"`;
    gitHub().get(runs).query({ filter: "latest", per_page: 100, page: 1 }).reply(200, { total_count: 101, check_runs: first }, { link });
    gitHub()
      .get(runs)
      .query({ filter: "latest", per_page: 100, page: 2 })
      .reply(200, { total_count: 101, check_runs: [run(100)] });
    gitHub().get(statuses).query(true).reply(200, []);
    const facts = await attach().readCommit(repo, "abc");
    expect(facts.kind === "known" ? facts.checks.length : 0).toBe(101);
  });

  it("takes a conclusion for one only once the run is completed", async () => {
    installed();
    const rerun = { id: 1, name: "test", status: "in_progress", conclusion: "success", app: null };
    gitHub()
      .get(runs)
      .query(true)
      .reply(200, { total_count: 1, check_runs: [rerun] });
    gitHub().get(statuses).query(true).reply(200, []);
    expect(await attach().readCommit(repo, "abc")).toMatchObject({ checks: [{ conclusion: undefined }] });
  });

  it("has no descendants among what a merge brought in from beside", async () => {
    installed();
    const commits = [commit("beside", "older"), commit("merge", "abc", "beside"), commit("next", "merge")];
    gitHub().get(`${base}/compare/abc...main`).query(true).reply(200, { status: "ahead", commits });
    expect(await attach().listCommitsSince(repo, "abc", "main")).toEqual(["merge", "next"]);
  });
});
