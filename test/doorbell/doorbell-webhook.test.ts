import { createHmac } from "node:crypto";
import type { RequestListener } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { createDoorbell } from "../../src/doorbell/doorbell-webhook.ts";
import { createDoorbellTester, secret, secretPath, type DoorbellTester, type Request } from "./doorbell-tester.ts";
import { closed, handedOver } from "./notices.ts";

const testers: DoorbellTester[] = [];
afterEach(async () => {
  await Promise.all(testers.splice(0).map((tester) => tester.vanish()));
});

async function ready(...answers: readonly (number | RequestListener)[]): Promise<DoorbellTester> {
  const tester = await createDoorbellTester(...answers);
  testers.push(tester);
  return tester;
}

const silent: RequestListener = () => {};
const notNow =
  (status: number, retryAfter: string): RequestListener =>
  (_request, response) =>
    response.writeHead(status, { "retry-after": retryAfter }).end();

/** Lets the next wait pass, and answers how long it was. */
async function passWait({ clock, logged }: DoorbellTester, count: number): Promise<unknown> {
  const waitMs = (await logged("notice not delivered yet", count)).at(-1)?.fields["waitMs"];
  clock.advance(Number(waitMs));
  return waitMs;
}

/** As the specification has it, without AFK's own code. */
function isSigned({ headers, body }: Request): boolean {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const said = [headers["webhook-id"], headers["webhook-timestamp"], body].join(".");
  const signature = createHmac("sha256", key).update(said).digest("base64");
  return headers["webhook-signature"] === `v1,${signature}`;
}

const idsOf = (requests: readonly Request[]) => requests.map(({ headers }) => headers["webhook-id"]);

describe("a notice", () => {
  it("is posted as JSON, with its type, the time of the end and the facts", async () => {
    const { doorbell, requested } = await ready();
    doorbell.ring(handedOver(7));
    const [request] = await requested(1);
    expect(request).toMatchObject({ method: "POST", path: secretPath, headers: { "content-type": "application/json" } });
    expect(JSON.parse(request?.body ?? "")).toEqual({ type: "run.handed-over", timestamp: "2026-01-05T08:59:00Z", data: handedOver(7) });
  });

  it("is signed by its id, the time of the try and the body", async () => {
    const { doorbell, requested, clock } = await ready();
    doorbell.ring(closed(7));
    const [request] = await requested(1);
    expect(request?.headers).toMatchObject({ "webhook-id": "7-ab12-end-1", "webhook-timestamp": String(clock.now() / 1000) });
    expect(request !== undefined && isSigned(request)).toBe(true);
  });

  it("is logged when it is delivered", async () => {
    const { doorbell, logged, host } = await ready();
    doorbell.ring(closed(7));
    const [line] = await logged("notice delivered");
    expect(line).toMatchObject({ level: "info", fields: { notice: "7-ab12-end-1", repo: "acme/shop", issue: 7, host, tries: 1 } });
  });

  it("is delivered whatever the answer's body is, and that is not read", async () => {
    let cutOff = (): void => {};
    const isCutOff = new Promise<void>((resolve) => (cutOff = resolve));
    const { doorbell, logged } = await ready((_request, response) => {
      const pour = (): boolean => response.write("x".repeat(65_536)) && pour();
      response.on("drain", pour).on("close", cutOff).writeHead(200);
      pour();
    });
    doorbell.ring(closed(7));
    await expect(logged("notice delivered")).resolves.toHaveLength(1);
    await isCutOff;
  });

  it("is posted once when it rings again before it is delivered", async () => {
    const tester = await ready(503);
    tester.doorbell.ring(handedOver(7));
    tester.doorbell.ring(handedOver(8));
    tester.doorbell.ring(handedOver(8));
    tester.doorbell.ring(handedOver(7));
    tester.doorbell.ring(handedOver(9));
    await passWait(tester, 1);
    await tester.logged("notice delivered", 3);
    expect(idsOf(tester.requests)).toEqual(["7-ab12-end-1", "7-ab12-end-1", "8-ab12-end-1", "9-ab12-end-1"]);
  });

  it("rings nobody when there is no receiver", async () => {
    const { clock, lines } = await ready();
    const log = { debug: fail, info: fail, warn: fail, error: fail };
    const doorbell = createDoorbell(undefined, { clock, timers: { now: clock.now, after: fail }, log });
    doorbell.ring(handedOver(7));
    await doorbell.close();
    expect([doorbell.ailment(), lines]).toEqual([undefined, []]);
  });
});

