// The floor of the webhook bench: Probot behind node:http, with a handler that does nothing. Plain JavaScript, so that no loader stands between.
import { createServer } from "node:http";
import { pino } from "pino";
import { Probot } from "probot";

const log = pino({ level: "info" });
const { APP_ID, PRIVATE_KEY, WEBHOOK_SECRET } = process.env;
const probot = new Probot({ appId: APP_ID, privateKey: PRIVATE_KEY, secret: WEBHOOK_SECRET, log });
await probot.load((app) => app.on("issues.labeled", () => {}));
const receive = await probot.getNodeMiddleware({ path: "/api/github/webhooks" });
const server = createServer((request, response) => {
  if (request.method === "GET" && request.url === "/health") {
    response.writeHead(200, { "content-type": "application/json" }).end('{"status":"ok"}\n');
    return;
  }
  receive(request, response).catch(() => response.destroy());
});
server.listen(0, "127.0.0.1", () => log.info({ port: server.address().port }, "listening"));
process.once("SIGTERM", () => process.exit(0));
