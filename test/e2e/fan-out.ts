import { once } from "node:events";
import { createServer } from "node:http";

/** The forge knows one address for webhooks; here every AFK of a world gets each of them, as replicas behind one balancer would in turn. */
export interface FanOut {
  readonly url: string;
  add(url: string): void;
  remove(url: string): void;
  close(): void;
}

export async function startFanOut(): Promise<FanOut> {
  const targets = new Set<string>();
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const headers = Object.fromEntries(Object.entries(req.headers).filter(([name]) => /^(?:x-|content-type)/.test(name))) as Record<
        string,
        string
      >;
      const body = Buffer.concat(chunks);
      void Promise.all([...targets].map((target) => post(target, headers, body))).then(() => res.end());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    add: (url) => void targets.add(url),
    remove: (url) => void targets.delete(url),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };

  /** A new connection each: an idle one may be closed at any moment. */
  async function post(target: string, headers: Record<string, string>, body: Buffer): Promise<void> {
    try {
      await (await fetch(target, { method: "POST", headers: { ...headers, connection: "close" }, body })).arrayBuffer();
    } catch {
      // It is ending, and its successor will sweep.
    }
  }
}
