import { createServer, type Server } from "node:http";
import { Probot } from "probot";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Repo } from "../../src/core/run.ts";
import { createGitHubForge } from "../../src/forge/forge-github.ts";
import { createOctokitClass } from "../../src/forge/octokit-class.ts";
import type { Forge } from "../../src/ports.ts";
import { appPrivateKey } from "../support/app-key.ts";
import { commentJson, repoJson } from "../support/github-nock.ts";

const repos = Array.from({ length: 1000 }, (_, index): Repo => ({ owner: "acme", name: `repo-${index}` }));
const permissions = { contents: "write", issues: "write" };
const token = { token: "t", expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions };
/** A busy past: a full page of comments in every repo, one of them a command. */
const comments = Array.from({ length: 100 }, (_, index) =>
  commentJson(1000 - index, index === 7 ? "/afk retry" : "talk ".repeat(100), "mona"),
);

let server: Server;
let forge: Forge;
let counted = 0;

function answerTo(path: string): unknown {
  if (path.endsWith("/installation")) return { id: 1, app_id: 7, app_slug: "afk", permissions };
  if (path.endsWith("/access_tokens")) return token;
  if (path.includes("/issues/comments")) return comments;
  return path.includes("/issues") ? [] : repoJson({ name: path.split("/").at(-1) });
}

beforeAll(async () => {
  server = createServer((req, res) => {
    const isUnchanged = req.headers["if-none-match"] === '"same"';
    if (!isUnchanged) counted += 1;
    const path = req.url ?? "";
    res.writeHead(isUnchanged ? 304 : path.endsWith("/access_tokens") ? 201 : 200, { "content-type": "application/json", etag: '"same"' });
    res.end(isUnchanged ? undefined : JSON.stringify(answerTo(path)));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const baseUrl = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const Octokit = createOctokitClass({ throttle: false });
  const probot = new Probot({ appId: 7, privateKey: appPrivateKey, secret: "secret", Octokit, baseUrl, logLevel: "fatal" });
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  forge = createGitHubForge({ auth: (id) => probot.auth(id), webUrl: baseUrl, log, redact: async (text) => text });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function sweep(): Promise<void> {
  for (const repo of repos) {
    await Promise.all([
      forge.readRepo(repo),
      forge.listIssues(repo, "ready"),
      forge.listNewComments(repo, { notBefore: "2025-12-01T00:00:00Z", after: 901 }),
    ]);
  }
}

it("a sweep over 1,000 idle repos costs no request that counts", async () => {
  await sweep();
  const before = counted;
  await sweep();
  expect([before > 3000, counted - before]).toEqual([true, 0]);
}, 60_000);
