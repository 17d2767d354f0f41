import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { sealLedger } from "../../src/core/ledger.ts";
import { statusMarker } from "../../src/core/checklist.ts";
import { endMarker } from "../../src/core/messages.ts";
import { ForgeError } from "../../src/ports.ts";
import { repoKey } from "../../src/core/run.ts";
import { createBotTester, type BotTester } from "../support/bot-tester.ts";
import { createMemoryLock } from "../support/memory-lock.ts";

describe("a process that dies", () => {
  it("begins a lost turn again and counts a retry", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    const before = afk.ledger();
    await afk.crash();
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.ledger()).toMatchObject({ run: before?.run, epoch: 2, attempts: 1, retries: 1 });
  });

  it("does not begin a turn more often than the retries allow, however often it dies", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    for (let deaths = 0; deaths < 3; deaths += 1) await afk.crash();
    expect(afk.labels(issue)).toEqual(["ready-for-human"]);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("goes on watching CI after the landing, and writes nothing twice", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    await afk.crash();
    await afk.ci(sha, "success");
    await afk.crash();
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it.each(["createComment", "editComment", "removeLabel", "closeIssue"] as const)(
    "finishes an end that was cut off by a failing %s",
    async (method) => {
      for (const when of ["before", "after"] as const) {
        const afk = await createBotTester();
        const issue = await afk.open("Sum is wrong");
        const sha = await afk.agentLands();
        await afk.ci(sha, "success");
        afk.forge.failNext(method, new ForgeError("bad gateway", 502), when);
        await afk.advance(15_000);
        await afk.crash();
        expect(afk.isOpen(issue)).toBe(false);
        expect(afk.labels(issue)).toEqual([]);
        expect(afk.comments(issue)).toHaveLength(2);
        expect(afk.ledger()).toBeUndefined();
      }
    },
  );

  it("counts nothing for a turn that a graceful end interrupted", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    await afk.restart();
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.ledger()).toMatchObject({ attempts: 1, retries: 0 });
  });
});

describe("what belongs to no run on this machine", () => {
  it("is removed with every sweep", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    const run = afk.ledger()?.run;
    const before = afk.executor().reaps.length;
    await afk.advance(120_000);
    expect(afk.executor().reaps.slice(before)).toEqual([[run]]);
    afk.locks.locks.clear();
    await afk.agentEnds({ kind: "unchanged" });
    await afk.play(() => afk.forge.close(afk.api, 1, "ann"));
    await afk.advance(120_000);
    expect(afk.executor().reaps.at(-1)).toEqual([]);
  });

  it("is not known, and not touched, while the kill switch is on", async () => {
    const afk = await createBotTester({ env: { AFK_KILL_SWITCH: "true" } });
    await afk.open("Sum is wrong");
    await afk.advance(120_000);
    expect(afk.executor().reaps).toEqual([]);
    await afk.play(() => afk.setSwitch(false));
    await afk.advance(120_000);
    expect(afk.executor().reaps).toEqual([[afk.ledger()?.run]]);
  });

  it("is not known, and not touched, before the forge has answered", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    afk.forge.failNext("listIssues", new ForgeError("bad gateway", 502));
    await afk.crash();
    expect(afk.executor().reaps).toEqual([]);
    await afk.advance(120_000);
    expect(afk.executor().reaps).toEqual([[afk.ledger()?.run]]);
  });

  it("is not known, and not touched, while a lock cannot be read", async () => {
    const afk = await createBotTester();
    await afk.open("Sum is wrong");
    afk.locks.locks.set(repoKey(afk.api), { sha: "0".repeat(40), record: "unreadable" });
    await afk.crash();
    await afk.advance(120_000);
    expect(afk.executor().reaps).toEqual([]);
  });
});

