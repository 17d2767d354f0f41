import { describe, expect, it } from "vitest";
import { parseRepository } from "../../src/handlers/parse-repository.ts";
import { ForgeError } from "../../src/ports.ts";
import { createFakeForge, type FakeForge } from "../support/fake-forge.ts";

const clock = { now: () => Date.parse("2026-01-01T10:00:00.500Z") };

function start() {
  const forge = createFakeForge({ clock });
  const repo = forge.addRepo("acme/widgets", { members: { Mona: "write" } });
  const issue = forge.openIssue(repo, "mona", { title: "t" });
  return { forge, repo, issue };
}

function delivered(forge: FakeForge): readonly string[] {
  return forge.webhooks.map(({ name, payload }) => ("action" in payload ? `${name}.${String(payload["action"])}` : name));
}

describe("the forge in memory", () => {
  it("tells of everything people do by webhook, in order", () => {
    const { forge, repo, issue } = start();
    forge.label(repo, issue, "ready", "mona");
    forge.edit(repo, issue, { title: "u" }, "mona");
    forge.comment(repo, issue, "hello", "mona");
    forge.unlabel(repo, issue, "ready", "mona");
    forge.close(repo, issue, "mona");
    forge.reopen(repo, issue, "mona");
    forge.deleteIssue(repo, issue, "mona");
    const issues = ["opened", "labeled", "edited"].map((action) => `issues.${action}`);
    expect(delivered(forge)).toEqual([
      ...issues,
      "issue_comment.created",
      "issues.unlabeled",
      "issues.closed",
      "issues.reopened",
      "issues.deleted",
    ]);
  });

  it("tells of a check run and then, when it was the last, of its suite", () => {
    const { forge, repo } = start();
    const sha = forge.landCommit(repo, "main");
    forge.ci(repo, sha, undefined, "slow");
    forge.ci(repo, sha, "success", "fast");
    forge.ci(repo, sha, "success", "slow");
    const runs = ["check_run.created", "check_run.completed", "check_run.completed", "check_suite.completed"];
    expect(delivered(forge).slice(1)).toEqual(runs);
  });

  it("tells of a status", () => {
    const { forge, repo } = start();
    forge.status(repo, forge.landCommit(repo, "main"), "success");
    expect(forge.webhooks.at(-1)).toMatchObject({ name: "status", payload: { context: "ci/test", state: "success" } });
  });

  it("tells of what AFK itself does, as GitHub does", async () => {
    const { forge, repo, issue } = start();
    await forge.addLabel(repo, issue, "busy");
    expect(forge.webhooks.at(-1)?.payload).toMatchObject({ action: "labeled", sender: { login: forge.appLogin, type: "Bot" } });
  });

  it("sends payloads that the handlers understand", () => {
    const { forge, repo } = start();
    expect(parseRepository(forge.webhooks.at(-1)?.payload)).toEqual(repo);
  });

  it("sends nothing for a change that changes nothing", () => {
    const { forge, repo, issue } = start();
    forge.label(repo, issue, "ready", "mona");
    const before = forge.webhooks.length;
    forge.label(repo, issue, "ready", "mona");
    expect(forge.webhooks.length).toBe(before);
  });

  it("gives every delivery an id of its own", () => {
    const { forge, repo, issue } = start();
    forge.comment(repo, issue, "hello", "mona");
    expect(new Set(forge.webhooks.map(({ id }) => id)).size).toBe(forge.webhooks.length);
  });

  it("keeps listeners up to date until they leave", () => {
    const { forge, repo, issue } = start();
    const heard: string[] = [];
    const leave = forge.onWebhook(({ name }) => void heard.push(name));
    forge.comment(repo, issue, "one", "mona");
    leave();
    forge.comment(repo, issue, "two", "mona");
    expect(heard).toEqual(["issue_comment"]);
  });

  it("fails once before a write, which then has not happened", async () => {
    const { forge, repo, issue } = start();
    forge.failNext("createComment", new ForgeError("down", 502), "before");
    await expect(forge.createComment(repo, issue, "x", "x")).rejects.toMatchObject({ status: 502 });
    expect(forge.readComments(repo, issue)).toEqual([]);
  });

  it("fails once after a write, which then has happened", async () => {
    const { forge, repo, issue } = start();
    forge.failNext("createComment", new ForgeError("down", 502), "after");
    await expect(forge.createComment(repo, issue, "x", "x")).rejects.toMatchObject({ status: 502 });
    expect(forge.readComments(repo, issue)).toHaveLength(1);
  });

  it("remembers which of AFK's comments no test has read", async () => {
    const { forge, repo, issue } = start();
    await forge.createComment(repo, issue, "unread", "unread");
    expect(forge.unreadComments()).toMatchObject([{ body: "unread" }]);
  });

  it("counts a comment as read once a test has looked", async () => {
    const { forge, repo, issue } = start();
    await forge.createComment(repo, issue, "read", "read");
    forge.readComments(repo, issue);
    expect(forge.unreadComments()).toEqual([]);
  });

  it("counts reads and writes apart", async () => {
    const { forge, repo, issue } = start();
    await forge.readIssue(repo, issue);
    await forge.closeIssue(repo, issue);
    expect([forge.calls.length, forge.writes.map(({ method }) => method)]).toEqual([2, ["closeIssue"]]);
  });

  it("has no transferred issue any more", async () => {
    const { forge, repo, issue } = start();
    forge.transferIssue(repo, issue, "mona");
    expect(await forge.readIssue(repo, issue)).toBeUndefined();
  });

  it("keeps the old name of a renamed repo and tells the new one", async () => {
    const { forge, repo } = start();
    forge.renameRepo(repo, "gizmos");
    expect((await forge.readRepo(repo))?.repo).toEqual({ owner: "acme", name: "gizmos" });
  });

  it("cannot tell edits when a test says that the server cannot", async () => {
    const { forge, repo, issue } = start();
    forge.setCapabilities({ knowsEdits: false });
    forge.label(repo, issue, "ready", "mona");
    expect((await forge.readRelease(repo, issue, "ready"))?.editedSince).toBe("unknown");
  });

  it("has no dependencies when a test says that the server has none", async () => {
    const { forge, repo, issue } = start();
    forge.setCapabilities({ hasDependencies: false });
    expect(await forge.readBlockers(repo, issue)).toBeUndefined();
  });

  it("writes times as GitHub does, in whole seconds", async () => {
    const { forge, repo, issue } = start();
    expect((await forge.readIssue(repo, issue))?.updatedAt).toBe("2026-01-01T10:00:00Z");
  });

  it("keeps AFK's reactions apart from its comments", async () => {
    const { forge, repo, issue } = start();
    const comment = forge.comment(repo, issue, "/afk help", "mona");
    await forge.react(repo, comment, "+1");
    expect([forge.reactions(repo, comment), forge.unreadComments()]).toEqual([["+1"], []]);
  });

  it("runs failed jobs again where the app may, as new check runs", async () => {
    const { forge, repo } = start();
    const sha = forge.landCommit(repo, "main");
    forge.ci(repo, sha, "failure");
    const idOf = async (): Promise<number> => {
      const facts = await forge.readCommit(repo, sha);
      return facts.kind === "known" ? (facts.checks[0]?.id ?? 0) : 0;
    };
    const failed = await idOf();
    const before = await forge.rerunFailed(repo, [failed]);
    forge.inside(repo).mayRerunJobs = true;
    expect([before, await forge.rerunFailed(repo, [failed]), forge.reruns]).toEqual([false, true, [{ repo, checks: [failed] }]]);
    expect(await idOf()).not.toBe(failed);
  });

  it("lets jobs that are to run again never begin when a test says so", async () => {
    const { forge, repo } = start();
    const sha = forge.landCommit(repo, "main");
    forge.ci(repo, sha, "failure");
    Object.assign(forge.inside(repo), { mayRerunJobs: true, startsReruns: false });
    const before = await forge.readCommit(repo, sha);
    await forge.rerunFailed(repo, before.kind === "known" ? before.checks.map(({ id }) => id) : []);
    expect(await forge.readCommit(repo, sha)).toEqual(before);
  });
});
