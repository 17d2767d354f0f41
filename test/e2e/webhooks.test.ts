import { createHmac } from "node:crypto";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type Served, type World } from "./support.ts";

const slug = "acme/guarded";

let world: World;
let afk: Served;
beforeAll(async () => {
  world = await startWorld("guarded");
  afk = await world.serve([slug]);
  await afk.said("decision", { why: "sweep" });
  world.forge.resetRequests();
});
afterAll(() => world.close());

const labelled = JSON.stringify({
  action: "labeled",
  label: { name: "ready-for-agent" },
  issue: { number: 1 },
  repository: { name: "guarded", full_name: slug, owner: { login: "acme" } },
  installation: { id: 1001 },
});

interface Sent {
  readonly body?: string | Buffer;
  readonly secret?: string;
  readonly path?: string;
  readonly method?: string;
  /** `undefined` leaves a header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** Sends a webhook as the forge would, except for what is given. Answers the status. */
function send({
  body = labelled,
  secret = world.forge.webhookSecret,
  path = "/api/github/webhooks",
  method = "POST",
  headers = {},
}: Sent): Promise<number> {
  const usual = {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    "x-github-event": "issues",
    "x-github-delivery": "4cc1b9e0-0000-4000-8000-000000000000",
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  };
  const sent = Object.fromEntries(Object.entries({ ...usual, ...headers }).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
  return new Promise((resolve, reject) => {
    const sending = request(`${afk.url}${path}`, { method, headers: sent, agent: false }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    });
    sending.once("error", reject);
    sending.end(body);
  });
}

const tooLarge = Buffer.alloc(26 * 1024 * 1024, " ");

describe("webhooks that nobody should have sent", () => {
  it.each([
    ["without a signature", 400, { headers: { "x-hub-signature-256": undefined } }],
    ["with a signature that is none", 400, { headers: { "x-hub-signature-256": "sha256=0" } }],
    ["signed with another secret", 400, { secret: "another secret" }],
    ["signed with the secret that is public", 400, { secret: "development" }],
    ["signed for another body", 400, { headers: { "x-hub-signature-256": `sha256=${"0".repeat(64)}` } }],
    ["signed the old way only", 400, { headers: { "x-hub-signature-256": undefined, "x-hub-signature": "sha1=0" } }],
    ["without an event", 400, { headers: { "x-github-event": undefined } }],
    ["without a delivery id", 400, { headers: { "x-github-delivery": undefined } }],
    ["that is no JSON", 400, { body: "{" }],
    ["that is empty", 400, { body: "" }],
    ["that is a form", 415, { headers: { "content-type": "application/x-www-form-urlencoded" } }],
    ["longer than any webhook", 413, { body: tooLarge }],
    ["to another path", 404, { path: "/api/gitlab/webhooks" }],
    ["by another method", 404, { method: "PUT" }],
  ] as const satisfies readonly (readonly [string, number, Sent])[])("are refused %s", async (_what, status, sent) => {
    expect(await send(sent)).toBe(status);
  });

  it.each([
    ["without an action", "{}"],
    ["without a repository", `{"action":"labeled","label":{"name":"ready-for-agent"}}`],
    ["about a repository that cannot be", labelled.replaceAll("guarded", "../..")],
    ["about a repository nobody enrolled", labelled.replaceAll("guarded", "other")],
    ["that are a list", "[]"],
  ])("move nothing %s", async (_what, body) => {
    const status = await send({ body });
    expect(status).toBeGreaterThanOrEqual(200);
    expect(status).toBeLessThan(500);
  });

  it("leave AFK as it was: healthy, and without a request to the forge", async () => {
    expect(await (await fetch(`${afk.url}/health`)).json()).toMatchObject({ status: "ok", active: 0, queued: 0 });
    expect(world.forge.requests()).toMatchObject({ total: 0, git: 0 });
    expect(afk.program.lines().filter(({ msg, why }) => msg === "decision" && why !== "sweep")).toEqual([]);
    expect(await send({})).toBe(200);
    await afk.said("decision", { why: "issue" });
  });
});
