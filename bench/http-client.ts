import { Agent, request, type OutgoingHttpHeaders } from "node:http";

export interface Message {
  readonly method: "GET" | "POST";
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

/** Sends over connections that stay open, as a forge's and a load balancer's do. */
export interface HttpClient {
  /** Milliseconds from sending to the end of the answer. Rejects unless it is 2xx. */
  send(message: Message): Promise<number>;
  close(): void;
}

export function createHttpClient(url: string, connections: number): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    send: ({ method, headers, body }) =>
      new Promise((resolve, reject) => {
        const startedAt = performance.now();
        const sent = request(url, { method, headers, agent }, (response) => {
          response.resume().once("end", () => {
            const { statusCode = 0 } = response;
            if (statusCode >= 200 && statusCode < 300) resolve(performance.now() - startedAt);
            else reject(new Error(`${url} answered ${statusCode}`));
          });
        });
        sent.once("error", reject).end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** Sends `count` messages, `abreast` at a time, and answers how long each took. */
export async function sendMany(client: HttpClient, count: number, abreast: number, write: () => Message): Promise<readonly number[]> {
  const took: number[] = [];
  let left = count;
  async function sendInTurn(): Promise<void> {
    while (left > 0) {
      left -= 1;
      took.push(await client.send(write()));
    }
  }
  await Promise.all(Array.from({ length: abreast }, sendInTurn));
  return took;
}
