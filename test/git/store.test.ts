import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { git } from "../../src/git/run-git.ts";
import { hasObject, isDescendant, openStore, readBlob, storePath, writeCommit } from "../../src/git/store.ts";

const repo = { owner: "Acme", name: "Widgets.js" };
const identity = { name: "AFK", email: "afk@localhost" };

function write(dir: string, files: Record<string, string>, parents: readonly string[] = [], message = "A commit"): Promise<string> {
  return writeCommit(dir, { tree: files, parents, message, identity, date: Date.parse("2026-01-05T09:00:00Z") });
}

describe("a repo's store", () => {
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "afk-store-"));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it("lies in the home under the repo's name without regard to case", () => {
    expect(storePath(home, repo)).toBe(join(home, "repos", "acme", "widgets.js.git"));
  });

  it.each([
    ["..", "widgets"],
    ["acme", ".."],
    ["acme", "../../etc"],
    ["-o", "widgets"],
    ["acme", "a\u0000b"],
    ["", "widgets"],
    ["acme", "widgets.git"],
  ])("is not made for the name %j/%j", (owner, name) => {
    expect(() => storePath(home, { owner, name })).toThrow("not a repository name");
  });

  it("is a bare repository", async () => {
    const dir = await openStore(home, repo);
    expect(await git(["rev-parse", "--is-bare-repository"], { dir })).toBe("true\n");
  });

  it("is made once when many open it at the same time, and nothing is left over", async () => {
    await Promise.all(Array.from({ length: 8 }, () => openStore(home, repo)));
    expect(await readdir(join(home, "repos", "acme"))).toEqual(["widgets.js.git"]);
  });

  it("keeps what is in it when it is opened again", async () => {
    const sha = await write(await openStore(home, repo), { a: "1" });
    expect(await hasObject(await openStore(home, repo), sha)).toBe(true);
  });

  it("is not opened through a link that leads out of the home", async () => {
    const elsewhere = join(home, "elsewhere");
    await mkdir(join(home, "repos"));
    await mkdir(elsewhere);
    await symlink(elsewhere, join(home, "repos", "acme"));
    await expect(openStore(home, repo)).rejects.toThrow("outside of the home");
  });

  it("is made again when it was deleted", async () => {
    await rm(await openStore(home, repo), { recursive: true });
    expect(await git(["rev-parse", "--is-bare-repository"], { dir: await openStore(home, repo) })).toBe("true\n");
  });

  it("gives back a file with odd bytes as it was written", async () => {
    const dir = await openStore(home, repo);
    const text = "\u0000\r\n\u202E é 💥\n".repeat(5_000);
    expect(await readBlob(dir, await write(dir, { "odd.txt": text }), "odd.txt", 1_000_000)).toBe(text);
  });

  it("has no file that was not written", async () => {
    const dir = await openStore(home, repo);
    expect(await readBlob(dir, await write(dir, { a: "1" }), "b", 100)).toBeUndefined();
  });

  it("does not read a file that is too large", async () => {
    const dir = await openStore(home, repo);
    expect(await readBlob(dir, await write(dir, { a: "x".repeat(101) }), "a", 100)).toBeUndefined();
  });

  it.each(["../a", "a/b", ".git", "-x", "a\nb", ""])("does not write a file called %j", async (name) => {
    await expect(write(await openStore(home, repo), { [name]: "1" })).rejects.toThrow("not a file name");
  });

  it("writes a commit with exactly the given message, identity and date", async () => {
    const dir = await openStore(home, repo);
    const sha = await write(dir, { a: "1" }, [], "Subject\n\n--option $(x) `y`\n");
    expect(await git(["cat-file", "commit", sha], { dir })).toContain(
      "author AFK <afk@localhost> 1767603600 +0000\ncommitter AFK <afk@localhost> 1767603600 +0000\n\nSubject\n\n--option $(x) `y`\n",
    );
  });

  it("leaves no ref behind a commit", async () => {
    const dir = await openStore(home, repo);
    await write(dir, { a: "1" });
    expect(await git(["for-each-ref"], { dir })).toBe("");
  });

  it("knows a commit's descendants", async () => {
    const dir = await openStore(home, repo);
    const parent = await write(dir, { a: "1" });
    const child = await write(dir, { a: "2" }, [parent]);
    expect([await isDescendant(dir, child, parent), await isDescendant(dir, parent, child)]).toEqual([true, false]);
  });

  it.each(["--help", "HEAD", "main", "0123"])("takes no %j for an object name", async (name) => {
    await expect(hasObject(await openStore(home, repo), name)).rejects.toThrow("not an object name");
  });

  it("takes a broken place for an error instead of working elsewhere", async () => {
    const path = storePath(home, repo);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, "junk"), "");
    await expect(openStore(home, repo)).rejects.toThrow("ENOTEMPTY");
  });
});
