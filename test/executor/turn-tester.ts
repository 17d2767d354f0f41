import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createLocalExecutor, type LocalExecutorDeps } from "../../src/executor/executor-local.ts";
import type { Content, Repo, TurnOutcome } from "../../src/core/run.ts";
import { openLedger } from "../../src/core/run-steps.ts";
import { createGitLock } from "../../src/forge/lock-git.ts";
import type { Claim, Executor, Lock, Log, Remote, TurnOrder, TurnPlan } from "../../src/ports.ts";
import { createManualClock } from "../support/manual-clock.ts";

/** One repo on a forge that is a bare repository beside us, a real lock, a real executor; the agent is a shell script. */
export interface TurnTester {
  readonly root: string;
  readonly home: string;
  readonly repo: Repo;
  readonly lock: Lock;
  readonly executor: Executor;
  readonly clock: ReturnType<typeof createManualClock>;
  /** Commits to a branch of the forge as a person would, and answers the commit. */
  commit(
    files: Readonly<Record<string, string | null>>,
    options?: { readonly branch?: string; readonly message?: string },
  ): Promise<string>;
  /** Runs git in the forge's repository. */
  forge(...args: readonly string[]): string;
  /** What the forge holds for a branch; empty when it has none. */
  head(branch?: string): string;
  /** Starts a turn and answers its id. */
  start(order?: Partial<Omit<TurnOrder, "plan">> & { readonly plan?: Partial<TurnPlan> }): Promise<string>;
  /** Starts a turn and waits for what it comes to. */
  turn(order?: Partial<Omit<TurnOrder, "plan">> & { readonly plan?: Partial<TurnPlan> }): Promise<TurnOutcome>;
  ended(turnId: string): Promise<TurnOutcome>;
  /** Resolves with the first line of the agent's that matches. */
  line(turnId: string, pattern: RegExp): Promise<string>;
  close(): Promise<void>;
}

export interface TurnTesterOptions extends Partial<Omit<LocalExecutorDeps, "lock" | "clock">> {
  /** A shell script: the agent. */
  readonly agent?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly wrapLock?: (lock: Lock, tester: () => TurnTester) => Lock;
}

export const sampleFiles = {
  "package.json": `{ "name": "sample", "type": "module", "scripts": { "test": "node --test" } }\n`,
  "sum.js": "export function sum(a, b) {\n  return a + b;\n}\n",
  "test/sum.test.js": `import test from "node:test";\nimport assert from "node:assert";\nimport { sum } from "../sum.js";\n\ntest("adds", () => assert.equal(sum(1, 2), 3));\n`,
};

/** What a good agent does for "add a product function": a failing test, the change, one commit. */
export const goodAgent = `
printf 'export function product(a, b) {\\n  return a * b;\\n}\\n' > product.js
printf 'import test from "node:test";\\nimport assert from "node:assert";\\nimport { product } from "../product.js";\\n\\ntest("multiplies", () => assert.equal(product(2, 3), 6));\\n' > test/product.test.js
git add -A
git commit -q -m 'Add product' -m 'Multiplies two numbers. Fixes #7, thanks @mallory [skip ci]'
`;

export const canRunBubblewrap = runs("bwrap", ["--unshare-user", "--ro-bind", "/", "/", "true"]);

