import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Permission } from "../../src/core/observation.ts";
import type { Repo } from "../../src/core/run.ts";
import type { Forge } from "../../src/ports.ts";

/** A forge with the people around it, where the app may re-run jobs. `mona` may write everywhere, `sam` may read, `eve` is a stranger. */
export interface ForgeWorld {
  readonly forge: Forge;
  /** Private, with `README.md` ("hello\n") on `main`. */
  readonly repo: Repo;
  /** A second repo of the same owner. */
  readonly otherRepo: Repo;
  readonly appLogin: string;
  readonly openIssue: (by: string, title: string, body: string, repo?: Repo) => Promise<number>;
  readonly label: (issue: number, label: string, by: string) => Promise<void>;
  readonly unlabel: (issue: number, label: string, by: string) => Promise<void>;
  readonly edit: (issue: number, change: { readonly title?: string; readonly body?: string }, by: string) => Promise<void>;
  /** Answers the comment's id. */
  readonly comment: (issue: number, body: string, by: string, repo?: Repo) => Promise<number>;
  readonly editComment: (comment: number, body: string, by: string) => Promise<void>;
  /** What the app's reactions to a comment are. */
  readonly reactions: (comment: number) => Promise<readonly string[]>;
  readonly deleteComment: (comment: number, by: string) => Promise<void>;
  readonly close: (issue: number, by: string, repo?: Repo) => Promise<void>;
  readonly block: (issue: number, blocker: number, inRepo?: Repo) => Promise<void>;
  readonly setPermission: (login: string, permission: Permission) => Promise<void>;
  readonly protect: (branch: string) => Promise<void>;
  /** Pushes a commit to the branch, made when missing. Answers its sha. */
  readonly push: (branch: string, files: Readonly<Record<string, string>>) => Promise<string>;
  /** `log`: what the job printed, when it failed. */
  readonly ci: (sha: string, conclusion: string | undefined, name: string, log?: string) => Promise<void>;
  readonly status: (sha: string, state: "pending" | "success" | "failure", context: string) => Promise<void>;
  readonly end: () => Promise<void>;
}

/** What the loop relies on in every forge. */
export function describeForge(name: string, start: () => Promise<ForgeWorld>): void {
  describe(`the forge ${name}`, () => {
    let world: ForgeWorld;
    beforeAll(async () => {
      world = await start();
    });
    afterAll(() => world.end());

    describeRepos(() => world);
    describeIssues(() => world);
    describeReleases(() => world);
    describeComments(() => world);
    describeNewComments(() => world);
    describeReactions(() => world);
    describeLabels(() => world);
    describeCommits(() => world);
    describeFailures(() => world);
  });
}

const ready = "ready-for-agent";
const absent: Repo = { owner: "nobody", name: "nothing" };

