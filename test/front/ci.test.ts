import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbeddedForge, type EmbeddedForge } from "../../demo/front/embedded-forge.ts";
import { mint, receiveWebhooks, request, type Loose } from "./support.ts";

const repo = "alice/calc";

describe("the forge's CI", () => {
  let forge: EmbeddedForge;

  beforeAll(async () => {
    forge = await startEmbeddedForge({
      users: [{ login: "alice" }],
      repos: [{ owner: "alice", name: "calc", files: { "package.json": `{ "scripts": { "test": "node check.mjs" } }`, "check.mjs": "" } }],
      ci: "tests",
    });
  });
  afterAll(() => forge.close());

  async function push(check: string, message = "change"): Promise<{ readonly sha: string; readonly conclusion: string }> {
    const ended = forge.waitFor((event) => event.kind === "ci");
    const sha = await forge.commit("alice", repo, { branch: "main", files: { "check.mjs": check }, message });
    const event = await ended;
    return { sha, conclusion: event.kind === "ci" ? event.conclusion : "" };
  }

  async function runsOf(sha: string): Promise<Loose[]> {
    return (await request(forge, await mint(forge, repo), "GET", `/repos/${repo}/commits/${sha}/check-runs`)).json.check_runs;
  }

  it("writes a check run of another app, then sends the suite's signed webhook", async () => {
    const hook = await receiveWebhooks(forge);
    const { sha } = await push("// fine");
    await forge.deliveries.idle();
    hook.close();
    expect(await runsOf(sha)).toMatchObject([
      { name: "tests", status: "completed", conclusion: "success", head_sha: sha, app: { slug: "embedded-ci" } },
    ]);
    expect((await runsOf(sha))[0].app.id).not.toBe(forge.appId);
    expect(hook.received.map(({ event, payload }) => `${event}.${payload.action}`)).toEqual([
      "push.undefined",
      "check_run.created",
      "check_run.completed",
      "check_suite.completed",
    ]);
    const suite = hook.received.at(-1);
    expect(suite?.isSigned).toBe(true);
    expect(suite?.payload).toMatchObject({
      action: "completed",
      check_suite: { head_sha: sha, head_branch: "main", status: "completed", conclusion: "success", app: { slug: "embedded-ci" } },
      repository: { full_name: repo, private: true, default_branch: "main", owner: { login: "alice" } },
      installation: { id: expect.any(Number) },
      sender: { login: "embedded-ci[bot]" },
    });
  });

  it("is red with the output when the tests fail", async () => {
    const { sha, conclusion } = await push("throw new Error('two and two are five')");
    expect(conclusion).toBe("failure");
    expect((await runsOf(sha))[0].output.summary).toContain("two and two are five");
  });

  it("ends tests that hang, with all they started", async () => {
    const hanging = await startEmbeddedForge({
      users: [{ login: "alice" }],
      repos: [{ owner: "alice", name: "calc", files: { "a.txt": "a" } }],
      ci: "tests",
      ciCommand: () => ["sh", "-c", "sleep 600 & sleep 600"],
      ciTimeoutMs: 300,
    });
    const ended = hanging.waitFor((event) => event.kind === "ci");
    const sha = await hanging.commit("alice", repo, { branch: "main", files: { "a.txt": "b" }, message: "hang" });
    expect(await ended).toMatchObject({ conclusion: "timed_out" });
    const runs = await hanging.api("alice", "GET", `/repos/${repo}/commits/${sha}/check-runs`);
    await hanging.close();
    expect(runs.check_runs).toMatchObject([{ status: "completed", conclusion: "timed_out" }]);
  });

  it("stays silent for a commit that says so", async () => {
    const { sha, conclusion } = await push("// quiet", "Quiet [skip ci]");
    expect(conclusion).toBe("none");
    expect(await runsOf(sha)).toEqual([]);
  });

  it("runs again when its suite is asked for again", async () => {
    const { sha } = await push("// again");
    const token = await mint(forge, repo);
    const suites = await request(forge, token, "GET", `/repos/${repo}/commits/${sha}/check-suites`);
    const ended = forge.waitFor((event) => event.kind === "ci" && event.sha === sha);
    await request(forge, token, "POST", `/repos/${repo}/check-suites/${suites.json.check_suites[0].id}/rerequest`);
    await ended;
    const all = await request(forge, token, "GET", `/repos/${repo}/commits/${sha}/check-runs?filter=all`);
    expect([all.json.total_count, (await runsOf(sha)).length]).toEqual([2, 1]);
  });

  it("shows a job's log to those who may read it, by a link that needs no credential, in ranges", async () => {
    const { sha } = await push("console.log('two and two'); process.exit(1)");
    const [run] = await runsOf(sha);
    const token = await mint(forge, repo);
    const job = await request(forge, token, "GET", `/repos/${repo}/actions/jobs/${run.id}`);
    expect(job.json).toMatchObject({ id: run.id, run_id: run.check_suite.id, run_attempt: 1, conclusion: "failure" });
    const moved = await fetch(`${forge.url}/api/v3/repos/${repo}/actions/jobs/${run.id}/logs`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: "manual",
    });
    const link = moved.headers.get("location") ?? "";
    const whole = await fetch(link);
    const log = await whole.text();
    expect(log).toMatch(/Z two and two\n[\s\S]*Z ##\[error\]Process completed/);
    const end = await fetch(link, { headers: { range: `bytes=${Number(whole.headers.get("content-length")) - 5}-` } });
    expect([moved.status, end.status, await end.text()]).toEqual([302, 206, log.slice(-5)]);
    const narrow = await mint(forge, repo, { permissions: { checks: "read" } });
    expect((await request(forge, narrow, "GET", `/repos/${repo}/actions/jobs/${run.id}`)).status).toBe(403);
    expect((await request(forge, token, "POST", `/repos/${repo}/actions/runs/${run.check_suite.id}/rerun-failed-jobs`)).status).toBe(403);
  });

  it("makes no check run for a repo without tests", async () => {
    const bare = await startEmbeddedForge({
      users: [{ login: "alice" }],
      repos: [{ owner: "alice", name: "docs", files: { "README.md": "x" } }],
      ci: "tests",
    });
    const ended = bare.waitFor((event) => event.kind === "ci");
    await bare.commit("alice", "alice/docs", { branch: "main", files: { "README.md": "y" }, message: "more" });
    expect(await ended).toMatchObject({ conclusion: "none" });
    await bare.close();
  });
});

