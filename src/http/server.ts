import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Log } from "../ports.ts";
import type { Health } from "./health.ts";

/** GitHub caps its payloads at 25 MB; nothing longer is a webhook. */
const maxPayloadBytes = 25 * 1024 * 1024;

/** All bodies that are being read at once. Nobody has vouched for them yet, and whoever is turned away is told to come again. */
const maxIntakeBytes = 4 * maxPayloadBytes;

/** Where Probot expects webhooks, on every forge of GitHub's shape. */
export const webhookPath = "/api/github/webhooks";

/** Takes a verified-or-refused webhook. It finds the body in `request.rawBody`, where @octokit/webhooks looks when `request.body` is an object. */
export type WebhookReceiver = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>;

export interface HttpDeps {
  readonly health: () => Promise<Health>;
  /** `undefined` while AFK is disabled: webhooks get 503, so that the forge shows them as failed. */
  readonly receive: WebhookReceiver | undefined;
  readonly log: Log;
}

/** `intake`: what a server holds of bodies that it is reading. */
type Route = (request: IncomingMessage, response: ServerResponse, deps: HttpDeps & { readonly intake: { bytes: number } }) => Promise<void>;

const takeWebhook: Route = async (request, response, { receive, health, log, intake }) => {
  if (receive === undefined) {
    sendJson(response, 503, { error: "AFK is disabled", reasons: (await health()).reasons });
    return;
  }
  const rawBody = await readBody(request, intake);
  if (rawBody === "too-many") {
    log.warn({ limit: maxIntakeBytes }, "too many webhooks at once");
    sendJson(response, 503, { error: "too much at once" });
    return;
  }
  if (rawBody === "too-long") {
    log.warn({ limit: maxPayloadBytes }, "webhook payload too large");
    sendJson(response, 413, { error: `a webhook has at most ${maxPayloadBytes} bytes` });
    return;
  }
  await receive(Object.assign(request, { body: {}, rawBody }), response);
};

const routes: Readonly<Record<string, Route>> = {
  "GET /health": async (_request, response, { health }) => sendJson(response, 200, await health()),
  "GET /ready": async (_request, response, { health }) => {
    const { status, reasons } = await health();
    sendJson(response, status === "disabled" ? 503 : 200, { ready: status !== "disabled", reasons });
  },
  [`POST ${webhookPath}`]: takeWebhook,
};

/**
 * The whole body, unless it or all of them together are too much; what comes after a limit is dropped unread. By events: an iterator over
 * the request makes the whole answer a tenth slower, as does a copy of a body that came in one piece (see `npm run bench`).
 */
async function readBody(request: IncomingMessage, intake: { bytes: number }): Promise<Uint8Array | "too-long" | "too-many"> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    return await new Promise((resolve, reject) => {
      // A request without an encoding yields bytes.
      function take(chunk: Uint8Array): void {
        length += chunk.length;
        intake.bytes += chunk.length;
        if (length > maxPayloadBytes) refuse("too-long");
        else if (intake.bytes > maxIntakeBytes) refuse("too-many");
        else chunks.push(chunk);
      }
      function refuse(why: "too-long" | "too-many"): void {
        request.off("data", take).resume();
        chunks.length = 0;
        resolve(why);
      }
      request.on("data", take);
      request.once("end", () => resolve(joined(chunks)));
      request.once("error", reject);
    });
  } finally {
    intake.bytes -= length;
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(value)}\n`);
}

/** AFK's HTTP server, not yet listening. */
export function createHttpServer(deps: HttpDeps): Server {
  const intake = { bytes: 0 };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?", 1)[0];
    const route = routes[`${request.method} ${path}`];
    if (route === undefined) return sendJson(response, 404, { error: "no such route" });
    return route(request, response, { ...deps, intake });
  }
  return createServer({ requestTimeout: 30_000, headersTimeout: 15_000 }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      deps.log.error({ err: error, method: request.method }, "request failed");
      if (!response.headersSent) sendJson(response, 500, { error: "internal error" });
      else response.destroy();
    });
  });
}

/** Listens, on any free port when `port` is 0. Rejects when the address cannot be had. */
export async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the HTTP server listens on no port");
  return address;
}