function describeRepos(world: () => ForgeWorld): void {
  it("tells what kind of repo it is and what the app may do there", async () => {
    const { forge, repo } = world();
    const facts = await forge.readRepo(repo);
    expect(facts).toMatchObject({ repo, defaultBranch: "main", isPrivate: true, isArchived: false });
    expect(facts).toMatchObject({ mayPush: true, mayWriteIssues: true, mayRerunJobs: true });
  });

  it("knows nothing of a repo where the app is not installed", async () => {
    expect(await world().forge.readRepo(absent)).toBeUndefined();
  });

  it("reads a file at the head of a branch", async () => {
    const { forge, repo } = world();
    expect(await forge.readFile(repo, "main", "README.md")).toBe("hello\n");
  });

  it("reads a file as it is after a push", async () => {
    const { forge, repo, push } = world();
    await push("files", { ".github/afk.yml": "ci: {}\n" });
    await forge.readFile(repo, "files", ".github/afk.yml");
    await push("files", { ".github/afk.yml": "landing: none # Größe\n" });
    expect(await forge.readFile(repo, "files", ".github/afk.yml")).toBe("landing: none # Größe\n");
  });

  it("has no file where there is none", async () => {
    const { forge, repo } = world();
    expect(await forge.readFile(repo, "main", ".github/afk.yml")).toBeUndefined();
  });

  it("takes a folder for no file", async () => {
    const { forge, repo, push } = world();
    await push("folder", { ".github/afk.yml/inside": "x" });
    expect(await forge.readFile(repo, "folder", ".github/afk.yml")).toBeUndefined();
  });

  it("tells a branch's head", async () => {
    const { forge, repo, push } = world();
    const sha = await push("feature/one", { "one.txt": "1" });
    expect(await forge.readBranch(repo, "feature/one")).toEqual({ sha, isProtected: false });
  });

  it("has no branch where there is none", async () => {
    const { forge, repo } = world();
    expect(await forge.readBranch(repo, "no-such-branch")).toBeUndefined();
  });

  it("tells a protected branch", async () => {
    const { forge, repo, push, protect } = world();
    await push("guarded", { "guarded.txt": "1" });
    await protect("guarded");
    expect((await forge.readBranch(repo, "guarded"))?.isProtected).toBe(true);
  });

  it.each([
    ["mona", "write"],
    ["sam", "read"],
    ["eve", "none"],
    ["never-heard-of", "none"],
  ] as const)("says that %s's permission is %s", async (login, permission) => {
    const { forge, repo } = world();
    expect(await forge.readPermission(repo, login)).toBe(permission);
  });

  it("tells a permission as it is now, not as it was", async () => {
    const { forge, repo, setPermission } = world();
    await setPermission("flip", "write");
    await forge.readPermission(repo, "flip");
    await setPermission("flip", "read");
    expect(await forge.readPermission(repo, "flip")).toBe("read");
  });

  it("has a clock close to this machine's when both are right", () => {
    expect(Math.abs(world().forge.now() - Date.now())).toBeLessThan(2000);
  });
}

function describeIssues(world: () => ForgeWorld): void {
  it("reads an issue as its author wrote it", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "Größe & <b>", "line one\n\nline two");
    expect(await forge.readIssue(repo, number)).toMatchObject({
      number,
      title: "Größe & <b>",
      body: "line one\n\nline two",
      author: "mona",
      labels: [],
      isOpen: true,
      isLocked: false,
    });
  });

  it("tells with an issue how many comments and blockers it has", async () => {
    const { forge, repo, openIssue, comment, block } = world();
    const number = await openIssue("mona", "counted", "");
    expect(await forge.readIssue(repo, number)).toMatchObject({ commentCount: 0, blockerCount: 0 });
    await comment(number, "one", "sam");
    await block(number, await openIssue("mona", "blocker", ""));
    expect(await forge.readIssue(repo, number)).toMatchObject({ commentCount: 1, blockerCount: 1 });
  });

  it("reads an issue without a text", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "No text", "");
    expect((await forge.readIssue(repo, number))?.body).toBe("");
  });

  it("has no issue where there is none", async () => {
    const { forge, repo } = world();
    expect(await forge.readIssue(repo, 99_999)).toBeUndefined();
  });

  it("lists the open issues with a label, oldest first, and no others", async () => {
    const { forge, repo, openIssue, label, close } = world();
    const [first, second, closed] = [await openIssue("mona", "1", ""), await openIssue("mona", "2", ""), await openIssue("mona", "3", "")];
    await openIssue("mona", "without", "");
    for (const number of [second, first, closed]) await label(number, "listed", "mona");
    await close(closed, "mona");
    expect((await forge.listIssues(repo, "listed")).map(({ number }) => number)).toEqual([first, second]);
  });

  it("lists nothing for a label that does not exist", async () => {
    const { forge, repo } = world();
    expect(await forge.listIssues(repo, "no-such-label")).toEqual([]);
  });

  it("tells which issues block, here and elsewhere, and whether they are open", async () => {
    const { forge, repo, otherRepo, openIssue, block, close } = world();
    const blocked = await openIssue("mona", "blocked", "");
    const open = await openIssue("mona", "open blocker", "");
    const done = await openIssue("mona", "done blocker", "");
    const elsewhere = await openIssue("mona", "blocker elsewhere", "", otherRepo);
    await block(blocked, open);
    await block(blocked, done);
    await block(blocked, elsewhere, otherRepo);
    await close(done, "mona");
    const blockers = [
      { reference: `#${open}`, isOpen: true },
      { reference: `#${done}`, isOpen: false },
      { reference: `${otherRepo.owner}/${otherRepo.name}#${elsewhere}`, isOpen: true },
    ];
    expect(await forge.readBlockers(repo, blocked)).toEqual(blockers);
  });

  it("tells that nothing blocks", async () => {
    const { forge, repo, openIssue } = world();
    expect(await forge.readBlockers(repo, await openIssue("mona", "free", ""))).toEqual([]);
  });

  it("closes an issue", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "to close", "");
    await forge.closeIssue(repo, number);
    expect((await forge.readIssue(repo, number))?.isOpen).toBe(false);
  });

  it("closes an issue twice without complaint", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "to close twice", "");
    await forge.closeIssue(repo, number);
    await expect(forge.closeIssue(repo, number)).resolves.toBeUndefined();
  });
}