function fail(): never {
  throw new Error("nothing is to happen");
}

describe("a try that failed", () => {
  it.each([429, 500, 503])("with %i is made again after five seconds, signed anew", async (status) => {
    const tester = await ready(status);
    tester.doorbell.ring(handedOver(7));
    expect(await passWait(tester, 1)).toBe(5_000);
    await tester.logged("notice delivered");
    const [first, second] = tester.requests.map(({ headers }) => Number(headers["webhook-timestamp"]));
    expect(Number(second) - Number(first)).toBe(5);
    expect(idsOf(tester.requests)).toEqual(["7-ab12-end-1", "7-ab12-end-1"]);
    expect(tester.requests.every(isSigned)).toBe(true);
  });

  it.each([400, 401, 404, 410])("with %i is not made again", async (status) => {
    const { doorbell, logged, requests, host } = await ready(status);
    doorbell.ring(handedOver(7));
    const [line] = await logged("notice given up");
    expect(line).toMatchObject({ level: "error", fields: { why: `it answers with ${status}`, tries: 1 } });
    expect([requests.length, doorbell.ailment()]).toEqual([1, `notices do not reach ${host}: it answers with ${status}`]);
  });

  it("because of a redirect is not made again, and nothing goes where it leads", async () => {
    const { doorbell, logged, requests } = await ready((_request, response) => response.writeHead(307, { location: "/elsewhere" }).end());
    doorbell.ring(handedOver(7));
    const [line] = await logged("notice given up");
    expect(line?.fields).toMatchObject({ why: "it answers with 307; redirects are not followed", tries: 1 });
    expect(requests.map(({ path }) => path)).toEqual([secretPath]);
  });

  it("because the connection broke is made again", async () => {
    const tester = await ready((request) => request.socket.destroy());
    tester.doorbell.ring(handedOver(7));
    expect(await passWait(tester, 1)).toBe(5_000);
    await tester.logged("notice delivered");
  });

  it("because nothing was answered for ten seconds is made again", async () => {
    const tester = await ready(silent);
    tester.doorbell.ring(handedOver(7));
    await tester.requested(1);
    tester.clock.advance(9_999);
    expect(tester.lines).toEqual([]);
    tester.clock.advance(1);
    const [line] = await tester.logged("notice not delivered yet");
    expect(line?.fields).toMatchObject({ why: "no answer within 10 s", tries: 1 });
    await passWait(tester, 1);
    await tester.logged("notice delivered");
  });

  it.each([
    ["60", 60_000],
    ["1", 5_000],
    ["Mon, 05 Jan 2026 09:00:40 GMT", 40_000],
    ["Mon, 05 Jan 2026 08:00:00 GMT", 5_000],
    ["86400", 600_000],
    ["soon", 5_000],
  ])("is made again when the receiver asks for it, within bounds: %s", async (retryAfter, waitMs) => {
    const tester = await ready(notNow(429, retryAfter));
    tester.doorbell.ring(handedOver(7));
    expect(await passWait(tester, 1)).toBe(waitMs);
    await tester.logged("notice delivered");
  });

  it("holds back the notices after it, so that they come in order", async () => {
    const tester = await ready(503);
    for (const issue of [7, 8, 9]) tester.doorbell.ring(handedOver(issue));
    await passWait(tester, 1);
    await tester.logged("notice delivered", 3);
    expect(idsOf(tester.requests)).toEqual(["7-ab12-end-1", "7-ab12-end-1", "8-ab12-end-1", "9-ab12-end-1"]);
  });
});