describe("a claim that is lost while the agent works", () => {
  // No sweep finds it out.
  const env = { AFK_SWEEP_SECONDS: "86400" };

  /** A renewal is nothing that AFK is waited for to rest from. */
  async function letRenew(afk: BotTester): Promise<void> {
    await afk.advance(afk.config.leaseMs / 3);
    await afk.play(() => setImmediate());
  }

  /** The forge takes no push until the last renewal of the lease is due. */
  async function outlastLease(afk: BotTester): Promise<void> {
    afk.locks.onExchange = (what) => {
      if (what === "swap") throw new ForgeError("bad gateway", 502);
    };
    for (let renewals = 0; renewals < 2; renewals += 1) await letRenew(afk);
    afk.locks.onExchange = () => {};
    await letRenew(afk);
  }

  it("has its turn ended at once and begun again, which counts nothing", async () => {
    const afk = await createBotTester({ env });
    const issue = await afk.open("Sum is wrong");
    const [first] = afk.executor().orders;
    await outlastLease(afk);
    expect(afk.executor().inspect(first?.id ?? "")).toMatchObject({ kind: "ended", outcome: { kind: "interrupted" } });
    expect(afk.executor().capacity().busy).toBe(1);
    expect(afk.ledger()).toMatchObject({ epoch: 2, attempts: 1, retries: 0 });
    await afk.ci(await afk.agentLands(), "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("has its turn ended at once when another replica has it", async () => {
    const afk = await createBotTester({ env });
    await afk.open("Sum is wrong");
    const other = createMemoryLock({ store: afk.locks, clock: afk.clock, home: "home-2" });
    const remote = afk.forge.remote(afk.api);
    const key = repoKey(afk.api);
    const { sha, record } = afk.locks.locks.get(key) ?? {};
    if (sha === undefined || record === undefined || record === "unreadable") throw new Error("no lock");
    await other.adopt(remote, { sha, ...record, idleMs: 0, control: { kind: "free" } });
    await letRenew(afk);
    expect(afk.executor().capacity().busy).toBe(0);
    expect(afk.executor().orders).toHaveLength(1);
  });
});

describe("a machine that sleeps for a lease in the middle of an end", () => {
  it("writes nothing more when another replica has ended the run meanwhile", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const run = afk.ledger()?.run ?? "";
    await afk.ci(await afk.agentLands(), "success");
    const wakeUp = afk.forge.onWebhook(({ name, payload }) => {
      if (name !== "issue_comment" || payload["action"] !== "edited") return;
      wakeUp();
      afk.clock.advance(afk.config.leaseMs);
      afk.forge.comment(afk.api, issue, `Done.\n\n${endMarker({ run, continuations: 0 })}`, afk.forge.appLogin);
      afk.forge.close(afk.api, issue, afk.forge.appLogin);
      afk.locks.locks.clear();
    });
    await afk.advance(15_000);
    expect(afk.comments(issue)).toEqual([
      expect.stringContaining(statusMarker(run)),
      expect.stringContaining(endMarker({ run, continuations: 0 })),
    ]);
  });
});

describe("a forge that fails", () => {
  it("delays only the repo it fails for", async () => {
    const afk = await createBotTester({ webhooks: "lost" });
    await afk.open("In one");
    await afk.open("In the other", { repo: afk.web });
    afk.forge.failNext("listIssues", new ForgeError("bad gateway", 502), "before");
    await afk.advance(120_000);
    expect(afk.executor().capacity().busy).toBe(1);
    await afk.advance(1_000);
    expect(afk.executor().capacity().busy).toBe(2);
  });

  it("does not take an unreachable forge for an answer", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong", { label: false });
    afk.forge.failNext("readPermission", new ForgeError("bad gateway", 502), "before");
    await afk.label(issue);
    expect(afk.ledger()).toBeUndefined();
    expect(afk.comments(issue)).toEqual([]);
    await afk.advance(1_000);
    expect(afk.ledger()).toMatchObject({ issue });
  });
});

