import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commitFiles, createBareRepo, gitText, zeroOid } from "../../demo/front/bare-repo.ts";
import { createGitHttp, type PushedRef } from "../../demo/front/git-http.ts";
import { createWorkspace, type Workspace } from "./support.ts";

describe("git over HTTP", () => {
  const pushed: PushedRef[] = [];
  let root: string;
  let server: Server;
  let workspace: Workspace;
  let url: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "front-root-"));
    await createBareRepo(join(root, "o", "r.git"), "main", { "README.md": "hello\n", "big.txt": "a line\n".repeat(200_000) }, "o");
    const handle = createGitHttp({
      root,
      authorize: (_repo, credential, wants) => credential?.password === "writer" || (credential?.password === "reader" && wants === "read"),
      onPush: (change) => pushed.push(change),
    });
    server = createServer((req, res) => {
      void handle(req, res).then((isGit) => (isGit ? undefined : res.writeHead(404).end()));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    url = `127.0.0.1:${typeof address === "object" ? address?.port : ""}/o/r.git`;
    workspace = await createWorkspace();
    await workspace.git("clone", "--quiet", `http://x:writer@${url}`, ".");
  });

  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await workspace.remove();
    await rm(root, { recursive: true });
  });

  it("tells onPush exactly the refs that moved", async () => {
    await workspace.git("commit", "--quiet", "--allow-empty", "-m", "next");
    const head = (await workspace.git("rev-parse", "HEAD")).stdout;
    pushed.length = 0;
    await workspace.git("push", "--quiet", "origin", "HEAD:refs/heads/one", "HEAD~1:refs/heads/main", "HEAD:refs/custom/x");
    expect(pushed.map(({ ref, before, after }) => ({ ref, before, after }))).toEqual([
      { ref: "refs/heads/one", before: zeroOid, after: head },
      { ref: "refs/custom/x", before: zeroOid, after: head },
    ]);
  });

  it("moves nothing of an atomic push when one ref's lease is stale", async () => {
    await workspace.git("commit", "--quiet", "--allow-empty", "-m", "atomic");
    pushed.length = 0;
    const run = await workspace.git(
      "push",
      "--atomic",
      `--force-with-lease=refs/custom/x:${zeroOid}`,
      "origin",
      "HEAD:refs/heads/two",
      "HEAD:refs/custom/x",
    );
    expect(run.exitCode).not.toBe(0);
    expect(pushed).toEqual([]);
    expect(await gitText(join(root, "o", "r.git"), ["for-each-ref", "refs/heads/two"])).toBe("");
  });

  it("lets exactly one of many claimants create a ref", async () => {
    const commits = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => (await workspace.git("commit-tree", "-m", `claim ${index}`, "HEAD^{tree}")).stdout),
    );
    const runs = await Promise.all(
      commits.map((sha) => workspace.git("push", "--force-with-lease=refs/custom/lock:", "origin", `${sha}:refs/custom/lock`)),
    );
    expect(runs.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
  });

  it("takes a large push that comes in pieces", async () => {
    await writeFile(join(workspace.directory, "noise.bin"), randomBytes(3_000_000));
    await workspace.git("add", "noise.bin");
    await workspace.git("commit", "--quiet", "-m", "large");
    const run = await workspace.git("-c", "http.postBuffer=65536", "push", "origin", "HEAD:refs/heads/large");
    expect(run).toMatchObject({ exitCode: 0 });
    expect((await gitText(join(root, "o", "r.git"), ["cat-file", "-s", "refs/heads/large:noise.bin"])).trim()).toBe("3000000");
  });

  it("reads requests that git compresses, as it does when it wants many commits", async () => {
    const directory = join(root, "o", "r.git");
    const wanted = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        commitFiles(directory, { branch: `b${index}`, files: { "x.txt": `${index}` }, message: `${index}`, author: "o" }),
      ),
    );
    const encodings: (string | undefined)[] = [];
    server.on("request", (req) => encodings.push(req.headers["content-encoding"]));
    const run = await workspace.git("fetch", "--quiet", "origin", ...wanted);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(encodings).toContain("gzip");
  });

  it.each([
    ["nobody", "", 401, "git-upload-pack"],
    ["a reader who pushes", "reader", 403, "git-receive-pack"],
    ["a reader who fetches", "reader", 200, "git-upload-pack"],
  ])("answers %s (%s) with %i", async (_who, password, status, service) => {
    const authorization = `Basic ${Buffer.from(`x:${password}`).toString("base64")}`;
    const response = await fetch(`http://${url}/info/refs?service=${service}`, { headers: password === "" ? {} : { authorization } });
    expect(response.status).toBe(status);
  });

  it.each(["/o/../r.git/info/refs", "/o/r.git/HEAD", "/o/r.git/objects/info/packs"])("leaves %s alone", async (path) => {
    expect((await fetch(`http://${url.replace("/o/r.git", "")}${path}`)).status).toBe(404);
  });
});
