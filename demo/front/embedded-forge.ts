import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Api, type RequestCounts } from "./api.ts";
import { commitFiles, createBareRepo, tryGitText, zeroOid, type CommitRequest, type RepoContent } from "./bare-repo.ts";
import { createCi, type Ci, type CiAttempt, type CiCheckout, type CiVerdict } from "./ci.ts";
import { Deliveries } from "./deliveries.ts";
import { startEmulator, type Emulator } from "./emulator.ts";
import { ForgeEvents, type ForgeEvent } from "./events.ts";
import { Faults, type FaultRule } from "./faults.ts";
import type { Forge } from "./forge.ts";
import { createGitAccess } from "./git-access.ts";
import { createGitHttp } from "./git-http.ts";
import { createJobLogs } from "./job-logs.ts";
import { parseObject, type Json } from "./json.ts";
import { issueNotes, type Account, type Permission, type RepoState } from "./model.ts";
import { completePayload, followRef } from "./moved-refs.ts";
import { createRelay } from "./relay.ts";
import { createRun, updateRun, type CheckRunInput } from "./routes/checks.ts";
import { addDeployment, addDeploymentStatus, addStatus, type StatusInput } from "./routes/statuses.ts";
import { Tokens } from "./tokens.ts";

export interface ForgeUser {
  readonly login: string;
  /** On every repository that is not their own. Default `none`; an owner is admin of theirs. */
  readonly permission?: Permission;
}

export interface ForgeRepo {
  readonly owner: string;
  readonly name: string;
  /** Default true. */
  readonly private?: boolean;
  readonly files: RepoContent;
  /** Default `main`. */
  readonly branch?: string;
}

export interface EmbeddedForgeOptions {
  /** Default 0: any free one. */
  readonly port?: number;
  /** Owners of repositories that are missing here are added. */
  readonly users: readonly ForgeUser[];
  readonly repos: readonly ForgeRepo[];
  /** `tests`: every push to a branch runs the repo's tests and writes check runs. Default `none`. */
  readonly ci?: "tests" | "none";
  /** The argv CI runs in a checkout; `undefined` makes no check run. Default: `npm test` when package.json has a test script. */
  readonly ciCommand?: (checkout: CiCheckout) => readonly string[] | undefined | Promise<readonly string[] | undefined>;
  /** Default 120 s. */
  readonly ciTimeoutMs?: number;
  /** What CI says of a commit's nth attempt, in place of running it; `run` runs it. Default: `run`, always. */
  readonly ciVerdict?: (attempt: CiAttempt) => "run" | CiVerdict;
  /** What the attached App was granted beside or instead of what AFK asks for, such as `actions: "write"` for re-running jobs. */
  readonly appPermissions?: Readonly<Record<string, "read" | "write" | "none">>;
}

