import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Forge } from "./forge.ts";
import type { FaultRule, Faults } from "./faults.ts";
import { answerGraphql } from "./graphql.ts";
import { isObject, type Json } from "./json.ts";
import { may, type Identity } from "./model.ts";
import { ApiFault, compileRoutes, matchRoute, notFound, requirePermission, type Answer, type Call } from "./router.ts";
import { actionRoutes } from "./routes/actions.ts";
import { checkRoutes } from "./routes/checks.ts";
import { commentRoutes } from "./routes/comments.ts";
import { gitDataRoutes } from "./routes/git-data.ts";
import { issueRoutes } from "./routes/issues.ts";
import { pullRoutes } from "./routes/pulls.ts";
import { accountRoutes, repoRoutes } from "./routes/repos.ts";
import { statusRoutes } from "./routes/statuses.ts";

/** What has been asked of the API and of git since the last reset. */
export interface RequestCounts {
  readonly total: number;
  /** Without 304s, which GitHub does not count, and without the minting of tokens. */
  readonly counted: number;
  readonly writes: number;
  readonly git: number;
}

/** Order matters: `/commits/:ref*` would take what the checks and statuses of a commit are asked by, `/issues/:number` the comments. */
const underRepo = compileRoutes([
  ...checkRoutes,
  ...statusRoutes,
  ...actionRoutes,
  ...gitDataRoutes,
  ...commentRoutes,
  ...issueRoutes,
  ...pullRoutes,
  ...repoRoutes,
]);
const elsewhere = compileRoutes(accountRoutes);

/** The emulator would answer these from git data of its own, which is not what was pushed. */
const neverUpstream =
  /^\/(git|contents|commits|branches|compare|check-runs|check-suites|statuses|deployments|actions|readme|tags|tarball|zipball)(\/|$)/;

/** `/api/v3` and `/api/graphql`: the front's own routes first, the emulator for the rest. */
export class Api {
  readonly #forge: Forge;
  readonly #faults: Faults;
  readonly #used = new Map<string, number>();
  #counts = { total: 0, counted: 0, writes: 0, git: 0 };

  constructor(forge: Forge, faults: Faults) {
    this.#forge = forge;
    this.#faults = faults;
  }

