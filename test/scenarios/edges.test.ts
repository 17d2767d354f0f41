import { describe, expect, it } from "vitest";
import { ForgeError } from "../../src/ports.ts";
import { createBotTester, type BotTester } from "../support/bot-tester.ts";

const failure = { kind: "failed", reason: "crash", tail: "" } as const;
const limited = { kind: "limited", until: "2026-01-05T12:00:00Z", reason: "limit" } as const;
const forbidden = new ForgeError("Resource not accessible by integration", 403);

/** A run in each of the states that last. */
const states = {
  "while the agent is at work": async () => {},
  "while CI is watched": async (afk: BotTester) => void (await afk.agentLands()),
  "while it backs off": (afk: BotTester) => afk.agentEnds(failure),
  "while it is parked": (afk: BotTester) => afk.agentEnds(limited),
} as const;
const whens = Object.keys(states) as (keyof typeof states)[];

async function reach(when: keyof typeof states): Promise<{ afk: BotTester; issue: number }> {
  const afk = await createBotTester();
  const issue = await afk.open("Sum is wrong");
  await states[when](afk);
  return { afk, issue };
}

async function closeGreen(afk: BotTester, issue: number): Promise<void> {
  if (afk.executor().capacity().busy > 0) await afk.agentLands();
  await afk.ci(afk.ledger()?.landed?.sha ?? "", "success");
  await afk.advance(15_000);
  expect(afk.isOpen(issue)).toBe(false);
}