export interface EmbeddedForge {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `127.0.0.1:PORT`: what `GHE_HOST` takes, with `GHE_PROTOCOL=http`. */
  readonly host: string;
  readonly appId: number;
  readonly appSlug: string;
  /** PEM */
  readonly privateKey: string;
  readonly webhookSecret: string;
  /** Where signed webhooks go; `undefined`, as at the start, sends none. */
  deliverTo(url: string | undefined): void;
  /** The API token of a person; also their password for git. */
  tokenOf(login: string): string;
  /** Acts as a person through the public API; `path` begins after `/api/v3`. Rejects unless the answer is 2xx. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test asks for it knows the shape of
  api(login: string, method: string, path: string, body?: unknown): Promise<any>;
  /** A repo's bare repository. */
  gitDir(repo: string): string;
  /** Commits files on top of a branch as a person, as if pushed; answers the sha. */
  commit(login: string, repo: string, request: Omit<CommitRequest, "author">): Promise<string>;
  onEvent(listener: (event: ForgeEvent) => void): void;
  /** The next event that matches; rejects after `timeoutMs` (15 s). Ask before you act. */
  waitFor(matches: (event: ForgeEvent) => boolean, timeoutMs?: number): Promise<ForgeEvent>;
  requests(): RequestCounts;
  resetRequests(): void;
  /** Past deliveries; hold, release, reorder, drop and repeat them. */
  readonly deliveries: Pick<Deliveries, "list" | "hold" | "release" | "drop" | "redeliver" | "idle">;
  fail(rule: FaultRule): void;
  /** Pushes to the branch by the App are refused from now on, and the API says that it is protected. */
  protectBranch(repo: string, branch: string): void;
  unprotectBranch(repo: string, branch: string): void;
  setStatus(repo: string, sha: string, status: StatusInput): Promise<void>;
  /** Writes a check run as the third-party CI: creates it, or changes the newest one of this name on the commit. */
  setCheckRun(repo: string, sha: string, run: CheckRunInput & { readonly name: string }): void;
  /** Adds a status to the commit's newest deployment in the environment, which it creates when there is none. */
  setDeployment(
    repo: string,
    sha: string,
    deployment: { readonly environment: string; readonly state: string; readonly description?: string },
  ): void;
  /** Makes an issue wait for another one. */
  addBlocker(repo: string, issue: number, blockedBy: { readonly repo?: string; readonly number: number }): Promise<void>;
  /** Every installation token minted so far is refused from now on. */
  expireTokens(): void;
  /** The installation tokens that hold now. */
  installationTokens(): readonly string[];
  close(): Promise<void>;
}

const app = { id: 4711, slug: "afk", name: "AFK" };
const ciApp = { id: 90_001, slug: "embedded-ci", name: "Embedded CI" };
const firstInstallationId = 1001;
/** Above any id the emulator gives. */
const firstOwnId = 1_000_000;

const usualPermissions = {
  actions: "read",
  checks: "write",
  contents: "write",
  deployments: "read",
  issues: "write",
  metadata: "read",
  pull_requests: "write",
  statuses: "write",
} as const;

/** Starts a forge on 127.0.0.1 that looks like a GitHub Enterprise host: REST, webhooks, git over HTTP, and a small CI. */
export async function startEmbeddedForge(options: EmbeddedForgeOptions): Promise<EmbeddedForge> {
  const front = await listen(options.port ?? 0);
  const root = await mkdtemp(join(tmpdir(), "forge-git-"));
  const stop = new AbortController();
  // Every git and CI process listens for as long as it runs; a fetch of many repositories at once is no leak.
  setMaxListeners(0, stop.signal);
  try {
    return await assemble(options, front, root, stop);
  } catch (error) {
    await stopAll(front.server, root, stop, []);
    throw error;
  }
}

interface Front {
  readonly server: Server;
  readonly host: string;
  handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
}

