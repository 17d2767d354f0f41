import { Probot } from "probot";
import { startEmbeddedForge } from "../../demo/front/embedded-forge.ts";
import { slugOf, type Repo } from "../../src/core/run.ts";
import { createGitHubForge } from "../../src/forge/forge-github.ts";
import { createOctokitClass } from "../../src/forge/octokit-class.ts";
import type { Log } from "../../src/ports.ts";
import { describeForge, type ForgeWorld } from "../contracts/forge.ts";
import { createFakeForge } from "../support/fake-forge.ts";

describeForge("in memory", startInMemory);
describeForge("of GitHub, on the embedded server", startEmbedded);

async function startInMemory(): Promise<ForgeWorld> {
  const fake = createFakeForge({ clock: { now: Date.now } });
  const members = { owner: "admin", mona: "write", sam: "read" } as const;
  const repo = fake.addRepo("owner/widgets", { members, files: { "README.md": "hello\n" } });
  const otherRepo = fake.addRepo("owner/gadgets", { members });
  fake.inside(repo).mayRerunJobs = true;
  return {
    forge: fake,
    repo,
    otherRepo,
    appLogin: fake.appLogin,
    openIssue: async (by, title, body, where = repo) => fake.openIssue(where, by, { title, body }),
    label: async (issue, label, by) => fake.label(repo, issue, label, by),
    unlabel: async (issue, label, by) => fake.unlabel(repo, issue, label, by),
    edit: async (issue, change, by) => fake.edit(repo, issue, change, by),
    comment: async (issue, body, by, where = repo) => fake.comment(where, issue, body, by),
    editComment: async (comment, body, by) => fake.editCommentBy(repo, comment, body, by),
    reactions: async (comment) => fake.reactions(repo, comment),
    deleteComment: async (comment, by) => fake.deleteComment(repo, comment, by),
    close: async (issue, by) => fake.close(repo, issue, by),
    block: async (issue, blocker, inRepo) => fake.block(repo, issue, blocker, inRepo),
    setPermission: async (login, permission) => fake.setPermission(repo, login, permission),
    protect: async (branch) => fake.protect(repo, branch),
    async push(branch, files) {
      const sha = fake.landCommit(repo, branch);
      for (const [path, text] of Object.entries(files)) fake.setFile(repo, path, text, branch);
      return sha;
    },
    async ci(sha, conclusion, name, log) {
      fake.ci(repo, sha, conclusion, name);
      if (log !== undefined) fake.explainFailure(repo, sha, name, { from: "log", text: log });
    },
    status: async (sha, state, context) => fake.status(repo, sha, state, context),
    end: async () => {},
  };
}

async function startEmbedded(): Promise<ForgeWorld> {
  const repo: Repo = { owner: "owner", name: "widgets" };
  const otherRepo: Repo = { owner: "owner", name: "gadgets" };
  const files = { "README.md": "hello\n" };
  const server = await startEmbeddedForge({
    users: [
      { login: "owner" },
      { login: "mona", permission: "write" },
      { login: "sam", permission: "read" },
      { login: "eve" },
      { login: "flip" },
    ],
    repos: [
      { ...repo, files },
      { ...otherRepo, files },
    ],
    ci: "none",
    appPermissions: { actions: "write" },
  });
  const { appId, privateKey, webhookSecret: secret } = server;
  const probot = new Probot({
    appId,
    privateKey,
    secret,
    baseUrl: `${server.url}/api/v3`,
    Octokit: createOctokitClass({ throttle: false }),
    logLevel: "fatal",
  });
  const slug = slugOf(repo);
  const issues = `/repos/${slug}/issues`;
  return {
    forge: createGitHubForge({ auth: (id) => probot.auth(id), webUrl: server.url, log: silent, redact: async (text) => text }),
    repo,
    otherRepo,
    appLogin: `${server.appSlug}[bot]`,
    openIssue: async (by, title, body, where = repo) =>
      (await server.api(by, "POST", `/repos/${slugOf(where)}/issues`, { title, body })).number,
    label: async (issue, label, by) => void (await server.api(by, "POST", `${issues}/${issue}/labels`, { labels: [label] })),
    unlabel: async (issue, label, by) => void (await server.api(by, "DELETE", `${issues}/${issue}/labels/${encodeURIComponent(label)}`)),
    edit: async (issue, change, by) => void (await server.api(by, "PATCH", `${issues}/${issue}`, change)),
    comment: async (issue, body, by, where = repo) =>
      (await server.api(by, "POST", `/repos/${slugOf(where)}/issues/${issue}/comments`, { body })).id,
    editComment: async (comment, body, by) => void (await server.api(by, "PATCH", `${issues}/comments/${comment}`, { body })),
    async reactions(comment) {
      const found: readonly { readonly content: string; readonly user: { readonly login: string } }[] = await server.api(
        "owner",
        "GET",
        `${issues}/comments/${comment}/reactions`,
      );
      return found.filter(({ user }) => user.login === `${server.appSlug}[bot]`).map(({ content }) => content);
    },
    deleteComment: async (comment, by) => void (await server.api(by, "DELETE", `${issues}/comments/${comment}`)),
    close: async (issue, by) => void (await server.api(by, "PATCH", `${issues}/${issue}`, { state: "closed" })),
    block: (issue, number, inRepo = repo) => server.addBlocker(slug, issue, { repo: slugOf(inRepo), number }),
    setPermission: async (login, permission) =>
      void (await server.api("owner", "PUT", `/repos/${slug}/collaborators/${login}`, { permission })),
    protect: async (branch) => server.protectBranch(slug, branch),
    push: (branch, content) => server.commit("mona", slug, { branch, files: content, message: "Change" }),
    async ci(sha, conclusion, name, log) {
      const said = conclusion === undefined ? ({ status: "in_progress" } as const) : ({ status: "completed", conclusion } as const);
      server.setCheckRun(slug, sha, { name, ...said, ...(log === undefined ? {} : { log }) });
    },
    status: (sha, state, context) => server.setStatus(slug, sha, { state, context }),
    end: () => server.close(),
  };
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
