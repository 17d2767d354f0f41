import type { Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Config, OperatorConfig } from "../config.ts";
import { disabledHealth, sharedNetwork } from "../http/health.ts";
import { createHttpServer, listen, webhookPath } from "../http/server.ts";
import { createProbot, wire } from "../index.ts";
import { stopSignal } from "./stop-signal.ts";

/** SIGTERM's usual grace is 10 to 30 s; what has not ended by then is left to the lease. */
const graceMs = 14_000;

/** Serves until SIGTERM or SIGINT. Answers the exit code. */
export async function serve(config: Config, log: Logger): Promise<number> {
  const probot = createProbot(config, log);
  const afk = await wire(probot, config, log);
  const receive = await probot.getNodeMiddleware({ path: webhookPath });
  const server = createHttpServer({ health: () => afk.health(), receive, log });
  const stopped = stopSignal();
  const { address, port } = await listen(server, config.host, config.port);
  log.info({ host: address, port, sandbox: config.sandbox, network: sharedNetwork }, "listening");
  afk.loop.start();
  const signal = await stopped;
  log.info({ signal }, "stopping");
  const isClean = await Promise.race([close(server).then(() => afk.close()).then(() => true), delay(graceMs, false)]);
  log.info({ isClean }, "stopped");
  // Whatever still holds the event loop open has had its time.
  process.exit(isClean ? 0 : 1);
}

/** Without App credentials AFK answers its health and nothing else, so that an operator can see why. */
export async function serveDisabled(config: OperatorConfig, why: string, log: Logger): Promise<number> {
  const server = createHttpServer({ health: () => Promise.resolve(disabledHealth([why])), receive: undefined, log });
  const stopped = stopSignal();
  const { address, port } = await listen(server, config.host, config.port);
  log.warn({ host: address, port, why }, "listening, but disabled");
  await stopped;
  await close(server);
  return 0;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await closed;
}