async function listen(port: number): Promise<Front> {
  const server = createServer((req, res) => {
    front.handle(req, res).catch((error: unknown) => {
      if (res.headersSent) res.destroy();
      else
        res
          .writeHead(500, { "content-type": "application/json" })
          .end(JSON.stringify({ message: error instanceof Error ? (error.stack ?? error.message) : String(error) }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the front has no port");
  const front: Front = {
    server,
    host: `127.0.0.1:${address.port}`,
    handle: async (_req, res) => void res.writeHead(503).end(),
  };
  return front;
}

async function assemble(options: EmbeddedForgeOptions, front: Front, root: string, stop: AbortController): Promise<EmbeddedForge> {
  const url = `http://${front.host}`;
  const webhookSecret = randomBytes(20).toString("hex");
  const relayPath = `/relay/${randomBytes(12).toString("hex")}`;
  const users = withOwners(options);
  const owners = [...new Set(options.repos.map(({ owner }) => owner))];
  const [emulator] = await Promise.all([
    startEmulator({
      users: users.map(({ login }) => login),
      repos: options.repos.map(({ owner, name, branch = "main", private: isPrivate = true }) => ({ owner, name, branch, isPrivate })),
      app: { ...app, permissions: grantedTo(options) },
      installations: owners.map((owner, index) => ({ id: firstInstallationId + index, owner })),
      frontUrl: url,
      webhookUrl: `${url}${relayPath}`,
    }),
    ...options.repos.map(({ owner, name, branch = "main", files }) => createBareRepo(gitDirOf(root, owner, name), branch, files, owner)),
  ]);

  const events = new ForgeEvents();
  const deliveries = new Deliveries(webhookSecret, events);
  const tokens = new Tokens(
    app.id,
    emulator,
    users.map(({ login }) => login),
  );
  const faults = new Faults();
  const repoJsons = new Map<string, Json>();
  const repos = new Map<string, RepoState>();
  for (const { owner, name, branch = "main", private: isPrivate = true } of options.repos) {
    const json = await readJson(emulator, `/repos/${owner}/${name}`, emulator.tokenOf(owner));
    repoJsons.set(`${owner}/${name}`, json);
    repos.set(`${owner}/${name}`.toLowerCase(), {
      fullName: `${owner}/${name}`,
      owner,
      name,
      id: Number(json["id"]),
      isPrivate,
      defaultBranch: branch,
      gitDir: gitDirOf(root, owner, name),
      installationId: firstInstallationId + owners.indexOf(owner),
      permissions: await invite(emulator, users, owner, name),
      protectedBranches: new Set(),
      suites: [],
      statuses: [],
      deployments: [],
      reactions: new Map(),
      comments: new Map(),
      commentEdits: new Map(),
      issues: new Map(),
      pulls: new Map(),
      changes: new Map(),
    });
  }
  const accounts = await readAccounts(emulator, tokens, users, options);

  let lastId = firstOwnId;
  let ci: Ci | undefined;
  const following = new Set<Promise<void>>();
  const forge: Forge = {
    url,
    app,
    ciApp,
    repos,
    emulator,
    tokens,
    events,
    deliveries,
    nextId: () => (lastId += 1),
    accountOf: (identity) =>
      accounts.get(identity.kind === "person" ? identity.login : `${app.slug}[bot]`) ?? { login: "ghost", id: 1, type: "User" },
    repoJson: (repo) => repoJsons.get(repo.fullName) ?? {},
    announce: (repo, event, payload, sender) => deliveries.send(event, completePayload(forge, repo, payload, sender)),
    refsMoved(repo, changes, by) {
      for (const change of changes) {
        events.emit({ kind: "push", repo: repo.fullName, ...change });
        const follow = followRef(forge, ci, repo, change, by).finally(() => following.delete(follow));
        following.add(follow);
      }
    },
    rerunCi: (repo, sha) => ci?.run(repo, repo.defaultBranch, sha),
    runJob: (repo, run, branch) => ci?.run(repo, branch ?? repo.defaultBranch, run.sha, run),
    jobLogs: createJobLogs(url),
  };
  if (options.ci === "tests") {
    ci = createCi(forge, {
      signal: stop.signal,
      ...(options.ciCommand === undefined ? {} : { command: options.ciCommand }),
      ...(options.ciVerdict === undefined ? {} : { verdict: options.ciVerdict }),
      ...(options.ciTimeoutMs === undefined ? {} : { timeoutMs: options.ciTimeoutMs }),
    });
  }

  const api = new Api(forge, faults);
  const relay = createRelay(forge);
  const access = createGitAccess(forge);
  const git = createGitHttp({ root, signal: stop.signal, ...access, answerInstead: (req) => takeLateFault(lateFaults, req) });
  const lateFaults = new WeakMap<IncomingMessage, FaultRule>();
  front.handle = async (req, res) => {
    const startedAt = performance.now();
    const { pathname } = new URL(req.url ?? "/", url);
    if (pathname === relayPath) {
      relay(String(req.headers["x-github-event"]), await readText(req));
      res.writeHead(202).end();
    } else if (pathname.startsWith("/api/")) {
      await api.handle(req, res);
    } else if (!forge.jobLogs.serve(req, res, pathname)) {
      const fault = faults.take(req.method ?? "GET", pathname);
      if (fault?.after === "commit") lateFaults.set(req, fault);
      if (fault !== undefined && fault.after === undefined) return answerFault(res, fault);
      if (await git(req, res)) api.recordGit(req.method ?? "GET", pathname, performance.now() - startedAt);
      else res.writeHead(404, { "content-type": "text/plain" }).end("Not Found\n");
    }
  };

  const repoOf = (name: string): RepoState => {
    const repo = repos.get(name.toLowerCase());
    if (repo === undefined) throw new Error(`no such repository: ${name}`);
    return repo;
  };
  const ciAccount: Account = { login: `${ciApp.slug}[bot]`, id: ciApp.id, type: "Bot" };
  let closing: Promise<void> | undefined;

  return {
    url,
    host: front.host,
    appId: app.id,
    appSlug: app.slug,
    privateKey: emulator.privateKey,
    webhookSecret,
    deliveries,
    deliverTo: (target) => deliveries.deliverTo(target),
    tokenOf: (login) => tokens.tokenOf(login),
    api: (login, method, path, body) => callApi(url, tokens.tokenOf(login), method, path, body),
    gitDir: (repo) => repoOf(repo).gitDir,
    async commit(login, name, request) {
      const repo = repoOf(name);
      const ref = `refs/heads/${request.branch}`;
      const before = (await tryGitText(repo.gitDir, ["rev-parse", "--verify", "--quiet", ref]))?.trim() ?? zeroOid;
      const after = await commitFiles(repo.gitDir, { ...request, author: login });
      forge.refsMoved(repo, [{ ref, before, after }], { kind: "person", login });
      return after;
    },
    onEvent: (listener) => void events.on(listener),
    waitFor: (matches, timeoutMs) => events.waitFor(matches, timeoutMs),
    requests: () => api.counts(),
    resetRequests: () => api.resetCounts(),
    fail: (rule) => faults.add(rule),
    protectBranch: (repo, branch) => void repoOf(repo).protectedBranches.add(branch),
    unprotectBranch: (repo, branch) => void repoOf(repo).protectedBranches.delete(branch),
    async setStatus(repo, sha, status) {
      await addStatus(forge, repoOf(repo), sha, status, ciAccount);
    },
    setCheckRun(name, sha, input) {
      const repo = repoOf(name);
      const runs = repo.suites.filter((suite) => suite.sha === sha && suite.app.id === ciApp.id).flatMap((suite) => suite.runs);
      const existing = runs.findLast((run) => run.name === input.name);
      if (existing === undefined) createRun(forge, repo, ciApp, sha, input, repo.defaultBranch);
      else updateRun(forge, repo, existing, input);
    },
    setDeployment(name, sha, { environment, state, description = null }) {
      const repo = repoOf(name);
      const existing = repo.deployments.findLast((deployment) => deployment.sha === sha && deployment.environment === environment);
      const deployment =
        existing ?? addDeployment(forge, repo, { sha, ref: repo.defaultBranch, environment, description: null }, ciAccount);
      addDeploymentStatus(forge, repo, deployment, { state, description, logUrl: null }, ciAccount);
    },
    async addBlocker(name, issue, blockedBy) {
      const repo = repoOf(name);
      const from = repoOf(blockedBy.repo ?? name);
      const json = await readJson(emulator, `/repos/${from.fullName}/issues/${blockedBy.number}`, emulator.tokenOf(from.owner));
      issueNotes(repo, issue).blockers.push({ repo: from.fullName, number: blockedBy.number, id: Number(json["id"]) });
    },
    expireTokens: () => tokens.expireInstallationTokens(),
    installationTokens: () => tokens.minted(),
    close: () =>
      (closing ??= (async () => {
        deliveries.deliverTo(undefined);
        await stopAll(front.server, root, stop, [
          () => ci?.settled(),
          () => Promise.allSettled(following),
          () => deliveries.idle(),
          () => emulator.close(),
        ]);
      })()),
  };
}

function grantedTo({ appPermissions = {} }: EmbeddedForgeOptions): Record<string, string> {
  return Object.fromEntries(Object.entries<string>({ ...usualPermissions, ...appPermissions }).filter(([, level]) => level !== "none"));
}

function withOwners({ users, repos }: EmbeddedForgeOptions): readonly ForgeUser[] {
  const missing = repos
    .map(({ owner }) => owner)
    .filter((owner, index, all) => all.indexOf(owner) === index && !users.some(({ login }) => login === owner));
  return [...users, ...missing.map((login) => ({ login }))];
}

function gitDirOf(root: string, owner: string, name: string): string {
  return join(root, owner, `${name}.git`);
}

const collaboratorWords = { admin: "admin", write: "push", read: "pull" } as const;

/** Makes people collaborators and answers who may do what. */
async function invite(emulator: Emulator, users: readonly ForgeUser[], owner: string, name: string): Promise<Map<string, Permission>> {
  const permissions = new Map<string, Permission>([[owner, "admin"]]);
  for (const { login, permission = "none" } of users) {
    if (login === owner || permission === "none") continue;
    const path = `/repos/${owner}/${name}/collaborators/${login}`;
    await emulator.request({
      method: "PUT",
      path,
      token: emulator.tokenOf(owner),
      body: JSON.stringify({ permission: collaboratorWords[permission] }),
    });
    permissions.set(login, permission);
  }
  return permissions;
}

/** People, and the App's bot: the emulator makes its account at its first write, so a harmless one is made here. */
async function readAccounts(
  emulator: Emulator,
  tokens: Tokens,
  users: readonly ForgeUser[],
  { repos }: EmbeddedForgeOptions,
): Promise<Map<string, Account>> {
  const [first] = repos;
  if (first !== undefined) {
    const token = await tokens.mint(firstInstallationId);
    await emulator.request({ method: "PATCH", path: `/repos/${first.owner}/${first.name}/check-suites/preferences`, token, body: "{}" });
  }
  const logins = [...users.map(({ login }) => login), `${app.slug}[bot]`];
  const accounts = new Map<string, Account>();
  for (const login of logins) {
    const answer = await emulator.request({ method: "GET", path: `/users/${encodeURIComponent(login)}`, token: undefined });
    if (answer.status !== 200) continue;
    const { id, type } = parseObject(answer.text);
    accounts.set(login, { login, id: Number(id), type: type === "Bot" ? "Bot" : "User" });
  }
  return accounts;
}

async function readJson(emulator: Emulator, path: string, token: string): Promise<Json> {
  const answer = await emulator.request({ method: "GET", path, token });
  if (answer.status !== 200) throw new Error(`the emulator answered ${answer.status} to ${path}: ${answer.text}`);
  return parseObject(answer.text);
}

async function callApi(url: string, token: string, method: string, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${url}/api/v3${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept: "application/vnd.github+json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

function takeLateFault(faults: WeakMap<IncomingMessage, FaultRule>, req: IncomingMessage): number | undefined {
  return faults.get(req)?.status;
}

function answerFault(res: ServerResponse, fault: FaultRule): void {
  if (fault.status === 0) res.destroy();
  else res.writeHead(fault.status, { "content-type": "text/plain", ...fault.headers }).end(`${fault.message ?? "Injected fault"}\n`);
}

async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Children first, so that nothing writes into folders that are about to go. */
async function stopAll(server: Server, root: string, stop: AbortController, steps: readonly (() => unknown)[]): Promise<void> {
  stop.abort();
  for (const step of steps) await step();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
}

export type { ForgeEvent } from "./events.ts";
export type { CiAttempt, CiCheckout, CiVerdict } from "./ci.ts";
export type { Delivery } from "./deliveries.ts";
export type { FaultRule } from "./faults.ts";