describe("a dead receiver", () => {
  it("is tried five times, ever later, and then the notice is given up", async () => {
    const tester = await ready();
    await tester.vanish();
    tester.doorbell.ring(handedOver(7));
    const waits = [];
    for (let tries = 1; tries < 5; tries += 1) waits.push(await passWait(tester, tries));
    expect(waits).toEqual([5_000, 30_000, 120_000, 600_000]);
    const [line] = await tester.logged("notice given up");
    expect(line).toMatchObject({ level: "error", fields: { why: "ECONNREFUSED", tries: 5 } });
    expect(tester.doorbell.ailment()).toBe(`notices do not reach ${tester.host}: ECONNREFUSED`);
  });

  it("is an ailment from its first failure until a notice is delivered", async () => {
    const tester = await ready(500, 404, 200);
    const { doorbell, logged, host } = tester;
    expect(doorbell.ailment()).toBeUndefined();
    doorbell.ring(handedOver(7));
    await logged("notice not delivered yet");
    expect(doorbell.ailment()).toBe(`notices do not reach ${host}: it answers with 500`);
    await passWait(tester, 1);
    await logged("notice given up");
    expect(doorbell.ailment()).toBe(`notices do not reach ${host}: it answers with 404`);
    doorbell.ring(closed(8));
    await logged("notice delivered");
    expect(doorbell.ailment()).toBeUndefined();
  });

  it("keeps no more than a hundred notices waiting, and the quiet ones go first", async () => {
    const { doorbell, requested, lines } = await ready(silent);
    doorbell.ring(handedOver(1));
    await requested(1);
    for (let issue = 2; issue <= 101; issue += 1) doorbell.ring(issue === 50 ? closed(issue) : handedOver(issue));
    expect(lines).toEqual([]);
    doorbell.ring(handedOver(102));
    doorbell.ring(handedOver(103));
    expect(lines.map(({ level, message, fields }) => [level, message, fields["issue"]])).toEqual([
      ["warn", "notice dropped", 50],
      ["warn", "notice dropped", 2],
    ]);
  });
});

describe("the end of AFK", () => {
  it("waits for the notice that is on its way, and gives those behind it one try", async () => {
    let answer = (): void => {};
    const { doorbell, requested, requests, logged } = await ready((_request, response) => (answer = () => response.end()), 503);
    for (const issue of [7, 8, 9]) doorbell.ring(handedOver(issue));
    await requested(1);
    const closing = doorbell.close();
    answer();
    await closing;
    expect(idsOf(requests)).toEqual(["7-ab12-end-1", "8-ab12-end-1", "9-ab12-end-1"]);
    const [line] = await logged("notice given up");
    expect(line?.fields).toMatchObject({ issue: 8, tries: 1, why: "it answers with 503" });
  });

  it("does not sit out a wait: the notice gets its last try at once", async () => {
    const { doorbell, logged, requests } = await ready(503, 503);
    doorbell.ring(handedOver(7));
    await logged("notice not delivered yet");
    await doorbell.close();
    const [line] = await logged("notice given up");
    expect([requests.length, line?.fields["tries"]]).toEqual([2, 2]);
  });

  it("comes after two seconds, however slow the receiver is, and names what was not delivered", async () => {
    const { doorbell, requested, requests, clock, logged } = await ready(silent);
    for (const issue of [7, 8]) doorbell.ring(handedOver(issue));
    await requested(1);
    const closing = doorbell.close();
    clock.advance(2_000);
    await closing;
    const lines = await logged("notice given up", 2);
    expect(lines.map(({ fields }) => [fields["issue"], fields["why"]])).toEqual([
      [7, "AFK is ending"],
      [8, "AFK is ending"],
    ]);
    expect(requests).toHaveLength(1);
  });

  it("leaves a notice that rings after it with a line in the log", async () => {
    const { doorbell, requests, logged } = await ready();
    await doorbell.close();
    doorbell.ring(handedOver(7));
    const [line] = await logged("notice given up");
    expect(line?.fields).toMatchObject({ issue: 7, why: "AFK is ending" });
    expect(requests).toEqual([]);
  });
});

describe("the receiver's secrets", () => {
  it("are in no log line and in no ailment, whatever fails", async () => {
    const redirect: RequestListener = (_request, response) => response.writeHead(302, { location: secretPath }).end();
    const tester = await ready(500, redirect, (request) => request.socket.destroy(), silent, 200);
    const { doorbell, logged, clock, requested } = tester;
    const ailments: unknown[] = [];
    doorbell.ring(handedOver(7));
    await passWait(tester, 1);
    await logged("notice given up");
    ailments.push(doorbell.ailment());
    doorbell.ring(handedOver(8));
    await passWait(tester, 2);
    ailments.push(doorbell.ailment());
    await requested(4);
    clock.advance(10_000);
    await passWait(tester, 3);
    await logged("notice delivered");
    await tester.vanish();
    doorbell.ring(handedOver(9));
    await logged("notice not delivered yet", 4);
    ailments.push(doorbell.ailment());
    const said = JSON.stringify([tester.lines, ailments]);
    expect(said).toContain(tester.host);
    for (const hidden of ["only-we-know", "t0ps3cret", secret.slice(6)]) expect(said).not.toContain(hidden);
  });
});
