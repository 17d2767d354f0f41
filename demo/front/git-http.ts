import { spawn, type ChildProcessByStdio } from "node:child_process";
import { existsSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { hasCode, killGroup } from "./process-group.ts";
import { commandSection, encodeRefusal, readReportStatus, type RefCommand } from "./pkt-line.ts";

/** What the client sent by Basic auth. On GitHub the user is `x-access-token` or anything, the password is the token. */
export interface BasicCredential {
  readonly user: string;
  readonly password: string;
}

/** `false` is 401 without a credential and 403 with one; a number says which refusal it is. */
export type GitAccess = boolean | 401 | 403 | 404;

/** One ref that a push has moved. The zero oid stands for "was not there" and "is gone". */
export interface PushedRef extends RefCommand {
  /** `owner/name` */
  readonly repo: string;
  readonly credential: BasicCredential | undefined;
}

export interface RefusedRef {
  readonly ref: string;
  /** What the client prints beside the ref: `! [remote rejected] main -> main (<reason>)`. */
  readonly reason: string;
  /** What the client prints as `remote: …`. */
  readonly message: string;
}

export interface GitHttpOptions {
  /** Bare repositories lie at `<root>/<owner>/<name>.git`. */
  readonly root: string;
  authorize(repo: string, credential: BasicCredential | undefined, wants: "read" | "write"): GitAccess | Promise<GitAccess>;
  /** Called once a ref that receive-pack says it has moved, after the client has been answered. */
  onPush?(change: PushedRef): void;
  /** The pre-receive check: one refused ref refuses the whole push, as GitHub's does. */
  refusePush?(repo: string, credential: BasicCredential | undefined, commands: readonly RefCommand[]): readonly RefusedRef[];
  /** Lets git do its work and then answers this status instead (0 cuts the connection): a push that was accepted but whose answer was lost. */
  answerInstead?(req: IncomingMessage): number | undefined;
  /** Ends every running git process. */
  readonly signal?: AbortSignal;
}

type Backend = ChildProcessByStdio<Writable, Readable, Readable>;

interface GitRequest {
  readonly repo: string;
  readonly directory: string;
  readonly pathInfo: string;
  readonly query: URLSearchParams;
  readonly service: "info" | "git-upload-pack" | "git-receive-pack";
  readonly wants: "read" | "write";
  readonly credential: BasicCredential | undefined;
}

const gitPath = /^\/([A-Za-z0-9][A-Za-z0-9-]*)\/([A-Za-z0-9._-]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;

/**
 * Smart git over HTTP for the bare repositories under `root`: `git http-backend` behind `node:http`.
 * The handler answers `true` when the request was git's; any other request is left untouched.
 */
export function createGitHttp(options: GitHttpOptions): (req: IncomingMessage, res: ServerResponse) => Promise<boolean> {
  return async function handleGit(req, res) {
    const request = parseGitRequest(req, options.root);
    if (request === undefined) return false;
    const access = await options.authorize(request.repo, request.credential, request.wants);
    if (access !== true) {
      refuse(res, access === false ? (request.credential === undefined ? 401 : 403) : access);
      return true;
    }
    if (!existsSync(request.directory)) {
      refuse(res, 404);
      return true;
    }
    if (request.service === "git-receive-pack") await receivePack(options, request, req, res);
    else await uploadPack(options, request, req, res);
    return true;
  };
}

function parseGitRequest(req: IncomingMessage, root: string): GitRequest | undefined {
  const url = new URL(req.url ?? "/", "http://git.invalid");
  const match = gitPath.exec(url.pathname);
  if (match === null) return undefined;
  const [, owner = "", name = "", endpoint = ""] = match;
  if (name === "." || name === "..") return undefined;
  const service = endpoint === "git-upload-pack" || endpoint === "git-receive-pack" ? endpoint : "info";
  const isWrite = (service === "info" ? url.searchParams.get("service") : service) === "git-receive-pack";
  return {
    repo: `${owner}/${name}`,
    directory: join(root, owner, `${name}.git`),
    pathInfo: `/${owner}/${name}.git/${endpoint}`,
    query: url.searchParams,
    service,
    wants: isWrite ? "write" : "read",
    credential: parseBasic(req.headers.authorization),
  };
}

function parseBasic(header: string | undefined): BasicCredential | undefined {
  const encoded = /^basic\s+(\S+)$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

const refusals = {
  401: "Authentication is needed: use x-access-token and a token.",
  403: "Write access to repository not granted.",
  404: "Repository not found.",
} as const;

function refuse(res: ServerResponse, status: 401 | 403 | 404): void {
  res.writeHead(status, { "content-type": "text/plain", ...(status === 401 ? { "www-authenticate": 'Basic realm="git"' } : {}) });
  res.end(`${refusals[status]}\n`);
}

async function uploadPack(options: GitHttpOptions, request: GitRequest, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const backend = startBackend(options, request, req);
  res.once("close", () => {
    if (backend.exitCode === null) killGroup(backend.pid);
  });
  const fed = pipeline(decoded(req), backend.stdin).catch(ignoreBrokenPipe);
  await sendCgi(backend, res, options.answerInstead?.(req));
  await fed;
}

/**
 * The commands are read before receive-pack sees them (for the pre-receive check), its report after (for what really moved).
 * A client that goes away does not kill receive-pack: a real server completes a push it has received, and a killed one leaves ref locks.
 */
async function receivePack(options: GitHttpOptions, request: GitRequest, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const body = decoded(req)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const { head, commands, capabilities } = await commandSection(body);
  const refused = options.refusePush?.(request.repo, request.credential, commands) ?? [];
  if (refused.length > 0) {
    for (let next = await body.next(); next.done !== true; next = await body.next());
    res.writeHead(200, { "content-type": "application/x-git-receive-pack-result", "cache-control": "no-cache" });
    res.end(encodeRefusal(commands, refused, capabilities));
    return;
  }
  const backend = startBackend(options, request, req);
  const fed = pipeline(Readable.from(prepend(head, body)), backend.stdin).catch(ignoreBrokenPipe);
  const answer = await sendCgi(backend, res, options.answerInstead?.(req), { isCollected: true });
  await fed;
  const moved = readReportStatus(answer, capabilities);
  for (const command of commands) {
    if (moved.has(command.ref)) options.onPush?.({ ...command, repo: request.repo, credential: request.credential });
  }
}

function decoded(req: IncomingMessage): Readable {
  return req.headers["content-encoding"] === "gzip" ? req.pipe(createGunzip()) : req;
}

async function* prepend(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

function startBackend(options: GitHttpOptions, request: GitRequest, req: IncomingMessage): Backend {
  const protocol = req.headers["git-protocol"];
  const backend = spawn("git", ["http-backend"], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "",
      LC_ALL: "C",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: options.root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: request.pathInfo,
      REQUEST_METHOD: req.method ?? "GET",
      QUERY_STRING: request.query.toString(),
      CONTENT_TYPE: req.headers["content-type"] ?? "",
      REMOTE_ADDR: "127.0.0.1",
      REMOTE_USER: request.credential?.user ?? "anonymous",
      ...(typeof protocol === "string" ? { GIT_PROTOCOL: protocol } : {}),
    },
  });
  const abort = (): void => killGroup(backend.pid);
  options.signal?.addEventListener("abort", abort, { once: true });
  backend.once("close", () => options.signal?.removeEventListener("abort", abort));
  backend.stderr.resume();
  return backend;
}

/** Streams a CGI answer (headers, blank line, body) to the client, and answers the body when it is collected. */
async function sendCgi(backend: Backend, res: ServerResponse, instead: number | undefined, { isCollected = false } = {}): Promise<Buffer> {
  const kept: Buffer[] = [];
  let header: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of backend.stdout as AsyncIterable<Buffer>) {
    let body: Buffer = chunk;
    if (header !== undefined) {
      header = Buffer.concat([header, chunk]);
      const end = header.indexOf("\r\n\r\n");
      if (end < 0) continue;
      if (instead === undefined) writeCgiHead(res, header.subarray(0, end).toString("latin1"));
      body = header.subarray(end + 4);
      header = undefined;
    }
    if (isCollected) kept.push(body);
    if (instead === undefined && !res.destroyed && !res.write(body)) await drained(res);
  }
  if (instead === 0) res.destroy();
  else if (instead !== undefined || header !== undefined) res.writeHead(instead ?? 500).end();
  else res.end();
  return Buffer.concat(kept);
}

function writeCgiHead(res: ServerResponse, text: string): void {
  let status = 200;
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "status") status = Number.parseInt(value, 10);
    else res.setHeader(name, value);
  }
  res.writeHead(status);
}

/** A client that went away never drains: its close counts too. */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off("drain", done);
      res.off("close", done);
      resolve();
    };
    res.on("drain", done);
    res.on("close", done);
  });
}

/** git may stop reading before the client stops sending; its own answer tells why. */
function ignoreBrokenPipe(error: unknown): void {
  if (!hasCode(error, ["EPIPE", "ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE", "ERR_STREAM_DESTROYED", "ABORT_ERR"])) throw error;
}
