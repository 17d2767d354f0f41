import { Probot } from "probot";
import { afterEach, expect, it } from "vitest";
import { startEmbeddedForge, type EmbeddedForge, type EmbeddedForgeOptions } from "../../demo/front/embedded-forge.ts";
import { slugOf, type Repo } from "../../src/core/run.ts";
import type { CheckRun } from "../../src/core/verdict.ts";
import { createRedactor } from "../../src/executor/redactor.ts";
import { createGitHubForge } from "../../src/forge/forge-github.ts";
import { createOctokitClass } from "../../src/forge/octokit-class.ts";
import type { Forge } from "../../src/ports.ts";

const repo: Repo = { owner: "owner", name: "widgets" };
const test = "console.log('not ok 1 - adds'); console.log('key the-operators-own-secret'); process.exit(1);\n";

let server: EmbeddedForge;
afterEach(() => server.close());

/** A repo whose CI has just gone red, and the adapter in front of it. */
async function goRed(options: Partial<EmbeddedForgeOptions>): Promise<{ readonly forge: Forge; readonly read: () => Promise<CheckRun> }> {
  const files = { "package.json": `{ "scripts": { "test": "node test.mjs" } }`, "test.mjs": "" };
  server = await startEmbeddedForge({ users: [{ login: "owner" }], repos: [{ ...repo, files }], ci: "tests", ...options });
  const { appId, privateKey, webhookSecret: secret, url } = server;
  const Octokit = createOctokitClass({ throttle: false });
  const probot = new Probot({ appId, privateKey, secret, baseUrl: `${url}/api/v3`, Octokit, logLevel: "fatal" });
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const redact = createRedactor(() => ["the-operators-own-secret"]);
  const forge = createGitHubForge({ auth: (id) => probot.auth(id), webUrl: url, log, redact });
  const red = server.waitFor((event) => event.kind === "ci");
  const sha = await server.commit("owner", slugOf(repo), { branch: "main", files: { "test.mjs": test }, message: "Break it" });
  await red;
  async function read(): Promise<CheckRun> {
    const facts = await forge.readCommit(repo, sha);
    const check = facts.kind === "known" ? facts.checks[0] : undefined;
    if (check === undefined) throw new Error("CI made no check run");
    return check;
  }
  return { forge, read };
}

it("a test that fails in CI is read from the end of its job's log, without secrets", async () => {
  const { forge, read } = await goRed({});
  const report = await forge.readFailure(repo, (await read()).id);
  expect(report.from).toBe("log");
  expect(report.text).toMatch(/not ok 1 - adds\nkey \[secret\]\n[\s\S]*error: Process completed with exit code 1\.$/);
});

it("a test that fails in CI is read from the check run where logs may not be read, without secrets", async () => {
  const { forge, read } = await goRed({ appPermissions: { actions: "none" } });
  const report = await forge.readFailure(repo, (await read()).id);
  expect(report.from).toBe("summary");
  expect(report.text).toContain("not ok 1 - adds\nkey [secret]\n");
});

it("a job that failed by chance is green once it has run again", async () => {
  const ciVerdict: EmbeddedForgeOptions["ciVerdict"] = ({ attempt }) =>
    attempt === 1 ? { conclusion: "failure", log: "connect ETIMEDOUT" } : { conclusion: "success", log: "ok" };
  const { forge, read } = await goRed({ appPermissions: { actions: "write" }, ciVerdict });
  const failed = await read();
  const green = server.waitFor((event) => event.kind === "ci");
  expect([failed.conclusion, await forge.rerunFailed(repo, [failed.id])]).toEqual(["failure", true]);
  await green;
  expect((await read()).conclusion).toBe("success");
});

it("a job is not run again with the permission to read alone", async () => {
  const { forge, read } = await goRed({});
  expect([(await forge.readRepo(repo))?.mayRerunJobs, await forge.rerunFailed(repo, [(await read()).id])]).toEqual([false, false]);
});
