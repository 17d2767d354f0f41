import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { git, GitError, tryGit } from "../../src/git/run-git.ts";
import { goodToken, hostOf, startGitServer, type GitServer } from "../support/git-server.ts";

// Each test runs dozens of git processes; a busy machine takes its time for them.
vi.setConfig({ testTimeout: 30_000 });

const repo = { owner: "acme", name: "widgets" };

describe("running git", () => {
  let dir: string;
  let server: GitServer;
  const others: Server[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "afk-run-git-"));
    server = await startGitServer();
    await server.createRepo(repo);
  });
  afterEach(async () => {
    await server.close();
    for (const other of others.splice(0)) {
      other.closeAllConnections();
      other.close();
    }
    await rm(dir, { recursive: true, force: true });
  });

  async function listen(handle: RequestListener): Promise<string> {
    const other = createServer(handle);
    others.push(other);
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    return hostOf(other);
  }

  it("answers standard output", async () => {
    expect(await git(["version"], { dir })).toMatch(/^git version /);
  });

  it("feeds standard input, also when it is empty", async () => {
    const blob = await git(["hash-object", "--stdin"], { dir, input: "" });
    expect(blob.trim()).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  });

  it("shows the credential to the server it is for", async () => {
    const remote = server.remote(repo);
    const args = ["ls-remote", "--", remote.url, "refs/heads/main"];
    const refs = await git(args, { dir, credential: { ...(await remote.credential()), host: new URL(remote.url).host } });
    expect(refs).toContain("refs/heads/main");
  });

  it("does not show the credential to a server that the first one redirects to", async () => {
    const seen: (string | undefined)[] = [];
    const thief = await listen((req, res) => {
      seen.push(req.headers.authorization);
      res.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    });
    const forge = await listen((req, res) => res.writeHead(302, { location: `http://${thief}${req.url}` }).end());
    await tryGit(["ls-remote", "--", `http://${forge}/acme/widgets.git`], {
      dir,
      credential: { username: "x", token: goodToken, host: forge },
    });
    expect(seen).toEqual([undefined]);
  });

  it("keeps the token out of errors", async () => {
    const url = `http://x:${goodToken}@127.0.0.1:1/acme/widgets.git`;
    const failure = git(["ls-remote", "--", url], { dir, credential: { username: "x", token: goodToken } });
    await expect(failure).rejects.toThrow(/^(?!.*ghs_)/s);
  });

  it("gives up on a server that never answers", async () => {
    const forge = await listen(() => {});
    const failure = git(["ls-remote", "--", `http://${forge}/acme/widgets.git`], { dir, timeoutMs: 300 });
    await expect(failure).rejects.toThrow(GitError);
  });

  it("ends when it is told to", async () => {
    const stop = new AbortController();
    const forge = await listen(() => stop.abort());
    const failure = git(["ls-remote", "--", `http://${forge}/acme/widgets.git`], { dir, signal: stop.signal });
    await expect(failure).rejects.toThrow(GitError);
  });

  it("refuses output beyond its bound", async () => {
    await expect(git(["help", "--all"], { dir, maxBytes: 100 })).rejects.toThrow(GitError);
  });

  it("does not take a repository above for a missing one", async () => {
    await git(["init", "--quiet"], { dir });
    await mkdir(join(dir, "inner"));
    expect((await tryGit(["rev-parse", "--git-dir"], { dir: join(dir, "inner") })).exitCode).toBe(128);
  });

  it("overrules hooks and monitors that a repository's configuration names", async () => {
    await git(["init", "--quiet", "--bare"], { dir });
    await git(["config", "core.fsmonitor", "touch ran"], { dir });
    await git(["config", "core.hooksPath", dir], { dir });
    expect([await git(["config", "core.fsmonitor"], { dir }), await git(["config", "core.hooksPath"], { dir })]).toEqual([
      "false\n",
      "/dev/null\n",
    ]);
  });
});
