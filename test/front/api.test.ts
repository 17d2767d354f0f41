import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbeddedForge, type EmbeddedForge } from "../../demo/front/embedded-forge.ts";
import { appJwt, createWorkspace, mint, remote, request, type Loose } from "./support.ts";

const repo = "alice/calc";

describe("the forge's API", () => {
  let forge: EmbeddedForge;
  let token: string;

  beforeAll(async () => {
    forge = await startEmbeddedForge({
      users: [{ login: "alice" }, { login: "bob", permission: "write" }, { login: "rita", permission: "read" }, { login: "eve" }],
      repos: [
        { owner: "alice", name: "calc", files: { "src/add.js": "export const add = (a, b) => a + b;\n", "run.sh": "#!/bin/sh\n" } },
        { owner: "alice", name: "open", private: false, files: { "README.md": "open\n" } },
      ],
    });
    token = await mint(forge, repo);
  });
  afterAll(() => forge.close());

  async function openIssue(body: object = {}, as = "alice"): Promise<Loose> {
    return forge.api(as, "POST", `/repos/${repo}/issues`, { title: "an issue", ...body });
  }

  describe("tells who is who", () => {
    it.each(["guessed", "ghs_guessed", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"])("401 for the token %s", async (bad) => {
      expect((await request(forge, bad, "GET", `/repos/${repo}`)).status).toBe(401);
    });

    it("the App by its JWT: GET /app and the repo's installation", async () => {
      expect((await request(forge, appJwt(forge), "GET", "/app")).json).toMatchObject({ id: forge.appId, slug: forge.appSlug });
      expect((await request(forge, appJwt(forge), "GET", `/repos/${repo}/installation`)).json).toMatchObject({
        app_id: forge.appId,
        permissions: { contents: "write" },
      });
      expect((await request(forge, token, "GET", `/repos/${repo}/installation`)).status).toBe(401);
    });

    it("the App's bot as author of its comments", async () => {
      const { number } = await openIssue();
      const comment = await request(forge, token, "POST", `/repos/${repo}/issues/${number}/comments`, { body: "hello" });
      expect(comment.json.user).toMatchObject({ login: "afk[bot]", type: "Bot" });
      expect((await request(forge, token, "GET", "/users/afk%5Bbot%5D")).json.type).toBe("Bot");
    });

    it.each([
      ["alice", "admin"],
      ["bob", "write"],
      ["rita", "read"],
      ["eve", "none"],
    ])("permission of %s is %s", async (login, permission) => {
      expect((await request(forge, token, "GET", `/repos/${repo}/collaborators/${login}/permission`)).json.permission).toBe(permission);
    });

    it("permission of nobody is 404, of an outsider to a public repo read", async () => {
      expect((await request(forge, token, "GET", `/repos/${repo}/collaborators/nobody/permission`)).status).toBe(404);
      expect((await request(forge, token, "GET", "/repos/alice/open/collaborators/eve/permission")).json.permission).toBe("read");
    });

    it("follows a change of permission", async () => {
      await forge.api("alice", "PUT", `/repos/${repo}/collaborators/rita`, { permission: "push" });
      expect((await request(forge, token, "GET", `/repos/${repo}/collaborators/rita/permission`)).json.permission).toBe("write");
      await forge.api("alice", "PUT", `/repos/${repo}/collaborators/rita`, { permission: "pull" });
      expect((await request(forge, token, "GET", `/repos/${repo}/collaborators/rita/permission`)).json.permission).toBe("read");
    });

    it("shows the repo with the caller's own rights, and hides a private one from outsiders", async () => {
      expect((await request(forge, token, "GET", `/repos/${repo}`)).json.permissions).toMatchObject({ admin: false, push: true });
      const narrow = await mint(forge, repo, { permissions: { contents: "read" } });
      expect((await request(forge, narrow, "GET", `/repos/${repo}`)).json.permissions).toMatchObject({ push: false, pull: true });
      expect((await request(forge, forge.tokenOf("eve"), "GET", `/repos/${repo}`)).status).toBe(404);
    });

    it("lists the repos of an installation token", async () => {
      const names = async (narrowing: object): Promise<string[]> =>
        (await request(forge, await mint(forge, repo, narrowing), "GET", "/installation/repositories")).json.repositories.map(
          (each: Loose) => each.full_name,
        );
      expect(await names({})).toEqual([repo, "alice/open"]);
      expect(await names({ repositories: ["open"] })).toEqual(["alice/open"]);
    });

    it("refuses what a token was not granted", async () => {
      const narrow = await mint(forge, repo, { permissions: { issues: "write" } });
      expect((await request(forge, narrow, "GET", `/repos/${repo}/contents/run.sh`)).status).toBe(403);
      expect((await request(forge, narrow, "GET", `/repos/${repo}/commits/main/check-runs`)).status).toBe(403);
    });

    it("makes a label that is new to the repository grey, and leaves one that is there as it is", async () => {
      const { number } = await openIssue({ labels: ["born with it"] });
      await forge.api("alice", "POST", `/repos/${repo}/labels`, { name: "chosen", color: "0e8a16" });
      await forge.api("alice", "POST", `/repos/${repo}/issues/${number}/labels`, { labels: ["put on", "chosen"] });
      const { labels } = await forge.api("alice", "GET", `/repos/${repo}/issues/${number}`);
      const colors = labels.map(({ name, color }: Loose) => [name, color]);
      expect(colors).toEqual([
        ["born with it", "ededed"],
        ["put on", "ededed"],
        ["chosen", "0e8a16"],
      ]);
    });

    it("lets nobody label who may not write", async () => {
      const { number } = await openIssue({ labels: ["ready"] }, "rita");
      expect((await forge.api("alice", "GET", `/repos/${repo}/issues/${number}`)).labels).toEqual([]);
      expect(
        (await request(forge, forge.tokenOf("rita"), "POST", `/repos/${repo}/issues/${number}/labels`, { labels: ["ready"] })).status,
      ).toBe(403);
      expect((await request(forge, forge.tokenOf("rita"), "PATCH", `/repos/${repo}/issues/${number}`, { body: "mine" })).status).toBe(200);
    });

    it("refuses every installation token once they are expired", async () => {
      const old = await mint(forge, repo);
      forge.expireTokens();
      expect((await request(forge, old, "GET", `/repos/${repo}`)).status).toBe(401);
      token = await mint(forge, repo);
    });
  });

  describe("is an HTTP API like GitHub's", () => {
    it("answers 304 to a matching ETag, and does not count it", async () => {
      const path = `/repos/${repo}/issues?state=all`;
      const first = await request(forge, token, "GET", path);
      const etag = first.headers.get("etag") ?? "";
      forge.resetRequests();
      const second = await request(forge, token, "GET", path, undefined, { "if-none-match": etag });
      expect([etag.slice(0, 3), second.status, second.json]).toEqual(['W/"', 304, undefined]);
      expect(forge.requests()).toEqual({ total: 1, counted: 0, writes: 0, git: 0 });
      await openIssue();
      expect((await request(forge, token, "GET", path, undefined, { "if-none-match": etag })).status).toBe(200);
    });

    it("has a Date, and pages whose links lead back to the front", async () => {
      await openIssue();
      await openIssue();
      const { headers } = await request(forge, token, "GET", `/repos/${repo}/issues?per_page=1`);
      expect(Date.parse(headers.get("date") ?? "")).toBeGreaterThan(0);
      const next = /<([^>]+)>; rel="next"/.exec(headers.get("link") ?? "")?.[1] ?? "";
      expect(next.startsWith(`${forge.url}/api/v3/repos/${repo}/issues?`)).toBe(true);
      expect((await fetch(next, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    });

    it("names no host but its own", async () => {
      await openIssue();
      const answers = await Promise.all(
        [`/repos/${repo}`, `/repos/${repo}/issues`, "/users/alice"].map((path) => request(forge, token, "GET", path)),
      );
      const hosts = new Set(
        [...JSON.stringify(answers.map(({ json }) => json)).matchAll(/(?:localhost|127\.0\.0\.1):\d+/g)].map(([host]) => host),
      );
      expect([...hosts]).toEqual([forge.host]);
      expect(answers[0]?.json.clone_url).toBe(`${forge.url}/${repo}.git`);
    });

    it("can fail before it does anything, or after it has done it", async () => {
      const { number } = await openIssue();
      const path = `/repos/${repo}/issues/${number}/comments`;
      const count = async (): Promise<number> => (await request(forge, token, "GET", path)).json.length;
      forge.fail({ method: "POST", path: /\/comments$/, status: 503, times: 1 });
      expect((await request(forge, token, "POST", path, { body: "a" })).status).toBe(503);
      expect(await count()).toBe(0);
      forge.fail({ method: "POST", path: /\/comments$/, status: 502, times: 1, after: "commit" });
      expect((await request(forge, token, "POST", path, { body: "a" })).status).toBe(502);
      expect(await count()).toBe(1);
      expect((await request(forge, token, "POST", path, { body: "b" })).status).toBe(201);
    });

    it("can cut the connection and can ask to slow down", async () => {
      forge.fail({ path: /^\/user$/, status: 0, times: 1 });
      await expect(request(forge, token, "GET", "/user")).rejects.toThrow("fetch failed");
      forge.fail({ path: /^\/user$/, status: 429, times: 1, headers: { "retry-after": "7" } });
      expect((await request(forge, token, "GET", "/user")).headers.get("retry-after")).toBe("7");
    });

    it("goes on past the emulator's 5,000 requests for a token", async () => {
      for (let batch = 0; batch < 51; batch += 1) {
        const answers = await Promise.all(Array.from({ length: 100 }, () => request(forge, token, "GET", "/users/alice")));
        expect(answers.every(({ status }) => status === 200)).toBe(true);
      }
    }, 60_000);
  });

  describe("knows issues as GitHub does", () => {
    it("keeps label events with actor and time, renames and comments in the timeline", async () => {
      const { number } = await openIssue({ labels: ["ready"] });
      await forge.api("bob", "PATCH", `/repos/${repo}/issues/${number}`, { title: "renamed" });
      await forge.api("bob", "DELETE", `/repos/${repo}/issues/${number}/labels/ready`);
      await forge.api("alice", "POST", `/repos/${repo}/issues/${number}/comments`, { body: "hm" });
      const { json } = await request(forge, token, "GET", `/repos/${repo}/issues/${number}/timeline`);
      expect(json.map((each: Loose) => [each.event, each.actor.login, each.label?.name ?? each.rename?.to])).toEqual([
        ["labeled", "alice", "ready"],
        ["renamed", "bob", "renamed"],
        ["unlabeled", "bob", "ready"],
        ["commented", "alice", undefined],
      ]);
      expect(json.every((each: Loose) => Date.parse(each.created_at) > 0)).toBe(true);
    });

    it("tells by GraphQL when the text was last edited", async () => {
      const query =
        "query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){issue(number:$number){lastEditedAt}}}";
      const { number } = await openIssue({ body: "one" });
      const ask = async (): Promise<Loose> =>
        (await request(forge, token, "POST", "/api/graphql", { query, variables: { owner: "alice", name: "calc", number } })).json.data
          .repository.issue.lastEditedAt;
      expect(await ask()).toBeNull();
      await forge.api("alice", "PATCH", `/repos/${repo}/issues/${number}`, { body: "one", state: "closed" });
      expect(await ask()).toBeNull();
      await forge.api("alice", "PATCH", `/repos/${repo}/issues/${number}`, { body: "two" });
      expect(Date.parse(await ask())).toBeGreaterThan(0);
    });

    it("takes reactions once each", async () => {
      const { number } = await openIssue();
      const comment = await forge.api("alice", "POST", `/repos/${repo}/issues/${number}/comments`, { body: "/afk status" });
      const path = `/repos/${repo}/issues/comments/${comment.id}/reactions`;
      expect((await request(forge, token, "POST", path, { content: "eyes" })).status).toBe(201);
      expect((await request(forge, token, "POST", path, { content: "eyes" })).status).toBe(200);
      expect((await request(forge, token, "GET", path)).json).toMatchObject([{ content: "eyes", user: { login: "afk[bot]" } }]);
    });

    it("lists a repo's comments, newest first, with where they stand and whether they were edited", async () => {
      const { number } = await openIssue();
      const comment = async (body: string, on = number): Promise<Loose> =>
        forge.api("alice", "POST", `/repos/${repo}/issues/${on}/comments`, { body });
      const [one, two] = [await comment("one"), await comment("two")];
      await forge.api("alice", "PATCH", `/repos/${repo}/issues/comments/${one.id}`, { body: "changed" });
      await forge.api("alice", "DELETE", `/repos/${repo}/issues/comments/${(await comment("three")).id}`);
      const list = `/repos/${repo}/issues/comments?sort=created&direction=desc&per_page=2`;
      const { json, headers } = await request(forge, token, "GET", list);
      expect(json.map((each: Loose) => [each.id, each.body, each.updated_at !== each.created_at])).toEqual([
        [two.id, "two", false],
        [one.id, "changed", true],
      ]);
      expect(json[0].issue_url).toMatch(new RegExp(`/repos/${repo}/issues/${number}$`));
      const again = await request(forge, token, "GET", list, undefined, { "if-none-match": headers.get("etag") ?? "" });
      expect([again.status, headers.get("link")]).toEqual([304, expect.stringContaining('rel="next"')]);
    });

    it("links comments on a pull request to it", async () => {
      await forge.commit("bob", repo, { branch: "talked-about", files: { "talk.txt": "x" }, message: "Talk" });
      const { number } = await forge.api("bob", "POST", `/repos/${repo}/pulls`, { title: "Talk", head: "talked-about", base: "main" });
      const comment = await forge.api("alice", "POST", `/repos/${repo}/issues/${number}/comments`, { body: "hm" });
      expect(comment.html_url).toBe(`${forge.url}/${repo}/pull/${number}#issuecomment-${comment.id}`);
    });

    it("lists what blocks an issue", async () => {
      const [blocked, blocker] = [await openIssue(), await openIssue()];
      const path = `/repos/${repo}/issues/${blocked.number}/dependencies/blocked_by`;
      expect((await request(forge, token, "GET", path)).json).toEqual([]);
      await forge.api("alice", "POST", path, { issue_id: blocker.id });
      await forge.addBlocker(repo, blocked.number, { number: (await openIssue()).number });
      expect((await request(forge, token, "GET", path)).json).toMatchObject([{ number: blocker.number, state: "open" }, { state: "open" }]);
    });
  });

  describe("answers git data from the pushed repository", () => {
    it("binary files, modes, links and folders", async () => {
      const workspace = await createWorkspace();
      await workspace.git("clone", "--quiet", remote(forge, repo, token), ".");
      const bytes = Buffer.from([0, 255, 1, 254, 10, 13]);
      await writeFile(join(workspace.directory, "image.bin"), bytes);
      await workspace.git(
        "update-index",
        "--add",
        "--cacheinfo",
        `120000,${(await workspace.git("hash-object", "-w", "run.sh")).stdout},link`,
      );
      await workspace.git("add", "image.bin");
      await workspace.git("commit", "--quiet", "-m", "Binary");
      await workspace.git("push", "--quiet", "origin", "HEAD:refs/heads/binary");
      await workspace.remove();
      const contents = async (path: string): Promise<Loose> =>
        (await request(forge, token, "GET", `/repos/${repo}/contents/${path}?ref=binary`)).json;
      expect(Buffer.from((await contents("image.bin")).content, "base64")).toEqual(bytes);
      expect((await contents("link")).type).toBe("symlink");
      expect((await contents("src")).map((each: Loose) => [each.type, each.path])).toEqual([["file", "src/add.js"]]);
      expect((await contents("missing")).message).toBe("Not Found");
    });

    it("comparisons, commits and refs", async () => {
      const sha = await forge.commit("bob", repo, { branch: "topic", files: { "new.txt": "one\n" }, message: "Add a file\n\nand say why" });
      await forge.commit("bob", repo, { branch: "topic", files: { "new.txt": "one\ntwo\n" }, message: "More" });
      const compare = await request(forge, token, "GET", `/repos/${repo}/compare/${sha}...topic`);
      expect(compare.json).toMatchObject({
        status: "ahead",
        ahead_by: 1,
        behind_by: 0,
        files: [{ filename: "new.txt", status: "modified", additions: 1, deletions: 0 }],
      });
      expect((await request(forge, token, "GET", `/repos/${repo}/commits/${sha}`)).json).toMatchObject({
        sha,
        commit: { message: "Add a file\n\nand say why", author: { name: "bob" } },
      });
      const created = await request(forge, token, "POST", `/repos/${repo}/git/refs`, { ref: "refs/heads/made", sha });
      expect([created.status, created.json.object.sha]).toEqual([201, sha]);
      expect((await request(forge, token, "POST", `/repos/${repo}/git/refs`, { ref: "refs/heads/made", sha })).status).toBe(422);
      expect((await request(forge, token, "DELETE", `/repos/${repo}/git/refs/heads/made`)).status).toBe(204);
      expect((await request(forge, token, "GET", `/repos/${repo}/git/ref/heads/made`)).status).toBe(404);
    });

    it.each(["--output=x", "main..HEAD", "HEAD@{1}", "../../x"])("and lets no request put %s into git's arguments", async (ref) => {
      expect((await request(forge, token, "GET", `/repos/${repo}/contents/run.sh?ref=${encodeURIComponent(ref)}`)).status).toBe(404);
    });
  });

  describe("merges pull requests with git", () => {
    it("opens, follows pushes to the branch, merges", async () => {
      const sha = await forge.commit("bob", repo, { branch: "feature", files: { "src/add.js": "// better\n" }, message: "Better" });
      const from = await forge.commit("bob", repo, { branch: "main", files: { "other.txt": "x" }, message: "Other" });
      const branched = await forge.api("bob", "POST", `/repos/${repo}/git/refs`, { ref: "refs/heads/work", sha: from });
      expect(branched.ref).toBe("refs/heads/work");
      expect(sha).toMatch(/^[0-9a-f]{40}$/);
      const head = await forge.commit("bob", repo, { branch: "work", files: { "src/add.js": "// better\n" }, message: "Better" });
      const opened = await request(forge, token, "POST", `/repos/${repo}/pulls`, { title: "Better", head: "work", base: "main" });
      expect(opened.status).toBe(201);
      const path = `/repos/${repo}/pulls/${opened.json.number}`;
      expect(opened.json).toMatchObject({
        state: "open",
        mergeable: true,
        head: { ref: "work", sha: head },
        base: { ref: "main", sha: from },
        user: { login: "afk[bot]" },
      });
      expect((await request(forge, token, "POST", `/repos/${repo}/pulls`, { title: "Twice", head: "work", base: "main" })).status).toBe(
        422,
      );

      const synchronized = forge.waitFor(
        (event) => event.kind === "webhook" && event.event === "pull_request" && event.action === "synchronize",
      );
      const next = await forge.commit("bob", repo, { branch: "work", files: { "src/add.js": "// best\n" }, message: "Best" });
      await synchronized;
      expect((await request(forge, token, "GET", path)).json.head.sha).toBe(next);

      const merged = await forge.api("alice", "PUT", `${path}/merge`, { merge_method: "squash", sha: next });
      expect((await request(forge, token, "GET", path)).json).toMatchObject({
        state: "closed",
        merged: true,
        merge_commit_sha: merged.sha,
        head: { sha: next },
      });
      expect((await request(forge, token, "GET", `/repos/${repo}/git/ref/heads/main`)).json.object.sha).toBe(merged.sha);
    });
  });
});