describe("an issue that people change under the run", () => {
  it.each(whens)("and close %s cancels it; what has landed stays", async (when) => {
    const { afk, issue } = await reach(when);
    const head = afk.forge.inside(afk.api).branches.get("main")?.sha;
    await afk.play(() => afk.forge.close(afk.api, issue, "ann"));
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.forge.inside(afk.api).branches.get("main")?.sha).toBe(head);
    await afk.finish();
  });

  it.each(whens)("and take the label off %s cancels it", async (when) => {
    const { afk, issue } = await reach(when);
    await afk.play(() => afk.forge.unlabel(afk.api, issue, "ready-for-agent", "ann"));
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual([]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it.each(whens)("and delete or transfer %s frees the repo, and nothing is said anywhere", async (when) => {
    for (const act of ["deleteIssue", "transferIssue"] as const) {
      const { afk, issue } = await reach(when);
      const next = await afk.open("Next");
      await afk.play(() => afk.forge[act](afk.api, issue, "ann"));
      expect(afk.ledger()).toMatchObject({ issue: next });
      expect(afk.comments(next)).toHaveLength(1);
    }
  });

  it.each(whens)("and lock %s goes on, without its words", async (when) => {
    const { afk, issue } = await reach(when);
    afk.forge.inside(afk.api).issues.get(issue)!.isLocked = true;
    await afk.advance(3 * 3_600_000);
    expect(afk.ledger() === undefined || afk.executor().capacity().busy === 1).toBe(true);
    expect(afk.comments(issue)).toHaveLength(1);
  });

  it.each(whens)("and rid of every label %s ends the run; the labels are made again when they are needed", async (when) => {
    const { afk, issue } = await reach(when);
    const { labels } = afk.forge.inside(afk.api).issues.get(issue)!;
    labels.splice(0);
    afk.forge.inside(afk.api).labels.clear();
    await afk.advance(120_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.label(issue);
    await afk.agentEnds({ kind: "unchanged" });
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(4);
    await afk.finish();
  });

  it("and rid of the label that says it is in progress gets it back", async () => {
    const { afk, issue } = await reach("while the agent is at work");
    await afk.play(() => afk.forge.unlabel(afk.api, issue, "agent-in-progress", "ann"));
    await afk.advance(120_000);
    expect(afk.labels(issue)).toEqual(["ready-for-agent", "agent-in-progress"]);
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("and open again after a close is not started again by itself", async () => {
    const { afk, issue } = await reach("while the agent is at work");
    await afk.play(() => afk.forge.close(afk.api, issue, "ann"));
    await afk.play(() => afk.forge.reopen(afk.api, issue, "ann"));
    await afk.advance(240_000);
    expect(afk.executor().orders).toHaveLength(1);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("and close and open again between two looks goes on", async () => {
    const afk = await createBotTester({ webhooks: "lost" });
    const issue = await afk.open("Sum is wrong");
    await afk.advance(120_000);
    afk.forge.close(afk.api, issue, "ann");
    afk.forge.reopen(afk.api, issue, "ann");
    await afk.advance(120_000);
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.executor().orders).toHaveLength(1);
  });
});

describe("a repo that goes out of reach under the run", () => {
  const away = {
    "is renamed": {
      go: (afk: BotTester) => afk.forge.renameRepo(afk.api, "moved"),
      back: (afk: BotTester) => afk.forge.renameRepo(afk.api, "api"),
    },
    "is archived": {
      go: (afk: BotTester) => void (afk.forge.inside(afk.api).isArchived = true),
      back: (afk: BotTester) => void (afk.forge.inside(afk.api).isArchived = false),
    },
  } as const;

  it.each((Object.keys(away) as (keyof typeof away)[]).flatMap((how) => whens.map((when) => [how, when] as const)))(
    "because it %s %s, is left alone, and goes on when it is back",
    async (how, when) => {
      const { afk, issue } = await reach(when);
      const before = afk.ledger();
      away[how].go(afk);
      await afk.advance(120_000);
      const writes = afk.forge.writes.length;
      expect(afk.executor().capacity().busy).toBe(0);
      await afk.advance(5 * 3_600_000);
      expect(afk.forge.writes).toHaveLength(writes);
      away[how].back(afk);
      await afk.advance(120_000);
      expect(afk.ledger()).toMatchObject({ run: before?.run, attempts: 1, nudges: 0 });
      await closeGreen(afk, issue);
      expect(afk.comments(issue)).toHaveLength(2);
      await afk.finish();
    },
  );

  it.each(whens)("because the app is uninstalled or suspended %s, is left alone, and goes on when it is back", async (when) => {
    const { afk, issue } = await reach(when);
    const before = afk.ledger();
    const inside = afk.forge.inside(afk.api);
    inside.isInstalled = false;
    await afk.advance(120_000);
    const writes = afk.forge.writes.length;
    expect(afk.executor().capacity().busy).toBe(0);
    await afk.advance(5 * 3_600_000);
    expect(afk.forge.writes).toHaveLength(writes);
    inside.isInstalled = true;
    await afk.advance(120_000);
    expect(afk.ledger()).toMatchObject({ run: before?.run, attempts: 1, nudges: 0 });
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("does not hold up another repo", async () => {
    const { afk } = await reach("while the agent is at work");
    afk.forge.inside(afk.api).isInstalled = false;
    const other = await afk.open("In the other", { repo: afk.web });
    await afk.agentEnds({ kind: "unchanged" }, afk.web);
    expect(afk.labels(other, afk.web)).toEqual(["ready-for-human"]);
    expect(afk.comments(other, afk.web)).toHaveLength(2);
  });
});

describe("a base that moves under the run", () => {
  it("because people push to it, is watched at the commit that landed", async () => {
    const { afk, issue } = await reach("while CI is watched");
    const theirs = afk.forge.landCommit(afk.api, "main");
    await afk.ci(theirs, "failure");
    await afk.advance(60_000);
    expect(afk.executor().orders).toHaveLength(1);
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("because the default branch is renamed, is followed by the next turn", async () => {
    const { afk, issue } = await reach("while it backs off");
    const inside = afk.forge.inside(afk.api);
    inside.branches.set("trunk", inside.branches.get("main")!);
    inside.branches.delete("main");
    inside.defaultBranch = "trunk";
    await afk.advance(10_000);
    expect(afk.executor().turnOf(afk.api).order.base).toBe("trunk");
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("because it is protected meanwhile, still has its landed commit watched", async () => {
    const { afk, issue } = await reach("while CI is watched");
    afk.forge.protect(afk.api, "main");
    await closeGreen(afk, issue);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("because it is protected meanwhile, keeps the next issue from starting, which says so", async () => {
    const { afk, issue } = await reach("while CI is watched");
    const next = await afk.open("Next");
    afk.forge.protect(afk.api, "main");
    await closeGreen(afk, issue);
    expect(afk.executor().orders).toHaveLength(1);
    expect(afk.comments(next)).toEqual([expect.stringContaining("is protected")]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("with an afk.yml that cannot be used ends the run that needs it", async () => {
    const { afk, issue } = await reach("while CI is watched");
    afk.forge.setFile(afk.api, ".github/afk.yml", "tset: npm test\n");
    await afk.advance(120_000);
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });
});

describe("permissions that shrink under the run", () => {
  it("keep the run's end from being said, not from being reached", async () => {
    const { afk, issue } = await reach("while the agent is at work");
    afk.forge.failNext("createComment", forbidden);
    await afk.agentEnds({ kind: "unchanged" });
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(1);
    expect(afk.log.map(({ message }) => message)).toContain("comment refused");
    await afk.finish();
  });

  it("bring the end back until its labels can be written", async () => {
    const { afk, issue } = await reach("while the agent is at work");
    for (let tries = 0; tries < 3; tries += 1) afk.forge.failNext("addLabel", forbidden);
    await afk.agentEnds({ kind: "unchanged" });
    expect(afk.ledger()?.end).toBeDefined();
    for (let seconds = 0; seconds < 8; seconds += 1) await afk.advance(1_000);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
  });

  it("keep new issues from being started, and a running agent from nothing", async () => {
    const { afk, issue } = await reach("while the agent is at work");
    afk.forge.inside(afk.api).mayPush = false;
    afk.forge.inside(afk.api).mayWriteIssues = false;
    const next = await afk.open("Next");
    await afk.advance(120_000);
    expect(afk.executor().capacity().busy).toBe(1);
    await closeGreen(afk, issue);
    expect(afk.executor().orders).toHaveLength(1);
    expect(afk.comments(next)).toEqual([expect.stringMatching(/may not push here[\s\S]*may not write issues here/)]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("are not taken for an absent CI: a verdict that may not be read is waited for, then handed over", async () => {
    const { afk, issue } = await reach("while CI is watched");
    afk.forge.inside(afk.api).hidesChecks = "403: checks may not be read";
    await afk.advance(3_600_000);
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
    expect(afk.comments(issue)[1]).toContain("The forge does not say what became of the checks.");
    await afk.finish();
  });

  it("let an answer be refused without holding up the run", async () => {
    const { afk, issue } = await reach("while the agent is at work");
    afk.forge.failNext("react", forbidden);
    afk.forge.failNext("createComment", forbidden);
    await afk.say(issue, "/afk fix also round");
    await afk.agentEnds({ kind: "refused", gate: "tests-red", reason: "no", evidence: {} });
    expect(afk.executor().turnOf(afk.api).order.prompt).toContain("also round");
    expect(afk.comments(issue)).toHaveLength(1);
  });

  it("let an answer be refused on an issue without a run, once", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    afk.forge.failNext("createComment", forbidden);
    await afk.say(issue, "/afk status");
    await afk.advance(240_000);
    expect(afk.comments(issue)).toEqual([]);
    await afk.say(issue, "/afk status");
    expect(afk.comments(issue)).toHaveLength(1);
    await afk.finish();
  });
});
