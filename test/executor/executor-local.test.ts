import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { canRunBubblewrap, createTurnTester, goodAgent, type TurnTester, type TurnTesterOptions } from "./turn-tester.ts";

let tester: TurnTester | undefined;
afterEach(async () => {
  await tester?.close();
  tester = undefined;
});

async function given(options?: TurnTesterOptions): Promise<TurnTester> {
  tester = await createTurnTester(options);
  return tester;
}

function isRunning(word: string): boolean {
  return readdirSync("/proc").some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(word);
    } catch {
      return false;
    }
  });
}

describe("slots", () => {
  it("are busy with running and waiting turns", async () => {
    const afk = await given({ slots: 1, agent: "echo ready; sleep 600" });
    const first = await afk.start();
    await afk.start();
    await afk.line(first, /ready/);
    expect(afk.executor.capacity()).toEqual({ slots: 1, busy: 2 });
  });

  it("let a turn wait until one is free", async () => {
    const afk = await given({ slots: 1, agent: "echo ready; sleep 600" });
    const first = await afk.start();
    const second = await afk.start();
    await afk.line(first, /ready/);
    expect(afk.executor.inspect(second)).toEqual({ kind: "queued" });
  });

  it("are free again when a turn ended", async () => {
    const afk = await given({ agent: "true" });
    await afk.turn();
    await afk.executor.idle();
    expect(afk.executor.capacity().busy).toBe(0);
  });
});

describe("a turn", () => {
  it("is unknown before it is submitted", async () => {
    const afk = await given();
    expect(afk.executor.inspect("turn-1")).toEqual({ kind: "unknown" });
  });

  it("runs once however often it is submitted", async () => {
    const afk = await given({ slots: 5, agent: "true" });
    await afk.start({ id: "same" });
    await afk.start({ id: "same" });
    expect(afk.executor.capacity().busy).toBe(1);
  });

  it("shows the agent's last lines, cleaned", async () => {
    const afk = await given({ agent: "for i in $(seq 30); do printf 'line \\033[1m%s\\033[0m\\n' $i; done; echo ready; sleep 600" });
    const id = await afk.start();
    await afk.line(id, /line/);
    await afk.executor.cancel(id, "seen");
    expect(afk.executor.inspect(id)).toEqual({ kind: "ended", outcome: { kind: "interrupted", why: "seen" } });
  });

  it("tells of its phases in their order, and of its end last", async () => {
    const afk = await given();
    const seen: string[] = [];
    let id = "";
    afk.executor.onChange((_repo, what) => {
      const status = afk.executor.inspect(id);
      if (what === "phase" && status.kind === "running" && seen.at(-1) !== status.progress.phase) seen.push(status.progress.phase);
      if (what === "ended") seen.push("ended");
    });
    id = await afk.start({ id: "turn-1" });
    await afk.ended(id);
    expect(seen).toEqual(["workspace", "tests-red", "green", "landed", "ended"]);
  });
});