function describeReleases(world: () => ForgeWorld): void {
  it("tells who set the label", async () => {
    const { forge, repo, openIssue, label } = world();
    const number = await openIssue("sam", "released", "text");
    await label(number, ready, "mona");
    expect(await forge.readRelease(repo, number, ready)).toEqual({
      by: "mona",
      byId: expect.any(Number),
      byIsBot: false,
      at: expect.any(String),
      editedSince: "no",
    });
  });

  it("tells who set it last when it was taken off and set again", async () => {
    const { forge, repo, openIssue, label, unlabel } = world();
    const number = await openIssue("sam", "released twice", "text");
    await label(number, ready, "owner");
    await unlabel(number, ready, "mona");
    await label(number, ready, "mona");
    expect((await forge.readRelease(repo, number, ready))?.by).toBe("mona");
  });

  it("has no release once the label was taken off", async () => {
    const { forge, repo, openIssue, label, unlabel } = world();
    const number = await openIssue("sam", "withdrawn", "text");
    await label(number, ready, "mona");
    await unlabel(number, ready, "mona");
    expect(await forge.readRelease(repo, number, ready)).toBeUndefined();
  });

  it("does not take another label for the release", async () => {
    const { forge, repo, openIssue, label } = world();
    const number = await openIssue("sam", "other label", "text");
    await label(number, "bug", "mona");
    expect(await forge.readRelease(repo, number, ready)).toBeUndefined();
  });

  it("has no release of an issue that does not exist", async () => {
    const { forge, repo } = world();
    expect(await forge.readRelease(repo, 99_999, ready)).toBeUndefined();
  });

  it("tells that a bot set the label", async () => {
    const { forge, repo, openIssue, appLogin } = world();
    const number = await openIssue("sam", "released by a bot", "text");
    await forge.addLabel(repo, number, ready);
    expect(await forge.readRelease(repo, number, ready)).toMatchObject({ by: appLogin, byIsBot: true, isOurs: true });
  });

  it("tells that the text was edited after the label", async () => {
    const { forge, repo, openIssue, label, edit } = world();
    const number = await openIssue("sam", "edited later", "text");
    await label(number, ready, "mona");
    await edit(number, { body: "other text" }, "sam");
    expect((await forge.readRelease(repo, number, ready))?.editedSince).toBe("yes");
  });

  it("tells of edits since any time, without a label", async () => {
    const { forge, repo, openIssue, edit } = world();
    const number = await openIssue("sam", "edited", "text");
    const before = await forge.readEdits(repo, number, "2001-01-01T00:00:00Z");
    await edit(number, { body: "other text" }, "sam");
    const after = await forge.readEdits(repo, number, "2001-01-01T00:00:00Z");
    expect([before, after, await forge.readEdits(repo, number, "2999-01-01T00:00:00Z")]).toEqual(["no", "yes", "no"]);
  });

  it("tells that the title was changed after the label", async () => {
    const { forge, repo, openIssue, label, edit } = world();
    const number = await openIssue("sam", "renamed later", "text");
    await label(number, ready, "mona");
    await edit(number, { title: "another title" }, "sam");
    expect((await forge.readRelease(repo, number, ready))?.editedSince).toBe("yes");
  });
}

