import type { Server } from "node:http";
import type { Logger } from "pino";
import type { Config, OperatorConfig } from "../config.ts";
import { disabledHealth, sharedNetwork } from "../http/health.ts";
import { createHttpServer, listen, webhookPath } from "../http/server.ts";
import { createProbot, wire } from "../index.ts";
import { closeInTime } from "./close-in-time.ts";
import { stopSignal } from "./stop-signal.ts";

/** A request that has arrived is answered within milliseconds; one that has not after this long is cut off, for it may take until it suits its sender. */
const answerMs = 1_000;

/** Serves until SIGTERM or SIGINT. Answers the exit code. */
export async function serve(config: Config, log: Logger): Promise<number> {
  const probot = createProbot(config, log);
  const afk = await wire(probot, config, log);
  const receive = await probot.getNodeMiddleware({ path: webhookPath });
  const server = createHttpServer({ health: () => afk.health(), receive, log });
  const stopped = stopSignal();
  const { address, port } = await listen(server, config.host, config.port).catch(async (error: unknown) => {
    // The home's lock would keep the process alive.
    await afk.close();
    throw error;
  });
  log.info({ host: address, port, sandbox: config.sandbox, network: sharedNetwork }, "listening");
  afk.loop.start();
  const signal = await stopped;
  log.info({ signal }, "stopping");
  const isClean = await closeInTime(close(server).then(() => afk.close()));
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
  const cutOff = setTimeout(() => server.closeAllConnections(), answerMs);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cutOff);
}