describe("cancelling", () => {
  it("ends the agent with every child before it resolves", async () => {
    const word = `41${Date.now()}`;
    const afk = await given({ agent: `setsid sleep ${word} & echo ready; sleep ${word}` });
    const id = await afk.start();
    await afk.line(id, /ready/);
    await afk.executor.cancel(id, "label removed");
    expect({ status: afk.executor.inspect(id), isRunning: isRunning(word) }).toEqual({
      status: { kind: "ended", outcome: { kind: "interrupted", why: "label removed" } },
      isRunning: false,
    });
  });

  it("ends a turn that waits", async () => {
    const afk = await given({ slots: 1, agent: "echo ready; sleep 600" });
    const first = await afk.start();
    const second = await afk.start();
    await afk.line(first, /ready/);
    const cancelled = afk.executor.cancel(second, "closed");
    await afk.executor.cancel(first, "closed");
    await cancelled;
    expect(afk.executor.inspect(second)).toEqual({ kind: "ended", outcome: { kind: "interrupted", why: "closed" } });
  });

  it("does nothing to a turn that is over", async () => {
    const afk = await given({ agent: "true" });
    const id = await afk.start();
    await afk.ended(id);
    await afk.executor.cancel(id, "late");
    expect(afk.executor.inspect(id)).toEqual({ kind: "ended", outcome: { kind: "unchanged" } });
  });

  it("keeps the workspace", async () => {
    const afk = await given({ agent: "echo work > work.txt; echo ready; sleep 600" });
    const id = await afk.start();
    await afk.line(id, /ready/);
    await afk.executor.cancel(id, "shutdown");
    expect(existsSync(join(afk.home, "runs/run-1/workspace/work.txt"))).toBe(true);
  });

  it("for good keeps what the agent had committed, on a branch", async () => {
    const afk = await given({ agent: `${goodAgent}\necho ready; sleep 600` });
    const id = await afk.start();
    await afk.line(id, /ready/);
    await afk.executor.cancel(id, "the label is off", { forGood: true });
    expect(afk.executor.inspect(id)).toMatchObject({ outcome: { kind: "interrupted", kept: { where: "branch", branch: "afk/issue-7" } } });
    expect(afk.forge("show", "--stat", "--format=%s", "afk/issue-7")).toContain("product.js");
  });

  it("loses no commits when the run ends before it goes on", async () => {
    const afk = await given({ agent: `${goodAgent}\necho ready; sleep 600` });
    const id = await afk.start();
    await afk.line(id, /ready/);
    await afk.executor.cancel(id, "shutdown");
    await afk.executor.dispose(afk.repo, "run-1");
    const bundle = join(afk.home, `kept/${afk.repo.owner}/${afk.repo.name}/run-run-1.bundle`);
    expect(afk.forge("bundle", "list-heads", bundle)).toContain("refs/afk/work");
    expect(existsSync(join(afk.home, "runs/run-1"))).toBe(false);
  });

  it("is what happens to a turn submitted after closing", async () => {
    const afk = await given();
    await afk.executor.close();
    expect(await afk.turn()).toEqual({ kind: "interrupted", why: "AFK is shutting down" });
  });
});

it("a turn's time limit ends the agent with every child", async () => {
  const word = `42${Date.now()}`;
  const afk = await given({ agent: `setsid sleep ${word} & echo working; sleep ${word}` });
  const outcome = await afk.turn({ plan: { turnTimeoutMs: 1500 } });
  expect({ outcome, isRunning: isRunning(word) }).toMatchObject({ outcome: { kind: "timed-out", tail: "working" }, isRunning: false });
});

it("committed work of an agent out of time is kept", async () => {
  const afk = await given({ agent: `${goodAgent}\nsleep 600` });
  expect(await afk.turn({ plan: { turnTimeoutMs: 2000 } })).toMatchObject({
    kind: "timed-out",
    kept: { where: "branch", branch: "afk/issue-7" },
  });
});

describe("what a run leaves", () => {
  it("goes with the run", async () => {
    const afk = await given({ agent: "mkdir -p locked/in; chmod 500 locked" });
    await afk.turn();
    await afk.executor.dispose(afk.repo, "run-1");
    expect(readdirSync(join(afk.home, "runs"))).toEqual([]);
  });

  it("is reaped when the run is not known", async () => {
    const afk = await given({ agent: "true" });
    await afk.turn();
    mkdirSync(join(afk.home, "runs/forgotten"));
    await afk.executor.reap(["run-1"]);
    expect(readdirSync(join(afk.home, "runs"))).toEqual(["run-1"]);
  });

  it("is not reaped while a turn is at it", async () => {
    const afk = await given({ agent: "echo ready; sleep 600" });
    const id = await afk.start();
    await afk.line(id, /ready/);
    await afk.executor.reap([]);
    expect(readdirSync(join(afk.home, "runs"))).toEqual(["run-1"]);
  });
});

describe("the executor is ailing", () => {
  it("without an agent", async () => {
    const afk = await given({ agentArgv: [] });
    expect(await afk.executor.ailment()).toBe("no agent is configured: set AFK_AGENT_COMMAND");
  });

  it("when the agent's program is not there", async () => {
    const afk = await given({ agentArgv: ["no-such-agent", "--fast"] });
    expect(await afk.executor.ailment()).toBe("the agent's program is not found: no-such-agent");
  });

  it.runIf(canRunBubblewrap)("not where everything is in place", async () => {
    const afk = await given();
    expect(await afk.executor.ailment()).toBeUndefined();
  });

  it.runIf(canRunBubblewrap)("not however many ask at once", async () => {
    const afk = await given();
    const answers = await Promise.all(Array.from({ length: 500 }, () => afk.executor.ailment()));
    expect(new Set(answers)).toEqual(new Set([undefined]));
  });
});