function describeComments(world: () => ForgeWorld): void {
  const marker = "<!-- afk:status -->";

  it("tells its own comments from those of people", async () => {
    const { forge, repo, openIssue, comment, appLogin } = world();
    const number = await openIssue("mona", "talk", "");
    await comment(number, `not ours ${marker}`, "sam");
    await forge.createComment(repo, number, `ours ${marker}`, marker);
    expect(await forge.listComments(repo, number)).toMatchObject([
      { author: "sam", isOurs: false, body: `not ours ${marker}` },
      { author: appLogin, isOurs: true, body: `ours ${marker}` },
    ]);
  });

  it("tells a bot's comments from those of people", async () => {
    const { forge, repo, openIssue, comment } = world();
    const number = await openIssue("mona", "who", "");
    await comment(number, "hello", "sam");
    await forge.createComment(repo, number, `ours ${marker}`, marker);
    expect((await forge.listComments(repo, number)).map(({ authorIsBot }) => authorIsBot)).toEqual([false, true]);
  });

  it("knows an author by the same id in every comment", async () => {
    const { forge, repo, openIssue, comment } = world();
    const number = await openIssue("mona", "who", "");
    for (const [body, by] of [
      ["one", "sam"],
      ["two", "mona"],
      ["three", "sam"],
    ] as const)
      await comment(number, body, by);
    const [one, two, three] = (await forge.listComments(repo, number)).map(({ authorId }) => authorId);
    expect([one === three, one === two]).toEqual([true, false]);
  });

  it("tells that a comment was edited", async () => {
    const { forge, repo, openIssue, comment, editComment } = world();
    const number = await openIssue("mona", "talk", "");
    await editComment(await comment(number, "one", "sam"), "other", "sam");
    await comment(number, "two", "sam");
    expect((await forge.listComments(repo, number)).map(({ isEdited }) => isEdited)).toEqual([true, false]);
  });

  it("answers the comment it made", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "talk", "");
    const made = await forge.createComment(repo, number, `hello ${marker}`, marker);
    expect(await forge.listComments(repo, number)).toEqual([made]);
  });

  it("is not kept from a comment by one that quotes its marker", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "talk", "");
    const quoting = await forge.createComment(repo, number, `the agent said ${marker} <!-- other -->`, "<!-- other -->");
    expect((await forge.createComment(repo, number, `told ${marker}`, marker)).id).not.toBe(quoting.id);
  });

  it("makes no second comment with the same marker", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "talk", "");
    const first = await forge.createComment(repo, number, `first ${marker}`, marker);
    expect(await forge.createComment(repo, number, `second ${marker}`, marker)).toEqual(first);
  });

  it("edits a comment in place", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "talk", "");
    const { id } = await forge.createComment(repo, number, `first ${marker}`, marker);
    await forge.editComment(repo, id, `second ${marker}`);
    expect(await forge.listComments(repo, number)).toMatchObject([{ id, body: `second ${marker}` }]);
  });

  it("says that it edited", async () => {
    const { forge, repo, openIssue } = world();
    const { id } = await forge.createComment(repo, await openIssue("mona", "talk", ""), `first ${marker}`, marker);
    expect(await forge.editComment(repo, id, "second")).toBe(true);
  });

  it("says that a comment to edit was deleted", async () => {
    const { forge, repo, openIssue, deleteComment } = world();
    const { id } = await forge.createComment(repo, await openIssue("mona", "talk", ""), `first ${marker}`, marker);
    await deleteComment(id, "owner");
    expect(await forge.editComment(repo, id, "second")).toBe(false);
  });

  it("fails to comment where there is no issue", async () => {
    const { forge, repo } = world();
    await expect(forge.createComment(repo, 99_999, "hello", marker)).rejects.toMatchObject({ name: "ForgeError", status: 404 });
  });
}

const longAgo = "2001-01-01T00:00:00Z";