describe("failed jobs", () => {
  let forge: EmbeddedForge;
  const attempts: number[] = [];

  beforeAll(async () => {
    forge = await startEmbeddedForge({
      users: [{ login: "alice" }],
      repos: [{ owner: "alice", name: "calc", files: { "package.json": `{ "scripts": { "test": "exit 0" } }` } }],
      ci: "tests",
      ciVerdict({ attempt }) {
        attempts.push(attempt);
        return attempt === 1 ? { conclusion: "failure", log: "connect ETIMEDOUT" } : "run";
      },
      appPermissions: { actions: "write" },
    });
  });
  afterAll(() => forge.close());

  it("run again for those who may, as new check runs that are queued at once", async () => {
    const red = forge.waitFor((event) => event.kind === "ci");
    const sha = await forge.commit("alice", repo, { branch: "main", files: { "a.txt": "a" }, message: "change" });
    expect(await red).toMatchObject({ conclusion: "failure" });
    const token = await mint(forge, repo);
    const read = async (): Promise<Loose> =>
      (await request(forge, token, "GET", `/repos/${repo}/commits/${sha}/check-runs`)).json.check_runs[0];
    const failed = await read();
    const path = `/repos/${repo}/actions/runs/${failed.check_suite.id}/rerun-failed-jobs`;
    const green = forge.waitFor((event) => event.kind === "ci");
    const [granted, again] = [await request(forge, token, "POST", path), await read()];
    expect([granted.status, again.conclusion, again.id > failed.id]).toEqual([201, null, true]);
    expect(await green).toMatchObject({ sha, conclusion: "success" });
    expect([(await read()).id, (await read()).conclusion, attempts]).toEqual([again.id, "success", [1, 2]]);
    expect((await request(forge, token, "POST", path)).status).toBe(403);
  });
});

describe("checks, statuses and deployments a test sets", () => {
  let forge: EmbeddedForge;
  let sha: string;
  let token: string;

  beforeAll(async () => {
    forge = await startEmbeddedForge({ users: [{ login: "alice" }], repos: [{ owner: "alice", name: "calc", files: { "a.txt": "a" } }] });
    sha = (await forge.api("alice", "GET", `/repos/${repo}/branches/main`)).commit.sha;
    token = await mint(forge, repo);
  });
  afterAll(() => forge.close());

  it("completes a suite only with its last run, and says the gravest conclusion", async () => {
    const hook = await receiveWebhooks(forge);
    forge.setCheckRun(repo, sha, { name: "unit", status: "in_progress" });
    forge.setCheckRun(repo, sha, { name: "lint", status: "in_progress" });
    forge.setCheckRun(repo, sha, { name: "unit", conclusion: "success" });
    forge.setCheckRun(repo, sha, { name: "lint", conclusion: "failure" });
    await forge.deliveries.idle();
    hook.close();
    const suites = hook.received.filter(({ event }) => event === "check_suite");
    expect(suites.map(({ payload }) => payload.check_suite.conclusion)).toEqual(["failure"]);
  });

  it("says pending with no statuses, then combines the latest of each context", async () => {
    const combined = async (): Promise<[string, number]> => {
      const { json } = await request(forge, token, "GET", `/repos/${repo}/commits/${sha}/status`);
      return [json.state, json.total_count];
    };
    expect(await combined()).toEqual(["pending", 0]);
    await forge.setStatus(repo, sha, { state: "failure", context: "build" });
    expect(await combined()).toEqual(["failure", 1]);
    await forge.setStatus(repo, sha, { state: "success", context: "build" });
    expect(await combined()).toEqual(["success", 1]);
  });

  it("announces statuses and deployments, signed", async () => {
    const hook = await receiveWebhooks(forge);
    await forge.setStatus(repo, sha, { state: "pending", context: "deploy" });
    forge.setDeployment(repo, sha, { environment: "production", state: "in_progress" });
    forge.setDeployment(repo, sha, { environment: "production", state: "success" });
    await forge.deliveries.idle();
    hook.close();
    expect(hook.received.map(({ event }) => event)).toEqual(["status", "deployment", "deployment_status", "deployment_status"]);
    expect(hook.received.every(({ isSigned, payload }) => isSigned && payload.installation.id > 0)).toBe(true);
    const [deployment] = (await request(forge, token, "GET", `/repos/${repo}/deployments?sha=${sha}&environment=production`)).json;
    const statuses = await request(forge, token, "GET", `/repos/${repo}/deployments/${deployment.id}/statuses`);
    expect(statuses.json.map((status: Loose) => status.state)).toEqual(["success", "in_progress"]);
  });
});
