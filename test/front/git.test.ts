import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startEmbeddedForge, type EmbeddedForge, type ForgeEvent } from "../../demo/front/embedded-forge.ts";
import { createWorkspace, mint, receiveWebhooks, remote, request, type Workspace, type Loose } from "./support.ts";

const repo = "alice/calc";

describe("the forge's git", () => {
  let forge: EmbeddedForge;
  let workspace: Workspace;
  const events: ForgeEvent[] = [];

  beforeAll(async () => {
    forge = await startEmbeddedForge({
      users: [{ login: "alice" }, { login: "rita", permission: "read" }, { login: "eve" }],
      repos: [
        { owner: "alice", name: "calc", files: { "README.md": "calc\n" } },
        { owner: "alice", name: "other", files: { "README.md": "other\n" } },
        { owner: "alice", name: "open", private: false, files: { "README.md": "open\n" } },
      ],
    });
    forge.onEvent((event) => events.push(event));
  });
  afterAll(() => forge.close());
  beforeEach(async () => {
    workspace = await createWorkspace();
    events.length = 0;
  });
  afterEach(() => workspace.remove());

  async function cloneAndCommit(token: string): Promise<string> {
    const clone = await workspace.git("clone", "--quiet", remote(forge, repo, token), ".");
    expect(clone).toMatchObject({ exitCode: 0 });
    await workspace.git("commit", "--quiet", "--allow-empty", "-m", `change ${events.length} ${token.slice(-6)}`);
    return (await workspace.git("rev-parse", "HEAD")).stdout;
  }

  it("clones and pushes with an installation token, and the API shows the push at once", async () => {
    const token = await mint(forge, repo, { repositories: ["calc"] });
    const sha = await cloneAndCommit(token);
    const push = await workspace.git("push", "origin", "HEAD:main");
    expect(push).toMatchObject({ exitCode: 0 });
    expect((await request(forge, token, "GET", `/repos/${repo}/git/ref/heads%2Fmain`)).json.object.sha).toBe(sha);
    expect((await request(forge, token, "GET", `/repos/${repo}/branches/main`)).json.commit.sha).toBe(sha);
    expect(events).toContainEqual(expect.objectContaining({ kind: "push", repo, ref: "refs/heads/main", after: sha }));
    expect(forge.requests().git).toBeGreaterThan(0);
  });

  it("lets only branches and tags be heard of: a push to another ref sends no webhook", async () => {
    const hook = await receiveWebhooks(forge);
    await cloneAndCommit(await mint(forge, repo));
    const heard = forge.waitFor((event) => event.kind === "webhook");
    await workspace.git("push", "--quiet", "origin", "HEAD:refs/afk/lock");
    await workspace.git("push", "--quiet", "origin", "HEAD:refs/heads/topic");
    await heard;
    hook.close();
    expect(hook.received.map(({ event, payload }) => [event, payload.ref, payload.sender.login])).toEqual([
      ["push", "refs/heads/topic", "afk[bot]"],
    ]);
  });

  it("refuses a clone without a token", async () => {
    const run = await workspace.git("clone", remote(forge, repo), ".");
    expect(run.stderr).toMatch(/terminal prompts disabled|could not read Username/);
  });

  it("lets anybody clone what is public", async () => {
    expect((await workspace.git("clone", "--quiet", remote(forge, "alice/open"), ".")).exitCode).toBe(0);
  });

  it("refuses a token nobody issued", async () => {
    expect((await workspace.git("clone", remote(forge, repo, "guessed"), ".")).stderr).toContain("Authentication failed");
  });

  it("hides the repos a narrowed token does not name", async () => {
    const token = await mint(forge, repo, { repositories: ["other"] });
    expect((await workspace.git("clone", remote(forge, repo, token), ".")).stderr).toContain("not found");
  });

  it.each([
    ["an installation token that may only read contents", () => mint(forge, repo, { permissions: { contents: "read" } })],
    ["a person who may only read", () => Promise.resolve(forge.tokenOf("rita"))],
  ])("refuses a push with %s", async (_who, tokenOf) => {
    await cloneAndCommit(await tokenOf());
    const push = await workspace.git("push", "origin", "HEAD:main");
    expect(push.exitCode).not.toBe(0);
    expect(push.stderr).toContain("403");
  });

  it("refuses the App a push to a protected branch, in GitHub's words, and all else of an atomic push", async () => {
    forge.protectBranch(repo, "main");
    const token = await mint(forge, repo);
    await cloneAndCommit(token);
    const push = await workspace.git("push", "--atomic", "origin", "HEAD:main", "HEAD:refs/afk/lock2");
    forge.unprotectBranch(repo, "main");
    expect(push.stderr).toContain("GH006: Protected branch update failed for refs/heads/main.");
    expect(push.stderr).toContain("! [remote rejected] HEAD -> main (protected branch hook declined)");
    expect(events.filter(({ kind }) => kind === "push")).toEqual([]);
  });

  it("shows a protected branch as protected, with the rule", async () => {
    forge.protectBranch(repo, "main");
    const token = await mint(forge, repo);
    const branch = await request(forge, token, "GET", `/repos/${repo}/branches/main`);
    const rules = await request(forge, token, "GET", `/repos/${repo}/rules/branches/main`);
    forge.unprotectBranch(repo, "main");
    expect(branch.json.protected).toBe(true);
    expect(rules.json).toMatchObject([{ type: "pull_request" }]);
    expect((await request(forge, token, "GET", `/repos/${repo}/rules/branches/main`)).json).toEqual([]);
  });

  it("can take a push and lose the answer", async () => {
    const token = await mint(forge, repo);
    const sha = await cloneAndCommit(token);
    forge.fail({ path: /git-receive-pack$/, status: 502, times: 1, after: "commit" });
    const push = await workspace.git("push", "origin", "HEAD:refs/heads/lost");
    expect(push.exitCode).not.toBe(0);
    expect((await request(forge, token, "GET", `/repos/${repo}/git/ref/heads/lost`)).json.object.sha).toBe(sha);
  });

  it("closes the issue that a commit on the default branch names", async () => {
    const issue = await forge.api("alice", "POST", `/repos/${repo}/issues`, { title: "broken" });
    const closed = forge.waitFor((event) => event.kind === "webhook" && event.event === "issues" && event.action === "closed");
    await forge.commit("alice", repo, { branch: "main", files: { "fix.txt": "x" }, message: `Mend\n\nFixes #${issue.number}` });
    await closed;
    expect((await forge.api("alice", "GET", `/repos/${repo}/issues/${issue.number}`)).state).toBe("closed");
  });

  it("copies the history of a local repository and leaves the original alone", async () => {
    await workspace.git("init", "--quiet", "--initial-branch=trunk", ".");
    await workspace.git("commit", "--quiet", "--allow-empty", "-m", "first");
    await workspace.git("commit", "--quiet", "--allow-empty", "-m", "second");
    const before = (await workspace.git("for-each-ref")).stdout;
    const copy = await startEmbeddedForge({
      users: [{ login: "alice" }],
      repos: [{ owner: "alice", name: "mine", files: { copyOf: workspace.directory } }],
    });
    const commits = await copy.api("alice", "GET", "/repos/alice/mine/commits");
    await copy.close();
    expect(commits.map((each: Loose) => each.commit.message)).toEqual(["second", "first"]);
    expect((await workspace.git("for-each-ref")).stdout).toBe(before);
  });
});