function runs(file: string, args: readonly string[]): boolean {
  try {
    execFileSync(file, [...args], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export async function createTurnTester(options: TurnTesterOptions = {}): Promise<TurnTester> {
  const { agent = goodAgent, files = sampleFiles, wrapLock, ...deps } = options;
  const root = await mkdtemp(join(tmpdir(), "afk-executor-"));
  const home = join(root, "home");
  const bare = join(root, "forge.git");
  const desk = join(root, "desk");
  const repo: Repo = { owner: "octo", name: "sample" };
  const clock = createManualClock();
  const git = (dir: string, ...args: readonly string[]): string =>
    execFileSync("git", ["-C", dir, ...args], { env: gitEnv, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  execFileSync("git", ["init", "-q", "--bare", "-b", "main", bare], { env: gitEnv });
  execFileSync("git", ["init", "-q", "-b", "main", desk], { env: gitEnv });

  const remote: Remote = { repo, url: bare, credential: async () => ({ username: "x-access-token", token: "ghs_token_of_this_run" }) };
  const gitLock = createGitLock({
    home,
    homeId: "home-1",
    holderId: "holder-1",
    clock,
    leaseMs: 900_000,
    log: silentLog,
    schedule: () => () => {},
  });
  const lock = wrapLock?.(gitLock, () => tester) ?? gitLock;
  const executor = createLocalExecutor({
    home,
    slots: 2,
    fetchDebounceMs: 0,
    sandbox: canRunBubblewrap ? "bubblewrap" : "none",
    sandboxRead: [],
    agentArgv: ["sh", "-e", "-c", agent],
    agentEnv: {},
    secrets: () => [],
    identity: { name: "AFK", email: "afk@example.com" },
    log: silentLog,
    ...deps,
    lock,
    clock,
  });
  const watchers = new Set<() => void>();
  executor.onChange(() => watchers.forEach((look) => look()));
  /** Looks now and on every change until there is something to see. */
  const until = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const check = (): void => {
        const seen = look();
        if (seen === undefined) return;
        watchers.delete(check);
        resolve(seen);
      };
      watchers.add(check);
      check();
    });

  let claim: Claim | undefined;
  let turns = 0;
  const tester: TurnTester = {
    root,
    home,
    repo,
    lock,
    executor,
    clock,
    async commit(changes, { branch = "main", message = "Change by a person" } = {}) {
      if (tester.head(branch) !== "") {
        git(desk, "fetch", "-q", bare, `refs/heads/${branch}`);
        git(desk, "checkout", "-q", "-f", "-B", branch, "FETCH_HEAD");
      } else if (tester.head("main") !== "") git(desk, "checkout", "-q", "-f", "-B", branch);
      for (const [path, text] of Object.entries(changes)) {
        if (text === null) await rm(join(desk, path));
        else {
          await mkdir(dirname(join(desk, path)), { recursive: true });
          await writeFile(join(desk, path), text);
        }
      }
      git(desk, "add", "-A");
      git(desk, "commit", "-q", "--allow-empty", "-m", message);
      git(desk, "push", "-q", "-f", bare, `HEAD:refs/heads/${branch}`);
      return git(desk, "rev-parse", "HEAD");
    },
    forge: (...args) => git(bare, ...args),
    head: (branch = "main") => git(bare, "for-each-ref", "--format=%(objectname)", `refs/heads/${branch}`),
    async start({ plan, ...order } = {}) {
      const content: Content = { title: "Add a product function", body: "" };
      const approval = { by: "ada", byId: 1001, at: "2026-01-05T09:00:00Z", contentHash: "0".repeat(64) };
      const run = order.run ?? "run-1";
      claim ??= await lock.take(remote, openLedger({ repoId: 1, issue: 7, run, approval, base: "main", startedAt: approval.at }), content);
      if (claim === undefined) throw new Error("the lock is not free");
      const id = order.id ?? `turn-${(turns += 1)}`;
      const whole = {
        setup: undefined,
        test: "node --test",
        tests: undefined,
        exempt: [],
        protectedPaths: [],
        landing: "push" as const,
        turnTimeoutMs: 60_000,
        commandTimeoutMs: 60_000,
        notes: [],
        ...plan,
      };
      const issue = { number: 7, title: content.title, url: "https://github.com/octo/sample/issues/7" };
      executor.submit(
        {
          kind: "implement",
          repo,
          remote,
          issue,
          approval,
          base: "main",
          prompt: "Add a product function.",
          ...order,
          id,
          run,
          plan: whole,
        },
        claim,
      );
      return id;
    },
    turn: async (order) => tester.ended(await tester.start(order)),
    ended: (turnId) =>
      until(() => {
        const status = executor.inspect(turnId);
        return status.kind === "ended" ? status.outcome : undefined;
      }),
    line: (turnId, pattern) =>
      until(() => {
        const status = executor.inspect(turnId);
        return status.kind === "running" ? status.progress.lines.find((text) => pattern.test(text)) : undefined;
      }),
    async close() {
      await executor.close();
      lock.close();
      await rm(root, { recursive: true, force: true });
    },
  };
  if (Object.keys(files).length > 0) await tester.commit(files, { message: "First" });
  return tester;
}

const gitEnv = {
  PATH: process.env["PATH"] ?? "",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
};
