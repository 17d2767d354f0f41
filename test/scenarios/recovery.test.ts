import { describe, expect, it } from "vitest";
import { createBotTester, provenEvidence, type BotTester } from "../support/bot-tester.ts";

const refusal = { kind: "refused", gate: "tests-red", reason: "It proves nothing.", evidence: provenEvidence } as const;
const failure = { kind: "failed", reason: "crash", tail: "" } as const;

/** Red, and says why: another thing each time. */
async function fail(afk: BotTester, sha: string): Promise<void> {
  afk.forge.explainFailure(afk.api, sha, "test", { from: "log", text: `broken in ${afk.forge.calls.length.toString(36)}` });
  await afk.ci(sha, "failure");
}

interface State {
  /** Brings a fresh run into the state. */
  readonly reach: (afk: BotTester) => Promise<void>;
  /** What the next process does: a turn of this kind, or none. */
  readonly turn: string | undefined;
  /** What dying costs: a lost turn is begun again, which is a retry. */
  readonly retries: number;
}

const states = {
  "in its first turn": { reach: async () => {}, turn: "implement", retries: 1 },
  "in a nudge": { reach: (afk) => afk.agentEnds(refusal), turn: "nudge", retries: 1 },
  "resolving a conflict": {
    reach: (afk) => afk.agentEnds({ kind: "conflict", reason: "src/sum.js", evidence: {} }),
    turn: "resolve",
    retries: 1,
  },
  "watching CI": { reach: async (afk) => void (await afk.agentLands()), turn: undefined, retries: 0 },
  "waiting for green to settle": { reach: async (afk) => afk.ci(await afk.agentLands(), "success"), turn: undefined, retries: 0 },
  "in a correction": { reach: async (afk) => fail(afk, await afk.agentLands()), turn: "fix-forward", retries: 1 },
  "in a nudge of a correction": {
    async reach(afk) {
      await fail(afk, await afk.agentLands());
      await afk.agentEnds(refusal);
    },
    turn: "nudge",
    retries: 1,
  },
  "while failed jobs run again": {
    async reach(afk) {
      afk.forge.inside(afk.api).mayRerunJobs = true;
      await fail(afk, await afk.agentLands());
    },
    turn: undefined,
    retries: 0,
  },
  "backing off": { reach: (afk) => afk.agentEnds(failure), turn: undefined, retries: 0 },
  parked: {
    reach: (afk) => afk.agentEnds({ kind: "limited", until: "2026-01-05T12:00:00Z", reason: "limit" }),
    turn: undefined,
    retries: 0,
  },
  "with a turn asked for, while the agent is at work": {
    reach: async (afk) => void (await afk.say(1, "/afk fix also round")),
    turn: "implement",
    retries: 0,
  },
} as const satisfies Record<string, State>;

function counts(afk: BotTester): Record<string, number | undefined> {
  const { attempts, nudges, retries, parks } = afk.ledger() ?? {};
  return { attempts, nudges, retries, parks };
}

async function reach(name: keyof typeof states): Promise<{ afk: BotTester; state: State }> {
  const afk = await createBotTester();
  await afk.open("Sum is wrong");
  const state = states[name];
  await state.reach(afk);
  return { afk, state };
}

const names = Object.keys(states) as (keyof typeof states)[];

describe("a process that dies", () => {
  it.each(names)("%s is taken over with every count, and nothing is written twice", async (name) => {
    const { afk, state } = await reach(name);
    const [before, run, comments] = [counts(afk), afk.ledger()?.run, afk.comments(1).length];
    await afk.crash();
    expect(afk.executor().orders.map(({ kind }) => kind)).toEqual(state.turn === undefined ? [] : [state.turn]);
    expect(afk.ledger()?.run).toBe(run);
    const isAsked = name.startsWith("with a turn");
    expect(counts(afk)).toEqual({
      ...before,
      retries: (before["retries"] ?? 0) + state.retries,
      attempts: (before["attempts"] ?? 0) + (isAsked ? 1 : 0),
    });
    expect(afk.comments(1)).toHaveLength(comments);
    const writes = afk.forge.writes.length;
    await afk.advance(1_000);
    expect(afk.forge.writes.length - writes).toBeLessThanOrEqual(1);
  });

  it.each(names)("%s comes to a close all the same", async (name) => {
    const { afk } = await reach(name);
    const comments = afk.comments(1).length;
    await afk.crash();
    await afk.advance(3 * 3_600_000 - 1_000);
    for (let steps = 0; steps < 4 && afk.isOpen(1) && afk.ledger() !== undefined; steps += 1) {
      if (afk.executor().capacity().busy > 0) await afk.agentLands();
      const landed = afk.ledger()?.landed;
      if (landed !== undefined) await afk.ci(landed.sha, "success");
      await afk.advance(15_000);
    }
    const isLate = ["watching CI", "while failed jobs run again"].includes(name);
    expect(afk.isOpen(1)).toBe(isLate);
    expect(afk.labels(1)).toEqual(isLate ? ["ready-for-human"] : []);
    expect(afk.comments(1)).toHaveLength(comments + 1);
    expect(new Set(afk.rings.map(({ id }) => id)).size).toBe(1);
  });

  it.each(names)("%s again and again ends in a hand-over or goes on, and never without bound", async (name) => {
    const { afk } = await reach(name);
    const comments = afk.comments(1).length;
    for (let deaths = 0; deaths < 6; deaths += 1) await afk.crash();
    expect(afk.comments(1).length - comments).toBeLessThanOrEqual(1);
    expect(afk.ledger()?.retries ?? 0).toBeLessThanOrEqual(2);
    expect(afk.executor().capacity().busy).toBeLessThanOrEqual(1);
  });
});

describe("a process that ends as it should", () => {
  it.each(names)("%s costs the run nothing", async (name) => {
    const { afk, state } = await reach(name);
    const before = counts(afk);
    const comments = afk.comments(1).length;
    await afk.restart();
    const isAsked = name.startsWith("with a turn");
    expect(counts(afk)).toEqual({ ...before, attempts: (before["attempts"] ?? 0) + (isAsked ? 1 : 0) });
    expect(afk.executor().capacity().busy).toBe(state.turn === undefined ? 0 : 1);
    expect(afk.comments(1)).toHaveLength(comments);
  });
});

describe("time without any process", () => {
  it("does not count against CI's deadline", async () => {
    const afk = await createBotTester();
    const issue = await afk.open("Sum is wrong");
    const sha = await afk.agentLands();
    afk.stop();
    await afk.advance(5 * 3_600_000);
    await afk.crash();
    expect(afk.ledger()?.end).toBeUndefined();
    await afk.ci(sha, "success");
    await afk.advance(15_000);
    expect(afk.isOpen(issue)).toBe(false);
    expect(afk.comments(issue)).toHaveLength(2);
    await afk.finish();
  });

  it("does not count against the time for corrections", async () => {
    const afk = await createBotTester({ env: { AFK_FIX_FORWARD_MAX_SECONDS: "600" } });
    await afk.open("Sum is wrong");
    await fail(afk, await afk.agentLands());
    afk.stop();
    await afk.advance(5 * 3_600_000);
    await afk.crash();
    await fail(afk, await afk.agentLands());
    expect(afk.executor().turnOf(afk.api).order.kind).toBe("fix-forward");
    expect(afk.ledger()).toMatchObject({ attempts: 3, retries: 1 });
  });
});
