import { createHmac, createSign } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { EmbeddedForge } from "../../demo/front/embedded-forge.ts";

/** What an answer holds is what a test is about to say. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

/** A webhook as its receiver sees it. */
export interface Received {
  readonly event: string;
  readonly delivery: string;
  readonly isSigned: boolean;
  readonly payload: Loose;
}

/** Receives a forge's webhooks, checks their signature and keeps them. */
export async function receiveWebhooks(forge: EmbeddedForge): Promise<{ readonly received: Received[]; close(): void }> {
  const received: Received[] = [];
  const server = createServer((req, res) => {
    let body = "";
    req.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    req.on("end", () => {
      const expected = `sha256=${createHmac("sha256", forge.webhookSecret).update(body).digest("hex")}`;
      received.push({
        event: String(req.headers["x-github-event"]),
        delivery: String(req.headers["x-github-delivery"]),
        isSigned: req.headers["x-hub-signature-256"] === expected,
        payload: JSON.parse(body),
      });
      res.end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  forge.deliverTo(`http://127.0.0.1:${address.port}/`);
  return {
    received,
    close() {
      forge.deliverTo(undefined);
      server.close();
      server.closeAllConnections();
    },
  };
}

export function appJwt(forge: EmbeddedForge): string {
  const now = Math.floor(Date.now() / 1000);
  const text = `${jwtPart({ alg: "RS256", typ: "JWT" })}.${jwtPart({ iat: now - 30, exp: now + 300, iss: forge.appId })}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(forge.privateKey, "base64url")}`;
}

function jwtPart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

export interface Response {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Loose;
}

/** One request to the API, by any token. */
export async function request(
  forge: EmbeddedForge,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const response = await fetch(path.startsWith("/api/") ? `${forge.url}${path}` : `${forge.url}/api/v3${path}`, {
    method,
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === "" ? undefined : JSON.parse(text) };
}

/** An installation token, minted by JWT as an App does. */
export async function mint(forge: EmbeddedForge, repo: string, narrowing: object = {}): Promise<string> {
  const installation = await request(forge, appJwt(forge), "GET", `/repos/${repo}/installation`);
  const minted = await request(forge, appJwt(forge), "POST", `/app/installations/${installation.json.id}/access_tokens`, narrowing);
  return minted.json.token;
}

export interface GitRun {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Workspace {
  readonly directory: string;
  git(...args: string[]): Promise<GitRun>;
  remove(): Promise<void>;
}

/** A temporary folder to run git in, with nothing of this machine's configuration. */
export async function createWorkspace(): Promise<Workspace> {
  const directory = await mkdtemp(join(tmpdir(), "front-test-"));
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: directory,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: "Tester",
    GIT_AUTHOR_EMAIL: "tester@example.com",
    GIT_COMMITTER_NAME: "Tester",
    GIT_COMMITTER_EMAIL: "tester@example.com",
  };
  return {
    directory,
    async git(...args) {
      const { exitCode, stdout, stderr } = await execa("git", args, { cwd: directory, env, extendEnv: false, reject: false });
      return { exitCode, stdout, stderr };
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

export function remote(forge: EmbeddedForge, repo: string, token?: string): string {
  return `http://${token === undefined ? "" : `x-access-token:${token}@`}${forge.host}/${repo}.git`;
}