function describeNewComments(world: () => ForgeWorld): void {
  it("lists the new comments on all issues of a repo, newest first", async () => {
    const { forge, repo, openIssue, comment } = world();
    const [first, second] = [await openIssue("mona", "one", ""), await openIssue("mona", "two", "")];
    const before = await comment(first, "/afk help", "mona");
    const [older, newer] = [await comment(first, "/afk status", "sam"), await comment(second, "please\n\n/AFK retry", "mona")];
    expect(await forge.listNewComments(repo, { notBefore: longAgo, after: before })).toMatchObject([
      { id: newer, issue: second, author: "mona", body: "please\n\n/AFK retry", isEdited: false },
      { id: older, issue: first, author: "sam", body: "/afk status", isEdited: false },
    ]);
  });

  it("lists the same when asked again, and no more", async () => {
    const { forge, repo, openIssue, comment } = world();
    const after = await comment(await openIssue("mona", "one", ""), "/afk help", "mona");
    expect(await forge.listNewComments(repo, { notBefore: longAgo, after })).toEqual([]);
    expect(await forge.listNewComments(repo, { notBefore: longAgo, after })).toEqual([]);
  });

  it("lists nothing that is older than asked for", async () => {
    const { forge, repo, openIssue, comment } = world();
    await comment(await openIssue("mona", "one", ""), "/afk help", "mona");
    expect(await forge.listNewComments(repo, { notBefore: "2999-01-01T00:00:00Z" })).toEqual([]);
  });

  it("lists the comments of no other repo", async () => {
    const { forge, repo, otherRepo, openIssue, comment } = world();
    const after = await comment(await openIssue("mona", "here", ""), "/afk help", "mona");
    await comment(await openIssue("mona", "there", "", otherRepo), "/afk help", "mona", otherRepo);
    expect(await forge.listNewComments(repo, { notBefore: longAgo, after })).toEqual([]);
  });

  it("lists no new comments where the app is not installed", async () => {
    expect(await world().forge.listNewComments(absent, { notBefore: longAgo })).toEqual([]);
  });
}

function describeReactions(world: () => ForgeWorld): void {
  it("reacts to a comment, each way once", async () => {
    const { forge, repo, openIssue, comment, reactions } = world();
    const id = await comment(await openIssue("mona", "one", ""), "/afk help", "mona");
    const answers = [await forge.react(repo, id, "confused"), await forge.react(repo, id, "+1"), await forge.react(repo, id, "confused")];
    expect([answers, await reactions(id)]).toEqual([
      [true, true, true],
      ["confused", "+1"],
    ]);
  });

  it("says that a comment to react to was deleted", async () => {
    const { forge, repo, openIssue, comment, deleteComment } = world();
    const id = await comment(await openIssue("mona", "one", ""), "/afk help", "mona");
    await deleteComment(id, "owner");
    expect(await forge.react(repo, id, "confused")).toBe(false);
  });
}

function describeLabels(world: () => ForgeWorld): void {
  it("adds a label that the repo does not have yet", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "labels", "");
    await forge.addLabel(repo, number, "brand-new");
    expect((await forge.readIssue(repo, number))?.labels).toEqual(["brand-new"]);
  });

  it("adds a label twice to no effect", async () => {
    const { forge, repo, openIssue } = world();
    const number = await openIssue("mona", "labels", "");
    await forge.addLabel(repo, number, "once");
    await forge.addLabel(repo, number, "once");
    expect((await forge.readIssue(repo, number))?.labels).toEqual(["once"]);
  });

  it("removes a label and leaves the others", async () => {
    const { forge, repo, openIssue, label } = world();
    const number = await openIssue("mona", "labels", "");
    await label(number, "stays", "mona");
    await label(number, "goes away", "mona");
    await forge.removeLabel(repo, number, "goes away");
    expect((await forge.readIssue(repo, number))?.labels).toEqual(["stays"]);
  });

  it("removes a label that is not there without complaint", async () => {
    const { forge, repo, openIssue } = world();
    await expect(forge.removeLabel(repo, await openIssue("mona", "labels", ""), "not-there")).resolves.toBeUndefined();
  });
}

