import { createServer, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import nock from "nock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRedactor } from "../../src/executor/redactor.ts";
import { fetchLogEnd, tidyLog, windowBytes } from "../../src/forge/github-log.ts";
import type { FailureReport } from "../../src/ports.ts";
import { attach, base, gitHub, installed, repo } from "../support/github-nock.ts";

beforeEach(() => nock.disableNetConnect());
afterEach(() => {
  nock.cleanAll();
  nock.enableNetConnect();
});

const store = "https://logs.example.com";
const link = `${store}/job.txt?sig=secret`;
const readable = { contents: "write", issues: "write", actions: "read" };

function stamped(lines: readonly string[]): string {
  return lines.map((line) => `2026-01-01T10:00:00.1234567Z ${line}\n`).join("");
}

/** The job's log is where GitHub says. */
function logIsAt(location: string): void {
  installed({ permissions: readable });
  gitHub().get(`${base}/actions/jobs/4/logs`).reply(302, "", { location });
}

function readsLog(log: string, redact?: (text: string) => Promise<string>): Promise<FailureReport> {
  logIsAt(link);
  nock(store).get("/job.txt").query(true).reply(200, log);
  return attach(redact === undefined ? {} : { redact }).readFailure(repo, 4);
}

function annotates(...annotations: readonly object[]): void {
  gitHub().get(`${base}/check-runs/4/annotations`).query({ per_page: 100 }).reply(200, annotations);
}

const annotation = { path: "src/sum.js", start_line: 3, annotation_level: "failure", message: "expected 4" };
const annotated = { from: "annotations", text: "src/sum.js:3: failure: expected 4" };

describe("the log of a failed job", () => {
  it("is shown without the times and marks that GitHub Actions puts in", async () => {
    const lines = ["##[group]Run npm test", "npm test", "##[endgroup]", "not ok 1", "##[error]Process completed with exit code 1."];
    expect(await readsLog(`\uFEFF${stamped(lines)}`)).toEqual({
      from: "log",
      text: "Run npm test\nnpm test\nnot ok 1\nerror: Process completed with exit code 1.",
    });
  });

  it("is fetched without AFK's credential", async () => {
    logIsAt(link);
    const fetched = nock(store, { badheaders: ["authorization"] })
      .get("/job.txt")
      .query(true)
      .reply(200, "failed");
    await attach().readFailure(repo, 4);
    expect(fetched.isDone()).toBe(true);
  });

  it("is shown without escape sequences and control characters", async () => {
    const report = await readsLog(stamped(["\u001B[31mred\u001B[0m \u001B]8;;http://x\u0007link\u001B]8;;\u0007", "\u0000\u202Eend"]));
    expect(report.text).toBe("red link\nend");
  });

  it("is cut to its last 16,000 characters", async () => {
    const { text } = await readsLog(stamped(Array.from({ length: 5000 }, (_, index) => `line ${index}`)));
    expect([text.length, text.endsWith("line 4999")]).toEqual([16_000, true]);
  });

  it("loses a secret that stands across the cut", async () => {
    const secret = "the-operators-own-secret";
    const { text } = await readsLog(
      `${"x".repeat(100)}${secret}${"y".repeat(15_990)}`,
      createRedactor(() => [secret]),
    );
    expect(text.endsWith("y".repeat(15_990))).toBe(true);
    expect(text).not.toContain("secret-");
    expect(text.replace(/y+$/, "")).toBe("x".repeat(2) + "[secret]");
  });

  it("loses what is shaped like a credential, even across lines", async () => {
    const token = `ghp_${"a1B2".repeat(9)}`;
    const body = Array.from({ length: 20 }, () => "MIIEpAIBAAKCAQEA1c7".repeat(3));
    const key = ["-----BEGIN RSA PRIVATE KEY-----", ...body, "-----END RSA PRIVATE KEY-----"];
    const { text } = await readsLog(
      stamped([`token=${token}`, ...key, "done"]),
      createRedactor(() => []),
    );
    expect(text).not.toContain(token);
    expect(text).not.toContain("MIIEpAIBAAKCAQEA");
    expect(text).toMatch(/\[secret\][\s\S]*done$/);
  });

  it("is not shown at all when it could not be searched for secrets", async () => {
    const report = await readsLog("failed", () => Promise.reject(new Error("took too long")));
    expect(report).toEqual({ from: "nothing", text: "" });
  });

  it("is asked for by its end alone when it is large", async () => {
    logIsAt(link);
    const size = 3_000_000_000;
    const lastLines = "half a line\nnot ok 7\n";
    nock(store)
      .get("/job.txt")
      .query(true)
      .reply(200, () => new Readable({ read() {} }), { "content-length": String(size) });
    nock(store)
      .get("/job.txt")
      .query(true)
      .matchHeader("range", `bytes=${size - windowBytes}-`)
      .reply(206, lastLines, { "content-range": `bytes ${size - windowBytes}-${size - 1}/${size}` });
    expect(await attach().readFailure(repo, 4)).toEqual({ from: "log", text: "not ok 7" });
  });

  it("gives way to annotations when it is huge and its end is not to be had alone", async () => {
    logIsAt(link);
    nock(store)
      .get("/job.txt")
      .query(true)
      .twice()
      .reply(200, () => new Readable({ read() {} }), { "content-length": "3000000000" });
    annotates(annotation);
    expect(await attach().readFailure(repo, 4)).toEqual(annotated);
  });

  it.each(["file:///etc/passwd", "data:text/plain,hello", "ftp://logs.example.com/job.txt", "/relative"])(
    "is not looked for at %s",
    async (location) => {
      logIsAt(location);
      annotates(annotation);
      expect(await attach().readFailure(repo, 4)).toEqual(annotated);
    },
  );

  it("is not read from the API itself", async () => {
    installed({ permissions: readable });
    gitHub().get(`${base}/actions/jobs/4/logs`).reply(200, "a log from where none should be", { "content-type": "text/plain" });
    annotates(annotation);
    expect(await attach().readFailure(repo, 4)).toEqual(annotated);
  });

  it.each([403, 404, 410])("that the forge refuses (%i) gives way to annotations", async (status) => {
    installed({ permissions: readable });
    gitHub().get(`${base}/actions/jobs/4/logs`).reply(status, { message: "no" });
    if (status === 403) gitHub().get(`${base}/installation`).reply(200, { id: 1, app_id: 7, app_slug: "afk", permissions: {} });
    annotates(annotation);
    expect(await attach().readFailure(repo, 4)).toEqual(annotated);
  });

  it("whose link has run out gives way to annotations", async () => {
    logIsAt(link);
    nock(store).get("/job.txt").query(true).reply(403, "<Error>AuthenticationFailed</Error>");
    annotates(annotation);
    expect(await attach().readFailure(repo, 4)).toEqual(annotated);
  });

  it("is not asked for without the permission to read it", async () => {
    installed();
    annotates(annotation);
    expect(await attach().readFailure(repo, 4)).toEqual(annotated);
  });
});

describe("a failed check without a log", () => {
  const run = `${base}/check-runs/4`;

  it("is told by every annotation, with its title", async () => {
    installed();
    annotates(annotation, { path: ".github", start_line: 1, annotation_level: null, title: "Lint", message: "two\nlines" });
    expect((await attach().readFailure(repo, 4)).text).toBe(`${annotated.text}\n.github:1: failure: Lint: two\nlines`);
  });

  it("is told by its own words when nothing is annotated", async () => {
    installed();
    annotates();
    gitHub()
      .get(run)
      .reply(200, { output: { title: "2 failures", summary: "adds\u001B[0m", text: null } });
    expect(await attach().readFailure(repo, 4)).toEqual({ from: "summary", text: "2 failures\n\nadds" });
  });

  it("is told by nothing when it says nothing", async () => {
    installed();
    annotates();
    gitHub()
      .get(run)
      .reply(200, { output: { title: null, summary: "", text: null } });
    expect(await attach().readFailure(repo, 4)).toEqual({ from: "nothing", text: "" });
  });

  it("is told by nothing where nothing may be read", async () => {
    installed();
    const answer = { id: 1, app_id: 7, app_slug: "afk", permissions: {} };
    gitHub().get(`${base}/installation`).twice().reply(200, answer);
    gitHub().get(`${run}/annotations`).query(true).reply(403, {});
    gitHub().get(run).reply(403, {});
    expect(await attach().readFailure(repo, 4)).toEqual({ from: "nothing", text: "" });
  });

  it("fails while the forge is over its rate limit", async () => {
    installed();
    gitHub().get(`${run}/annotations`).query(true).reply(403, {}, { "retry-after": "30" });
    await expect(attach().readFailure(repo, 4)).rejects.toMatchObject({ status: 429 });
  });
});

describe("the end of a log", () => {
  const limits = { wholeBytes: 100, maxBytes: 3 * windowBytes, timeMs: 5_000 };
  let server: Server | undefined;
  beforeEach(() => nock.enableNetConnect("127.0.0.1"));
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** A file store that answers every request alike. Answers its address. */
  async function startStore(answer: (res: ServerResponse) => void): Promise<string> {
    const started = createServer((_req, res) => answer(res));
    server = started;
    await new Promise<void>((resolve) => void started.listen(0, "127.0.0.1", resolve));
    const address = started.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
  }

  it("is found in a stream of unknown length, a window of it", async () => {
    const line = `${"z".repeat(99)}\n`;
    const address = await startStore((res) => void res.end(line.repeat((2 * windowBytes) / 100)));
    const end = (await fetchLogEnd(address, limits)) ?? "";
    expect([end.length > windowBytes - 200, end.length <= windowBytes, end.startsWith(line)]).toEqual([true, true, true]);
  });

  it("is given up once too much was read in search of it", async () => {
    const endless = function* say(): Generator<string> {
      for (;;) yield "z".repeat(1000);
    };
    const address = await startStore((res) => void Readable.from(endless()).pipe(res));
    expect(await fetchLogEnd(address, limits)).toBeUndefined();
  });

  it("is given up when it does not come in time", async () => {
    const address = await startStore((res) => void res.write("begins and never ends"));
    expect(await fetchLogEnd(address, { ...limits, timeMs: 50 })).toBeUndefined();
  });

  it("is given up when nobody answers", async () => {
    const address = await startStore((res) => void res.destroy());
    expect(await fetchLogEnd(address, limits)).toBeUndefined();
  });

  it("keeps text that only looks like a time or a mark in the middle of a line", () => {
    expect(tidyLog("at 2026-01-01T10:00:00Z it was ##[error]\n")).toBe("at 2026-01-01T10:00:00Z it was ##[error]\n");
  });
});
