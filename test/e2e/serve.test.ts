import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { person, startWorld, type World } from "./support.ts";

const slug = "acme/only";

let world: World;
beforeAll(async () => {
  world = await startWorld("only");
});
afterAll(() => world.close());

async function read(url: string): Promise<{ readonly status: number; readonly json: unknown }> {
  const response = await fetch(url);
  return { status: response.status, json: await response.json() };
}

const withoutCredentials = { APP_ID: "", PRIVATE_KEY: "", WEBHOOK_SECRET: "" };

describe.concurrent("afk serve", () => {
  it("starts without credentials, says that it is disabled and why, and takes no webhooks", async () => {
    const { program } = await world.afk(["serve"], [slug], { env: withoutCredentials });
    const { port } = await program.line(({ msg }) => msg === "listening, but disabled", "listening");
    const url = `http://127.0.0.1:${Number(port)}`;
    const reasons = [expect.stringContaining("no App credentials: set APP_ID and PRIVATE_KEY")];
    expect(await read(`${url}/health`)).toMatchObject({ status: 200, json: { status: "disabled", reasons } });
    expect(await read(`${url}/ready`)).toMatchObject({ status: 503, json: { ready: false, reasons } });
    const answer = await fetch(`${url}/api/github/webhooks`, { method: "POST", body: "{}" });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ reasons });
    expect(await program.stop()).toEqual({ code: 0, signal: null });
  });

  it("does not start with settings it does not understand, and names all of them at once", async () => {
    const env = {
      WEBHOOK_SECRET: "development",
      PRIVATE_KEY: "not a key",
      AFK_SWEEP_SECONDS: "soon",
      AFK_ALOWLIST: "acme/only",
      AFK_LANDING: "perhaps",
    };
    const { program } = await world.afk(["serve"], [slug], { env });
    expect(await program.exit()).toEqual({ code: 2, signal: null });
    const faults = [
      "WEBHOOK_SECRET: ",
      "PRIVATE_KEY: ",
      "AFK_SWEEP_SECONDS: ",
      "AFK_ALOWLIST: unknown name; did you mean AFK_ALLOWLIST?",
      "AFK_LANDING: ",
    ];
    for (const fault of faults) expect(program.output()).toContain(`\n  ${fault}`);
    expect(program.output()).not.toContain("not a key");
  });

  it.each(["", "fly", "serve now"])("answers `afk %s` with its usage and exit code 2", async (line) => {
    const { program } = await world.afk(line.split(" "), [slug]);
    expect(await program.exit()).toEqual({ code: 2, signal: null });
    expect(program.output()).toContain("Usage: afk <command>");
  });

  it("tells its usage to whoever asks", async () => {
    const { program } = await world.afk(["--help"], [slug]);
    expect(await program.exit()).toEqual({ code: 0, signal: null });
    expect(program.output()).toContain("Usage: afk <command>");
  });

  it("says so when AFK_HOME cannot be written to", async () => {
    const file = join(await world.folder(), "file");
    writeFileSync(file, "");
    const { program } = await world.afk(["serve"], [slug], { home: join(file, "home") });
    expect(await program.exit()).toEqual({ code: 1, signal: null });
    expect(program.output()).toContain(`afk: AFK_HOME: ${join(file, "home")} cannot be used`);
  });

  it("ends with a clear word when its port is taken", async () => {
    const { port } = new URL(world.forge.url);
    const { program } = await world.afk(["serve"], [slug], { env: { PORT: port } });
    expect(await program.exit()).toEqual({ code: 1, signal: null });
    expect(program.output()).toMatch(/^afk: .*EADDRINUSE/m);
  });

  it("leaves an AFK_HOME to the process that has it", async () => {
    const first = await world.serve([slug], { env: { AFK_KILL_SWITCH: "true" } });
    const others = await Promise.all([world.afk(["serve"], [slug], first), world.afk(["tick"], [slug], first)]);
    for (const { program } of others) {
      expect(await program.exit()).toEqual({ code: 1, signal: null });
      expect(program.output()).toContain("another AFK uses this folder");
    }
    expect((await read(`${first.url}/health`)).status).toBe(200);

    await first.program.stop("SIGKILL");
    const heir = await world.serve([slug], { home: first.home, env: { AFK_KILL_SWITCH: "true" } });
    await heir.program.stop();
  });
});

describe("an AFK whose kill switch nobody has lifted", () => {
  it("reads nothing and writes nothing", async () => {
    world.forge.resetRequests();
    const afk = await world.serve([slug], { env: { AFK_KILL_SWITCH: "" } });
    await afk.said("decision", { why: "sweep", decision: "halt" });
    expect(world.forge.requests()).toMatchObject({ total: 0, git: 0 });
    expect(await read(`${afk.url}/health`)).toMatchObject({
      json: { status: "disabled", reasons: expect.arrayContaining(["the kill switch is on"]) },
    });

    const number = await world.release(slug);
    await afk.said("decision", { why: "issue", decision: "halt" });
    const byPeople = ["POST issues", "POST labels"];
    expect(world.forge.requests()).toMatchObject({ total: byPeople.length, git: 0 });
    expect(await world.forge.api(person, "GET", `/repos/${slug}/issues/${number}/comments`)).toEqual([]);
    expect(await afk.program.stop()).toEqual({ code: 0, signal: null });
  });
});