  counts(): RequestCounts {
    return { ...this.#counts };
  }

  recordGit(method: string, path: string, durationMs: number): void {
    this.#counts.git += 1;
    this.#forge.events.emit({ kind: "git", method, path, durationMs });
  }

  resetCounts(): void {
    this.#counts = { total: 0, counted: 0, writes: 0, git: 0 };
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const url = new URL(req.url ?? "/", this.#forge.url);
    const method = req.method ?? "GET";
    const path = url.pathname.replace(/^\/api\/v3(?=\/|$)/, "") || "/";
    const text = await readText(req);
    const fault = this.#faults.take(method, path);
    const answer = fault !== undefined && fault.after === undefined ? faultAnswer(fault) : await this.#answer(req, method, path, url, text);
    const shown = fault?.after === "commit" ? faultAnswer(fault) : answer;
    const status = this.#send(req, res, method, path, shown);
    this.#record(method, path, status, performance.now() - startedAt);
  }

  async #answer(req: IncomingMessage, method: string, path: string, url: URL, text: string): Promise<Answer> {
    try {
      const token = /^(?:bearer|token)\s+(\S+)$/i.exec(req.headers.authorization ?? "")?.[1];
      const identity = this.#forge.tokens.identify(token);
      if (identity === undefined) throw new ApiFault(401, "Bad credentials");
      const call = this.#callOf({ identity, token, method, path, text, query: url.searchParams, accept: req.headers.accept ?? "" });
      return path === "/api/graphql" ? answerGraphql(call) : await this.#dispatch(call);
    } catch (error) {
      if (!(error instanceof ApiFault)) throw error;
      const { status, message, errors } = error;
      return {
        status,
        body: {
          message,
          ...(errors === undefined ? {} : { errors }),
          documentation_url: "https://docs.github.com/rest",
          status: String(status),
        },
      };
    }
  }

  #callOf(request: {
    readonly identity: Identity;
    readonly token: string | undefined;
    readonly method: string;
    readonly path: string;
    readonly text: string;
    readonly query: URLSearchParams;
    readonly accept: string;
  }): Call {
    const forge = this.#forge;
    const { identity, token, method, path, query, accept } = request;
    const body = parseBody(request.text);
    const ownPath = query.size === 0 ? path : `${path}?${query.toString()}`;
    return {
      forge,
      identity,
      method,
      path,
      query,
      accept,
      body,
      async upstream(change = {}) {
        const asked = change.body ?? body;
        const answer = await forge.emulator.request({
          method: change.method ?? method,
          path: change.path ?? ownPath,
          token: await forge.tokens.upstreamFor(token),
          body: JSON.stringify(asked),
        });
        return {
          status: answer.status,
          ...(answer.text === "" ? {} : { body: JSON.parse(answer.text) as unknown }),
          ...(answer.link === null ? {} : { headers: { link: answer.link } }),
        };
      },
    };
  }

  async #dispatch(call: Call): Promise<Answer> {
    const [, owner, name, rest] = /^\/repos\/([^/]+)\/([^/]+)(\/.*)?$/.exec(call.path) ?? [];
    if (owner === undefined || name === undefined) {
      const match = matchRoute(elsewhere, call.method, call.path);
      return match === undefined ? call.upstream() : match.route.handle(call);
    }
    const repo = this.#forge.repos.get(`${owner}/${name}`.toLowerCase());
    if (repo === undefined) throw notFound();
    const isAppAsking = call.identity.kind === "app";
    if (isAppAsking && rest !== "/installation") throw new ApiFault(401, "Bad credentials");
    // A private repository does not exist for those who may not read it.
    if (!isAppAsking && !may(call.identity, repo, "metadata", "read")) throw notFound();
    const match = matchRoute(underRepo, call.method, rest ?? "");
    if (match !== undefined) {
      if (match.route.needs !== undefined) requirePermission(call.identity, repo, match.route.needs);
      return match.route.handle({ ...call, repo, params: match.params });
    }
    if (neverUpstream.test(rest ?? ""))
      throw new ApiFault(404, "Not Found: the embedded forge has no such route; commits are taken by git push.");
    return call.upstream();
  }

  #send(req: IncomingMessage, res: ServerResponse, method: string, path: string, answer: Answer): number {
    if (answer.status === 0) {
      res.destroy();
      return 0;
    }
    const bytes = Buffer.isBuffer(answer.body)
      ? answer.body
      : answer.body === undefined
        ? Buffer.alloc(0)
        : Buffer.from(JSON.stringify(answer.body));
    const headers: Record<string, string> = {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "private, max-age=60, s-maxage=60",
      "x-github-request-id": randomUUID(),
      "x-github-media-type": "github.v3; format=json",
      ...this.#rateLimit(req),
      ...answer.headers,
    };
    let status = answer.status;
    if (method === "GET" && status === 200) {
      const etag = `W/"${createHash("sha256").update(bytes).digest("hex")}"`;
      headers["etag"] = etag;
      if (req.headers["if-none-match"]?.split(/,\s*/).includes(etag)) status = 304;
    }
    if (status !== 304 && !isMinting(method, path)) this.#used.set(callerOf(req), (this.#used.get(callerOf(req)) ?? 0) + 1);
    if (status === 304 || status === 204) res.writeHead(status, headers).end();
    else res.writeHead(status, { ...headers, "content-length": bytes.length }).end(bytes);
    return status;
  }

  /** GitHub's headers. The front shows the budget and never refuses for it: a test that wants a refusal asks for the fault. */
  #rateLimit(req: IncomingMessage): Record<string, string> {
    const used = this.#used.get(callerOf(req)) ?? 0;
    const reset = Math.ceil(Date.now() / 3_600_000) * 3600;
    return {
      "x-ratelimit-limit": "5000",
      "x-ratelimit-remaining": String(Math.max(0, 5000 - used)),
      "x-ratelimit-used": String(used),
      "x-ratelimit-reset": String(reset),
      "x-ratelimit-resource": "core",
    };
  }

  #record(method: string, path: string, status: number, durationMs: number): void {
    const isWrite = method !== "GET" && method !== "HEAD" && !isMinting(method, path) && path !== "/api/graphql";
    const isCounted = status !== 304 && !isMinting(method, path);
    this.#counts.total += 1;
    if (isCounted) this.#counts.counted += 1;
    if (isWrite) this.#counts.writes += 1;
    this.#forge.events.emit({ kind: "api", method, path, status, write: isWrite, counted: isCounted, durationMs });
  }
}

function faultAnswer(fault: FaultRule): Answer {
  return {
    status: fault.status,
    body: { message: fault.message ?? "Injected fault" },
    ...(fault.headers === undefined ? {} : { headers: fault.headers }),
  };
}

function isMinting(method: string, path: string): boolean {
  return method === "POST" && path.endsWith("/access_tokens");
}

function callerOf(req: IncomingMessage): string {
  return req.headers.authorization ?? "";
}

async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** A list is a body too: labels may be put as one. */
function parseBody(text: string): Json {
  if (text.trim() === "") return {};
  try {
    const body: unknown = JSON.parse(text);
    if (isObject(body)) return body;
  } catch {
    // Said below, as for any other body that is no object.
  }
  throw new ApiFault(400, "Problems parsing JSON");
}
