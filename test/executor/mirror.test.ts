import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createMirror, headOf } from "../../src/executor/mirror.ts";
import type { Remote } from "../../src/ports.ts";

let root: string;
let fetches: number;
let remote: Remote;
let now: number;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "afk-mirror-"));
  git("init", "-q", "--bare", "-b", "main", ".");
  fetches = 0;
  now = 0;
  // A credential is minted for every fetch and for nothing else.
  remote = {
    repo: { owner: "octo", name: "sample" },
    url: join(root, "forge"),
    credential: async () => ((fetches += 1), { username: "x", token: "y" }),
  };
  commit("main");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function git(...args: readonly string[]): string {
  const forge = join(root, "forge");
  execFileSync("mkdir", ["-p", forge]);
  const identity = { GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "A", GIT_COMMITTER_EMAIL: "a@b" };
  return execFileSync("git", ["-C", forge, ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null", ...identity },
    input: "",
  }).trim();
}

function commit(branch: string): string {
  const tree = git("mktree");
  const sha = git("commit-tree", "-m", `${branch} ${Math.random()}`, tree);
  git("update-ref", `refs/heads/${branch}`, sha);
  return sha;
}

const open = () => createMirror(join(root, "home"), 15_000, () => now);

it("has the heads of the forge", async () => {
  const sha = commit("main");
  expect(await headOf(await open().refresh(remote), "main")).toBe(sha);
});

it("forgets branches that are gone, also when a folder takes the name", async () => {
  const mirror = open();
  commit("topic");
  await mirror.refresh(remote);
  git("update-ref", "-d", "refs/heads/topic");
  const sha = commit("topic/deeper");
  expect(await headOf(await mirror.refresh(remote, { fresh: true }), "topic/deeper")).toBe(sha);
});

it("does not take over AFK's own refs", async () => {
  git("update-ref", "refs/afk/lock", commit("main"));
  const dir = await open().refresh(remote);
  expect(execFileSync("git", ["-C", dir, "for-each-ref", "--format=%(refname)"], { encoding: "utf8" })).toBe("refs/heads/main\n");
});

it("shares one fetch in a burst", async () => {
  const mirror = open();
  await Promise.all(Array.from({ length: 5 }, () => mirror.refresh(remote)));
  expect(fetches).toBe(1);
});

it("shares one further fetch among all who insist on a fresh one", async () => {
  const mirror = open();
  await Promise.all([mirror.refresh(remote), ...Array.from({ length: 5 }, () => mirror.refresh(remote, { fresh: true }))]);
  expect(fetches).toBe(2);
});

it("fetches no more often than the debounce time says", async () => {
  const mirror = open();
  await mirror.refresh(remote);
  now = 14_999;
  await mirror.refresh(remote);
  expect(fetches).toBe(1);
});

it("fetches again after the debounce time", async () => {
  const mirror = open();
  await mirror.refresh(remote);
  now = 15_000;
  await mirror.refresh(remote);
  expect(fetches).toBe(2);
});

it("fetches again after a failure", async () => {
  const mirror = open();
  await expect(mirror.refresh({ ...remote, url: join(root, "nowhere") })).rejects.toThrow("git");
  expect(await headOf(await mirror.refresh(remote), "main")).toBe(git("rev-parse", "main"));
});

it("takes in the harmless faults of old histories", async () => {
  const blob = git("hash-object", "-w", "--stdin");
  const entry = Buffer.concat([
    Buffer.from("040000 dir\0"),
    Buffer.from(git("mktree"), "hex"),
    Buffer.from("100644 file\0"),
    Buffer.from(blob, "hex"),
  ]);
  const tree = execFileSync("git", ["-C", join(root, "forge"), "hash-object", "-t", "tree", "-w", "--literally", "--stdin"], {
    input: entry,
    encoding: "utf8",
  }).trim();
  const sha = git("-c", "user.name=A", "commit-tree", "-m", "Old", tree);
  git("update-ref", "refs/heads/main", sha);
  expect(await headOf(await open().refresh(remote), "main")).toBe(sha);
});