function describeCommits(world: () => ForgeWorld): void {
  it("knows of a commit without checks that it has none", async () => {
    const { forge, repo, push } = world();
    const sha = await push("plain", { "plain.txt": "1" });
    expect(await forge.readCommit(repo, sha)).toEqual({ kind: "known", checks: [], statuses: [] });
  });

  it("gives the check runs of a commit, finished or not", async () => {
    const { forge, repo, push, ci } = world();
    const sha = await push("checked", { "checked.txt": "1" });
    await ci(sha, "success", "build");
    await ci(sha, undefined, "test");
    const facts = await forge.readCommit(repo, sha);
    const checks = facts.kind === "known" ? facts.checks.map(({ name, conclusion }) => ({ name, conclusion })) : [];
    expect(checks.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: "build", conclusion: "success" },
      { name: "test", conclusion: undefined },
    ]);
  });

  it("gives the newest run of a check that ran again", async () => {
    const { forge, repo, push, ci } = world();
    const sha = await push("rerun", { "rerun.txt": "1" });
    await ci(sha, "failure", "test");
    await forge.readCommit(repo, sha);
    await ci(sha, "success", "test");
    expect(await forge.readCommit(repo, sha)).toMatchObject({ checks: [{ name: "test", conclusion: "success" }] });
  });

  it("gives every status of a commit", async () => {
    const { forge, repo, push, status } = world();
    const sha = await push("statuses", { "statuses.txt": "1" });
    await status(sha, "pending", "deploy");
    await status(sha, "success", "deploy");
    const facts = await forge.readCommit(repo, sha);
    expect(facts.kind === "known" ? facts.statuses.map(({ state }) => state).toSorted() : []).toEqual(["pending", "success"]);
  });

  it("does not know a commit that is not there", async () => {
    const { forge, repo } = world();
    expect(await forge.readCommit(repo, "0123456789012345678901234567890123456789")).toMatchObject({ kind: "unknown" });
  });

  it("lists what came onto a branch after a commit, oldest first", async () => {
    const { forge, repo, push } = world();
    const shas = [
      await push("growing", { "a.txt": "1" }),
      await push("growing", { "a.txt": "2" }),
      await push("growing", { "a.txt": "3" }),
    ];
    expect(await forge.listCommitsSince(repo, shas[0] ?? "", "growing")).toEqual(shas.slice(1));
  });

  it("lists nothing after the head of a branch", async () => {
    const { forge, repo, push } = world();
    const sha = await push("still", { "a.txt": "1" });
    expect(await forge.listCommitsSince(repo, sha, "still")).toEqual([]);
  });

  it("lists nothing after a commit that is not on the branch", async () => {
    const { forge, repo, push } = world();
    await push("this-way", { "a.txt": "1" });
    const aside = await push("that-way", { "a.txt": "2" });
    expect(await forge.listCommitsSince(repo, aside, "this-way")).toEqual([]);
  });
}

function describeFailures(world: () => ForgeWorld): void {
  /** The one check run of a commit. */
  async function checkOf(
    { forge, repo }: ForgeWorld,
    sha: string,
  ): Promise<{ readonly id: number; readonly conclusion: string | undefined }> {
    const facts = await forge.readCommit(repo, sha);
    return { id: 0, conclusion: "none", ...(facts.kind === "known" ? facts.checks[0] : {}) };
  }

  it("tells why a check failed", async () => {
    const { forge, repo, push, ci } = world();
    const sha = await push("why", { "why.txt": "1" });
    await ci(sha, "failure", "test", "not ok 1 - adds\n");
    const report = await forge.readFailure(repo, (await checkOf(world(), sha)).id);
    expect([report.from, report.text.trim()]).toEqual(["log", "not ok 1 - adds"]);
  });

  it("knows nothing of why a check failed that says nothing", async () => {
    const { forge, repo, push, ci } = world();
    const sha = await push("silent", { "silent.txt": "1" });
    await ci(sha, "failure", "test");
    expect(await forge.readFailure(repo, (await checkOf(world(), sha)).id)).toEqual({ from: "nothing", text: "" });
  });

  it("knows nothing of why a check failed that does not exist", async () => {
    const { forge, repo } = world();
    expect(await forge.readFailure(repo, 4)).toEqual({ from: "nothing", text: "" });
  });

  it("runs failed jobs again, which are pending then", async () => {
    const { forge, repo, push, ci } = world();
    const sha = await push("flaky", { "flaky.txt": "1" });
    await ci(sha, "failure", "test");
    const failed = await checkOf(world(), sha);
    expect(await forge.rerunFailed(repo, [failed.id])).toBe(true);
    const again = await checkOf(world(), sha);
    expect([again.conclusion, again.id > failed.id]).toEqual([undefined, true]);
  });

  it("runs nothing again that does not exist", async () => {
    const { forge, repo } = world();
    expect(await forge.rerunFailed(repo, [4, 5])).toBe(false);
  });
}
