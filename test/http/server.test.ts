import { request, type ClientRequest } from "node:http";
import { afterEach, expect, it } from "vitest";
import { disabledHealth } from "../../src/http/health.ts";
import { createHttpServer, listen, webhookPath } from "../../src/http/server.ts";
import { silentLog } from "../executor/turn-tester.ts";

const MiB = 1024 * 1024;
const servers = new Set<ReturnType<typeof createHttpServer>>();
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers.clear();
});

/** A server whose webhooks are all welcome, and how to begin one of so many bytes. */
async function serve(): Promise<(bytes: number) => ClientRequest> {
  const receive = async (_request: unknown, response: { writeHead(status: number): { end(): void } }) => response.writeHead(200).end();
  const server = createHttpServer({ health: async () => disabledHealth([]), receive, log: silentLog });
  servers.add(server);
  const { port } = await listen(server, "127.0.0.1", 0);
  return (bytes) => request({ port, host: "127.0.0.1", path: webhookPath, method: "POST", headers: { "content-length": bytes } });
}

function statusOf(sent: ClientRequest): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    sent.once("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once("error", reject);
  });
}

/** Sends all but the last byte, and resolves when it has left. */
function sendMost(sent: ClientRequest, bytes: number): Promise<void> {
  sent.on("error", () => undefined); // It is cut off at the end.
  return new Promise((resolve) => sent.write(Buffer.alloc(bytes - 1), () => resolve()));
}

it("turns webhooks away while it holds the halves of too many others", async () => {
  const begin = await serve();
  const size = 24 * MiB;
  for (let sender = 0; sender < 4; sender += 1) await sendMost(begin(size), size);
  const late = begin(6 * MiB);
  const status = statusOf(late);
  late.end(Buffer.alloc(6 * MiB));
  expect(await status).toBe(503);
});

it("takes webhooks again when the others have gone", async () => {
  const begin = await serve();
  for (let sender = 0; sender < 5; sender += 1) {
    const sent = begin(24 * MiB);
    const status = statusOf(sent);
    sent.end(Buffer.alloc(24 * MiB));
    expect(await status).toBe(200);
  }
});
