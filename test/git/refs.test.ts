import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { commitFiles, gitText } from "../../demo/front/bare-repo.ts";
import { assertRef, fetchObject, pushRefs, readRemoteRefs, rehearsePush, type GitRemote } from "../../src/git/refs.ts";
import { git, GitError } from "../../src/git/run-git.ts";
import { openStore, writeCommit } from "../../src/git/store.ts";
import { goodToken, startGitServer, type GitServer } from "../support/git-server.ts";

// Each test runs dozens of git processes; a busy machine takes its time for them.
vi.setConfig({ testTimeout: 30_000 });

const repo = { owner: "acme", name: "widgets" };
const main = "refs/heads/main";
const mark = "refs/afk/mark";

describe("refs on a server", () => {
  let home: string;
  let dir: string;
  let server: GitServer;
  let remote: GitRemote;
  let head: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "afk-refs-"));
    dir = await openStore(home, repo);
    server = await startGitServer();
    await server.createRepo(repo);
    remote = server.remote(repo);
    head = (await server.readRef(repo, main)) ?? "";
    await fetchObject(dir, remote, main, head);
  });
  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true, force: true });
  });

  function commit(text: string, parents: readonly string[] = []): Promise<string> {
    const identity = { name: "AFK", email: "afk@localhost" };
    return writeCommit(dir, { tree: { "a.txt": text }, parents, message: text, identity, date: 0 });
  }

  /** Hands the expired credential out again until it is told that the forge takes it no more. */
  function expiring(): GitRemote {
    server.access = (token) => token === goodToken || 401;
    return {
      ...remote,
      credential: async (refused) => ({ username: "x-access-token", token: refused?.token === "expired" ? goodToken : "expired" }),
    };
  }

  describe("reading", () => {
    it("answers the exact shas, and nothing for a ref that is not there", async () => {
      expect(await readRemoteRefs(dir, remote, [main, mark])).toEqual(new Map([[main, head]]));
    });

    it("does not take a ref for another that ends the same", async () => {
      await gitText(server.directory(repo), ["update-ref", `refs/heads/${mark}`, head]);
      expect(await readRemoteRefs(dir, remote, [mark])).toEqual(new Map());
    });

    it("fetches an object without leaving a ref or FETCH_HEAD", async () => {
      expect([
        await git(["for-each-ref"], { dir }),
        await git(["rev-parse", "--verify", "--quiet", "FETCH_HEAD"], { dir }).catch(() => "none"),
      ]).toEqual(["", "none"]);
    });

    it("says when the ref points elsewhere by now", async () => {
      const gone = "1".repeat(40);
      expect([await fetchObject(dir, remote, main, gone), await fetchObject(dir, remote, mark, gone)]).toEqual([false, false]);
    });

    it("throws when the credential is not accepted", async () => {
      await expect(readRemoteRefs(dir, server.remote(repo, "wrong"), [main])).rejects.toThrow(GitError);
    });

    it("asks once more with a fresh credential when the first has expired", async () => {
      expect(await readRemoteRefs(dir, expiring(), [main])).toEqual(new Map([[main, head]]));
    });

    it.each([
      "main",
      "--all",
      "refs/heads/a..b",
      "refs/heads/a:b",
      "refs/heads/a b",
      "refs/heads/x\ny",
      "refs/heads/a.lock",
      "refs/heads/",
      "refs/heads/a*",
      "refs/heads/.a",
      "refs/heads/@{1}",
    ])("takes no %j for a ref", (ref) => {
      expect(() => assertRef(ref)).toThrow("not a ref");
    });

    it.each(["refs/heads/main", "refs/heads/feature/añadir-#7", "refs/afk/lock", "refs/heads/-x", "refs/heads/locker"])(
      "takes %j for a ref",
      (ref) => {
        expect(() => assertRef(ref)).not.toThrow();
      },
    );
  });

  describe("pushing", () => {
    it("creates a ref that must not be there", async () => {
      const to = await commit("one");
      expect([await pushRefs(dir, remote, [{ ref: mark, from: undefined, to }]), await server.readRef(repo, mark)]).toEqual([
        { kind: "moved" },
        to,
      ]);
    });

    it("moves a ref from where it is to an unrelated commit", async () => {
      const [from, to] = [await commit("one"), await commit("two")];
      await pushRefs(dir, remote, [{ ref: mark, from: undefined, to: from }]);
      expect([await pushRefs(dir, remote, [{ ref: mark, from, to }]), await server.readRef(repo, mark)]).toEqual([{ kind: "moved" }, to]);
    });

    it("deletes a ref from where it is", async () => {
      const from = await commit("one");
      await pushRefs(dir, remote, [{ ref: mark, from: undefined, to: from }]);
      expect([await pushRefs(dir, remote, [{ ref: mark, from, to: undefined }]), await server.readRef(repo, mark)]).toEqual([
        { kind: "moved" },
        undefined,
      ]);
    });

    it("is content when the ref to delete is gone", async () => {
      expect(await pushRefs(dir, remote, [{ ref: mark, from: head, to: undefined }])).toEqual({ kind: "moved" });
    });

    it("says where a ref is that is not where it has to be", async () => {
      const [one, two] = [await commit("one"), await commit("two")];
      await pushRefs(dir, remote, [{ ref: mark, from: undefined, to: one }]);
      expect(await pushRefs(dir, remote, [{ ref: mark, from: undefined, to: two }])).toEqual({
        kind: "stale",
        now: new Map([[mark, one]]),
      });
    });

    it("does not let the same commit win twice", async () => {
      const to = await commit("one");
      await pushRefs(dir, remote, [{ ref: mark, from: undefined, to }]);
      expect(await pushRefs(dir, remote, [{ ref: mark, from: undefined, to }])).toMatchObject({ kind: "stale" });
    });

    it("moves all of several refs", async () => {
      const [landed, noted] = [await commit("work", [head]), await commit("note")];
      const moves = [
        { ref: main, from: head, to: landed },
        { ref: mark, from: undefined, to: noted },
      ];
      await pushRefs(dir, remote, moves);
      expect([await server.readRef(repo, main), await server.readRef(repo, mark)]).toEqual([landed, noted]);
    });

    it("moves none of several refs when one is not where it has to be", async () => {
      const moved = await commitFiles(server.directory(repo), { branch: "main", files: { b: "2" }, message: "b", author: "bob" });
      const moves = [
        { ref: main, from: head, to: await commit("work", [head]) },
        { ref: mark, from: undefined, to: await commit("note") },
      ];
      const answer = await pushRefs(dir, remote, moves);
      expect([answer, await server.readRef(repo, mark)]).toEqual([{ kind: "stale", now: new Map([[main, moved]]) }, undefined]);
    });

    it("passes on the forge's words when it refuses, without padding and escapes", async () => {
      server.protectedRef = {
        ref: main,
        message:
          "error: GH006: Protected branch update failed for refs/heads/main.\n\u001B[1mChanges must be made through a pull request.   ",
      };
      expect(await pushRefs(dir, remote, [{ ref: main, from: head, to: await commit("work", [head]) }])).toEqual({
        kind: "refused",
        reason: "error: GH006: Protected branch update failed for refs/heads/main.\nChanges must be made through a pull request.",
      });
    });

    it("pushes once more with a fresh credential when the first has expired", async () => {
      const to = await commit("one");
      expect(await pushRefs(dir, expiring(), [{ ref: mark, from: undefined, to }])).toEqual({ kind: "moved" });
    });

    it("pushes once more when the credential expires in the middle of the push", async () => {
      let uses = 0;
      server.access = (token) => (token === "first" ? (uses += 1) === 1 || 401 : token === "second" || 401);
      const credential: GitRemote["credential"] = async (refused) => ({
        username: "x-access-token",
        token: refused === undefined ? "first" : "second",
      });
      const to = await commit("one");
      expect(await pushRefs(dir, { ...remote, credential }, [{ ref: mark, from: undefined, to }])).toEqual({ kind: "moved" });
      expect(await server.readRef(repo, mark)).toBe(to);
    });

    it("asks for no more than one fresh credential", async () => {
      server.access = () => 401;
      let minted = 0;
      const credential = async () => ({ username: "x-access-token", token: `ghs_${(minted += 1)}` });
      await expect(readRemoteRefs(dir, { ...remote, credential }, [main])).rejects.toThrow(GitError);
      expect(minted).toBe(2);
    });

    it("is refused without write access", async () => {
      server.access = (_token, wants) => wants === "read";
      expect(await pushRefs(dir, remote, [{ ref: mark, from: undefined, to: await commit("one") }])).toMatchObject({ kind: "refused" });
    });

    it.each([0, 500, 502])("finds out that it has moved when the answer got lost (%i)", async (answer) => {
      server.nextPushAnswer = answer;
      expect(await pushRefs(dir, remote, [{ ref: mark, from: undefined, to: await commit("one") }])).toEqual({ kind: "moved" });
    });

    it("throws when the answer got lost and the forge cannot be asked", async () => {
      server.nextPushAnswer = 0;
      server.access = (_token, wants) => wants === "write" || 404;
      await expect(pushRefs(dir, remote, [{ ref: mark, from: undefined, to: await commit("one") }])).rejects.toThrow(GitError);
    });

    it("throws when the forge cannot be reached", async () => {
      const to = await commit("one");
      await expect(
        pushRefs(dir, { ...remote, url: "http://127.0.0.1:1/acme/widgets.git" }, [{ ref: mark, from: undefined, to }]),
      ).rejects.toThrow(GitError);
    });

    it("tries again when another push held the server's ref lock", async () => {
      const directory = server.directory(repo);
      const lockFile = join(directory, `${mark}.lock`);
      await mkdir(dirname(lockFile), { recursive: true });
      await writeFile(lockFile, "");
      server.access = async (_token, wants) => {
        if (wants === "read") await rm(lockFile, { force: true });
        return true;
      };
      expect(await pushRefs(dir, remote, [{ ref: mark, from: undefined, to: await commit("one") }])).toEqual({ kind: "moved" });
    });

    it("does not try for ever while the server's ref lock is held", async () => {
      const lockFile = join(server.directory(repo), `${mark}.lock`);
      await mkdir(dirname(lockFile), { recursive: true });
      await writeFile(lockFile, "");
      await expect(pushRefs(dir, remote, [{ ref: mark, from: undefined, to: await commit("one") }])).rejects.toThrow(GitError);
    });
  });

  describe("rehearsing", () => {
    it("finds nothing to say, and writes nothing, when the push would be taken", async () => {
      expect([
        await rehearsePush(dir, remote, [{ ref: mark, from: undefined, to: await commit("one") }]),
        await server.readRef(repo, mark),
      ]).toEqual([undefined, undefined]);
    });

    it("tells missing write access", async () => {
      server.access = (_token, wants) => wants === "read";
      expect(await rehearsePush(dir, remote, [{ ref: mark, from: undefined, to: await commit("one") }])).toMatch(/403|not granted/);
    });

    it("tells a server without atomic pushes", async () => {
      await gitText(server.directory(repo), ["config", "receive.advertiseAtomic", "false"]);
      expect(await rehearsePush(dir, remote, [{ ref: mark, from: undefined, to: await commit("one") }])).toContain("atomic");
    });

    it("throws when the forge cannot be reached", async () => {
      const to = await commit("one");
      await expect(
        rehearsePush(dir, { ...remote, url: "http://127.0.0.1:1/x/y.git" }, [{ ref: mark, from: undefined, to }]),
      ).rejects.toThrow(GitError);
    });
  });
});
