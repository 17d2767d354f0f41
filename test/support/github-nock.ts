import { generateKeyPairSync } from "node:crypto";
import nock from "nock";
import { Probot } from "probot";
import { vi } from "vitest";
import type { Repo } from "../../src/core/run.ts";
import { createGitHubForge, type GitHubForgeDeps } from "../../src/forge/forge-github.ts";
import { createOctokitClass } from "../../src/forge/octokit-class.ts";
import type { Forge } from "../../src/ports.ts";

const privateKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs1", format: "pem" }).toString();

export const repo: Repo = { owner: "acme", name: "widgets" };
export const base = "/repos/acme/widgets";
export const appLogin = "afk[bot]";

/** GitHub as far as a test scripts it; anything else asked of it fails. */
export function gitHub(): nock.Scope {
  return nock("https://api.github.com");
}

export interface Installed {
  readonly id?: number;
  readonly permissions?: Readonly<Record<string, string>>;
}

/** The two calls that come before everything else: whose repo this is, and a token for it. */
export function installed({ id = 1, permissions = { contents: "write", issues: "write" } }: Installed = {}): void {
  gitHub().get(`${base}/installation`).reply(200, { id, app_id: 7, app_slug: "afk", permissions });
  mints(id);
}

/** Tokens are told apart by what they are called. */
export function mints(id = 1, token = `token-of-${id}`): void {
  const answer = { token, expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions: {} };
  gitHub().post(`/app/installations/${id}/access_tokens`).reply(201, answer);
}

/** The real adapter under the real Probot. Calls that may be repeated are, once and at once. */
export function attach(deps: Partial<GitHubForgeDeps> = {}, { throttle = false } = {}): Forge {
  const probot = new Probot({
    appId: 7,
    privateKey,
    secret: "secret",
    Octokit: createOctokitClass({ throttle }),
    logLevel: "fatal",
  });
  return createGitHubForge({
    auth: (id) => probot.auth(id),
    webUrl: "https://github.com",
    log: silent,
    redact: async (text) => text,
    retryDelaysMs: [0],
    ...deps,
  });
}

/** Attached, with a token that is older than the seconds in which the client takes a 401 for a token not known everywhere yet. */
export async function attachAWhileAgo(): Promise<Forge> {
  vi.useFakeTimers({ toFake: ["Date"] });
  installed();
  gitHub().get(`${base}/issues/999`).reply(404, {});
  const forge = attach();
  await forge.readIssue(repo, 999);
  vi.setSystemTime(Date.now() + 60_000);
  return forge;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function issueJson(number: number, rest: object = {}): object {
  const html_url = `https://github.com/acme/widgets/issues/${number}`;
  const repository_url = `https://api.github.com${base}`;
  const user = { login: "mona", id: 5, type: "User" };
  return {
    number,
    title: "t",
    body: "b",
    user,
    labels: [],
    state: "open",
    locked: false,
    html_url,
    repository_url,
    updated_at: "2026-01-01T00:00:00Z",
    ...rest,
  };
}

export function commentJson(id: number, body: string, login = appLogin, rest: object = {}): object {
  const user = { login, id: 9, type: login.endsWith("[bot]") ? "Bot" : "User" };
  return {
    id,
    body,
    user,
    html_url: `https://github.com/acme/widgets/issues/1#issuecomment-${id}`,
    issue_url: `https://api.github.com${base}/issues/1`,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    ...rest,
  };
}

export function repoJson(rest: object = {}): object {
  return {
    id: 42,
    name: "widgets",
    owner: { login: "acme" },
    default_branch: "main",
    private: true,
    archived: false,
    has_issues: true,
    ...rest,
  };
}