describe("ledgers in comments", () => {
  /** A run whose lock somebody deleted by hand. */
  async function loseTheLock(afk: BotTester, issue: number): Promise<void> {
    await afk.agentEnds({ kind: "failed", reason: "crash", tail: "" });
    expect(afk.comments(issue)).toHaveLength(1);
    afk.locks.locks.clear();
  }

  it("continue a run whose lock is lost, with its counts", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const before = afk.ledger();
    await loseTheLock(afk, issue);
    await afk.crash();
    await afk.advance(20_000);
    expect(afk.ledger()).toMatchObject({ run: before?.run, attempts: 1, retries: 1 });
    expect(afk.ledger()?.epoch).toBeGreaterThan(1);
  });

  it.each([
    ["by somebody else", "eve", (seal: string) => seal],
    ["damaged", "afk[bot]", (seal: string) => seal.replace(/[A-Za-z0-9]{8} -->$/, "AAAAAAAA -->")],
    ["sealed with another secret", "afk[bot]", undefined],
  ])("are ignored when they are %s", async (_what, author, change) => {
    const afk = await createBotTester({ webhooks: "lost" });
    const issue = await afk.open("Sum is wrong");
    const repoId = afk.forge.inside(afk.api).id;
    const forged = {
      version: 1,
      repoId,
      issue,
      run: "forged",
      epoch: 9,
      approval: { by: "ann", byId: 1, at: new Date(afk.clock.now() + 1e9).toISOString(), contentHash: "0".repeat(64) },
      base: "main",
      startedAt: new Date(afk.clock.now()).toISOString(),
      attempts: 99,
      nudges: 0,
      retries: 99,
      parks: 0,
      continuations: 0,
      spentUsd: 0,
      commandsThrough: 0,
      evidence: {},
    } as const;
    const seal = change === undefined ? sealLedger(forged, ["another secret"]) : change(sealLedger(forged, afk.config.stateSecrets));
    afk.forge.comment(afk.api, issue, `${statusMarker("forged")}\n${seal}`, author);
    await afk.advance(120_000);
    expect(afk.ledger()).toMatchObject({ issue, attempts: 1, retries: 0 });
    expect(afk.ledger()?.run).not.toBe("forged");
  });

  it("are repaired when somebody edits them, and never trusted", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const [comment] = afk.forge.readComments(afk.api, issue);
    const forged = comment?.body.replaceAll("- [ ]", "- [x]").replace(/afk:ledger v1 \S+/, "afk:ledger v1 e30") ?? "";
    afk.forge.editCommentBy(afk.api, comment?.id ?? 0, forged, "ann");
    await afk.crash();
    await afk.advance(15_000);
    expect(afk.comments(issue)).toEqual([expect.stringContaining("- [ ] Done")]);
  });

  it("are written anew when somebody deletes the comment", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const [comment] = afk.forge.readComments(afk.api, issue);
    afk.forge.deleteComment(afk.api, comment?.id ?? 0, "ann");
    await afk.play(() => afk.executor().progress(afk.api, { phase: "tests-red" }));
    expect(afk.comments(issue)).toEqual([expect.stringContaining("AFK is at work")]);
  });
});

describe("a repo AFK cannot land in", () => {
  it.each([
    ["its base is protected", (afk: BotTester) => afk.forge.protect(afk.api, "main"), "main"],
    [
      "it asks for pull requests",
      (afk: BotTester) => afk.forge.setFile(afk.api, ".github/afk.yml", "landing: pull-request\n"),
      "pull request",
    ],
    [
      "it asks for deploys",
      (afk: BotTester) => afk.forge.setFile(afk.api, ".github/afk.yml", "deploy:\n  environment: production\n"),
      "deploy",
    ],
    ["it has no such base", (afk: BotTester) => afk.forge.setFile(afk.api, ".github/afk.yml", "base: release\n"), "release"],
    ["pushes are refused", (afk: BotTester) => (afk.locks.ailment = "it takes no atomic pushes"), "atomic"],
  ])("is found out before dispatch and said on the issue when %s", async (_what, act, said) => {
    const afk = await createBotTester();
    act(afk);
    const issue = await afk.open("Sum is wrong");
    expect(afk.ledger()).toBeUndefined();
    expect(afk.labels(issue)).toEqual(["ready-for-agent"]);
    expect(afk.comments(issue)).toEqual([expect.stringContaining(said)]);
    await afk.finish();
  });

  it("lands by pull request on public repos by default, so nothing is started there yet", async () => {
    const afk = await createBotTester({ env: { AFK_ALLOWLIST: "acme/open" } });
    const repo = afk.forge.addRepo("acme/open", { isPrivate: false });
    afk.forge.setPermission(repo, "ann", "write");
    const issue = await afk.open("Sum is wrong", { repo });
    expect(afk.comments(issue, repo)).toMatchInlineSnapshot(`
      [
        "<!-- afk:status run=none -->
      **Not started**, because AFK cannot do here what is asked of it:

      - Not part of this version: landing by pull request, which is the default on public repositories: say \`landing: none\` to see the diff on the issue, or have the operator set \`AFK_LANDING=push\`.",
      ]
    `);
  });
});
