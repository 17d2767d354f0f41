import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createDoorbell } from "../../src/doorbell/doorbell-webhook.ts";
import type { Doorbell, Log } from "../../src/ports.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";

/** What a receiver got. */
export interface Request {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Line {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface DoorbellTester {
  readonly doorbell: Doorbell;
  readonly clock: ManualClock;
  readonly host: string;
  readonly requests: readonly Request[];
  readonly lines: readonly Line[];
  /** Resolves with so many requests when the receiver has had them. */
  requested(count: number): Promise<readonly Request[]>;
  /** Resolves with so many lines of a message when they have been logged. */
  logged(message: string, count?: number): Promise<readonly Line[]>;
  /** The receiver is gone: nobody listens any more. */
  vanish(): Promise<void>;
}

export const secret = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
export const secretPath = "/hooks/only-we-know?token=t0ps3cret";

/** A doorbell and the receiver it rings, on real HTTP; time stands still. Each request takes the next answer, and 204 when there is none. */
export async function createDoorbellTester(...answers: readonly (number | RequestListener)[]): Promise<DoorbellTester> {
  const clock = createManualClock();
  const requests: Request[] = [];
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  const look = (): void => watchers.forEach((watch) => watch());
  const server = createServer((request, response) => {
    const { method, url: path, headers } = request;
    void text(request).then((body) => {
      const answer = answers[requests.push({ method, path, headers, body }) - 1] ?? 204;
      if (typeof answer === "number") response.writeHead(answer).end();
      else answer(request, response);
      return look();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const write =
    (level: keyof Log) =>
    (fields: object, message: string): void => {
      lines.push({ level, message, fields: { ...fields } });
      look();
    };
  const log: Log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const timers = { now: () => clock.now(), after: (ms: number, fn: () => void) => clock.schedule(fn, ms) };
  const until = <T>(find: () => readonly T[], count: number): Promise<readonly T[]> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (find().length < count) return;
        watchers.delete(check);
        resolve(find());
      };
      watchers.add(check);
      check();
    });
  return {
    doorbell: createDoorbell({ url: `http://${host}${secretPath}`, secret }, { clock, timers, log }),
    clock,
    host,
    requests,
    lines,
    requested: (count) => until(() => requests, count),
    logged: (message, count = 1) => until(() => lines.filter((line) => line.message === message), count),
    vanish: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
