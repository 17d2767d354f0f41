import { execFileSync } from "node:child_process";
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { startEmbeddedForge, type EmbeddedForge, type ForgeEvent } from "../../demo/front/embedded-forge.ts";
import type { Content, Ledger } from "../../src/core/run.ts";
import { baseEnvironment, cli, startProgram, type LogLine, type Program } from "./afk-process.ts";
import { openDesk, type Desk, type Visit, type Work } from "./desk.ts";
import { startFanOut } from "./fan-out.ts";
import { waitAtMost } from "./wait.ts";

/** One embedded forge with a repository for each test, and the AFK processes that tests attach to it. */
export interface World {
  readonly forge: EmbeddedForge;
  /** An empty folder that goes with the world. */
  folder(): Promise<string>;
  /** Opens an issue as ann, who may write, and puts the ready label on it. Answers its number. */
  release(slug: string, content?: Partial<Content>): Promise<number>;
  issue(slug: string, number: number): Promise<IssueView>;
  /** Waits, from one change of the forge to the next, until `look` answers something. */
  until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, timeoutMs?: number): Promise<T>;
  /** Waits until the issue is closed and the lock gone, and answers how things are then. */
  closed(slug: string, number: number): Promise<Closed>;
  /** What the lock ref holds. */
  lock(slug: string): LockedRun | undefined;
  /** The commits on main after the first, oldest first. */
  landed(slug: string): readonly string[];
  git(slug: string, ...args: readonly string[]): string;
  /** CI passes every commit that lands, unless it is held; then until it is told how it goes. */
  readonly ci: { hold(slug: string): void; conclude(slug: string, sha: string, conclusion: string): void };
  /** Starts `afk serve`, waits until it listens, and has the forge's webhooks sent to it, too. */
  serve(slugs: readonly string[], settings?: Settings): Promise<Served>;
  /** Starts any command of AFK's. */
  afk(args: readonly string[], slugs: readonly string[], settings?: Settings): Promise<Started>;
  close(): Promise<void>;
}

export interface Settings {
  /** Default: a new folder. */
  readonly home?: string;
  /** Default: a new desk. */
  readonly desk?: Desk;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Started {
  readonly program: Program;
  readonly home: string;
  readonly desk: Desk;
  /** Waits for the next agent. */
  agent(): Promise<Visit>;
}

export interface Served extends Started {
  readonly url: string;
  /** Everything of a line's fields that is given must be equal. */
  said(msg: string, fields?: LogLine, timeoutMs?: number): Promise<LogLine>;
}

export interface IssueView {
  readonly isOpen: boolean;
  readonly labels: readonly string[];
  /** AFK's comments, oldest first. */
  readonly comments: readonly string[];
}

export interface Closed extends IssueView {
  readonly landed: readonly string[];
}

/** What every issue comes to, whatever happened on the way: one commit, the status comment and the end comment, no label of AFK's. */
export const doneOnce = { isOpen: false, labels: [], comments: [expect.any(String), expect.any(String)], landed: [expect.any(String)] };

export interface LockedRun {
  readonly ledger: Ledger;
  readonly content: Content;
  readonly holder: { readonly id: string; readonly home: string } | null;
}

/** A repository whose tests take 50 ms, and whose CI is believed at once. */
const files = {
  ".github/afk.yml": "test: node test/all.mjs\nci:\n  settle_seconds: 0\n",
  "README.md": "# A sample\n",
  "src/greet.mjs": `export function greet(name) {\n  return "Hello " + name;\n}\n`,
  "test/all.mjs": `import { readdir } from "node:fs/promises";\n\nfor (const name of await readdir(new URL(".", import.meta.url))) {\n  if (name.endsWith(".test.mjs")) await import("./" + name);\n}\n`,
  "test/greet.test.mjs": `import assert from "node:assert";\nimport { greet } from "../src/greet.mjs";\n\nassert.equal(greet("Ann"), "Hello Ann");\n`,
};

/** What a good agent does: a test that fails without the change, the change, one commit. */
export const goodWork: Work = {
  say: ["Adding a farewell."],
  files: {
    "src/part.mjs": `export function part(name) {\n  return "Goodbye " + name;\n}\n`,
    "test/part.test.mjs": `import assert from "node:assert";\nimport { part } from "../src/part.mjs";\n\nassert.equal(part("Ann"), "Goodbye Ann");\n`,
  },
  message: "Say goodbye",
};

export const person = "ann";
const owner = "acme";

/** `names` become private repositories of acme. */
export async function startWorld(...names: readonly string[]): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), "afk-e2e-"));
  const users = [{ login: owner }, { login: person, permission: "write" as const }, { login: "eve", permission: "read" as const }];
  const forge = await startEmbeddedForge({ users, repos: names.map((name) => ({ owner, name, files })) });
  const webhooks = await startFanOut();
  forge.deliverTo(webhooks.url);
  const started: Started[] = [];
  let folders = 0;

  async function folder(): Promise<string> {
    const path = join(root, String((folders += 1)));
    await mkdir(path);
    return path;
  }

  async function release(slug: string, { title = "Say goodbye", body = "There is no farewell." }: Partial<Content> = {}): Promise<number> {
    const { number } = (await forge.api(person, "POST", `/repos/${slug}/issues`, { title, body })) as { number: number };
    await forge.api(person, "POST", `/repos/${slug}/issues/${number}/labels`, { labels: ["ready-for-agent"] });
    return number;
  }

  async function issue(slug: string, number: number): Promise<IssueView> {
    const path = `/repos/${slug}/issues/${number}`;
    const { state, labels } = (await forge.api(person, "GET", path)) as { state: string; labels: { name: string }[] };
    const comments = (await forge.api(person, "GET", `${path}/comments?per_page=100`)) as { body: string; user: { login: string } }[];
    const own = comments.filter(({ user }) => user.login === `${forge.appSlug}[bot]`);
    return { isOpen: state === "open", labels: labels.map(({ name }) => name), comments: own.map(({ body }) => body) };
  }

  const waiting = new Set<() => void>();
  const isChange = (event: ForgeEvent): boolean =>
    event.kind === "push" || event.kind === "webhook" || (event.kind === "api" && event.write);
  forge.onEvent((event) => {
    // Reading changes nothing, so looking does not wake who looks.
    if (isChange(event)) for (const wake of waiting) wake();
  });

  async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, timeoutMs?: number): Promise<T> {
    let wake = (): void => {};
    const watch = async (): Promise<T> => {
      for (;;) {
        const changed = new Promise<void>((resolve) => {
          waiting.delete(wake);
          waiting.add((wake = resolve));
        });
        const found = await look();
        if (found !== undefined) return found;
        await changed;
      }
    };
    const state = (): string => started.map(({ program }) => program.output().slice(-4_000)).join("\n---\n");
    return waitAtMost(watch(), what, timeoutMs, state).finally(() => waiting.delete(wake));
  }

  const git = (slug: string, ...args: readonly string[]): string =>
    execFileSync("git", ["-C", forge.gitDir(slug), ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

  const landed = (slug: string): readonly string[] => git(slug, "log", "--reverse", "--format=%H", "main").trim().split("\n").slice(1);

  function lock(slug: string): LockedRun | undefined {
    const sha = git(slug, "for-each-ref", "--format=%(objectname)", "refs/afk/lock").trim();
    if (sha === "") return undefined;
    const read = (name: string): unknown => JSON.parse(git(slug, "cat-file", "blob", `${sha}:${name}`));
    const { holder } = read("lock.json") as Pick<LockedRun, "holder">;
    return { ledger: read("ledger.json") as Ledger, content: read("content.json") as Content, holder };
  }

  const held = new Set<string>();
  const conclude = (slug: string, sha: string, conclusion: string): void =>
    forge.setCheckRun(slug, sha, { name: "tests", status: "completed", conclusion });
  forge.onEvent((event) => {
    if (event.kind !== "push" || event.ref !== "refs/heads/main") return;
    if (held.has(event.repo)) forge.setCheckRun(event.repo, event.after, { name: "tests", status: "in_progress" });
    else conclude(event.repo, event.after, "success");
  });

  async function afk(args: readonly string[], slugs: readonly string[], settings: Settings = {}): Promise<Started> {
    const home = settings.home ?? join(await folder(), "home");
    const desk = settings.desk ?? (await openDesk(await folder()));
    const env = { ...baseEnvironment(), ...attachedTo(forge), ...afkSettings(home, slugs, desk), ...settings.env };
    const program = startProgram([process.execPath, cli, ...args], env);
    const agent = (): Promise<Visit> => waitAtMost(desk.next(), "an agent to start", undefined, () => program.output().slice(-8_000));
    const it: Started = { program, home, desk, agent };
    started.push(it);
    return it;
  }

  return {
    forge,
    folder,
    release,
    issue,
    until,
    async closed(slug, number) {
      await until(
        `${slug}#${number} to be closed and unlocked`,
        async () => ((await issue(slug, number)).isOpen || lock(slug) !== undefined ? undefined : true),
        30_000,
      );
      return { ...(await issue(slug, number)), landed: landed(slug) };
    },
    lock,
    landed,
    git,
    ci: { hold: (slug) => void held.add(slug), conclude },
    async serve(slugs, settings) {
      const it = await afk(["serve"], slugs, settings);
      const { port } = await it.program.line(({ msg }) => msg === "listening", "listening");
      const url = `http://127.0.0.1:${Number(port)}`;
      const hook = `${url}/api/github/webhooks`;
      webhooks.add(hook);
      it.program.child.once("exit", () => webhooks.remove(hook));
      return {
        ...it,
        url,
        said: (msg, fields = {}, timeoutMs) => it.program.line((line) => line.msg === msg && holds(line, fields), msg, timeoutMs),
      };
    },
    afk,
    async close() {
      forge.deliverTo(undefined);
      webhooks.close();
      for (const { desk } of started) desk.close();
      await Promise.all(started.map(({ program }) => program.stop("SIGKILL")));
      await forge.close();
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What attaches AFK to the forge. */
export function attachedTo(forge: EmbeddedForge): Record<string, string> {
  return {
    APP_ID: String(forge.appId),
    PRIVATE_KEY: forge.privateKey,
    WEBHOOK_SECRET: forge.webhookSecret,
    GHE_HOST: forge.host,
    GHE_PROTOCOL: "http",
  };
}

function afkSettings(home: string, slugs: readonly string[], desk: Desk): Record<string, string> {
  return {
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_LEVEL: "debug",
    AFK_KILL_SWITCH: "false",
    AFK_ALLOWLIST: slugs.join(","),
    AFK_HOME: home,
    AFK_AGENT_COMMAND: desk.command,
    AFK_SANDBOX: "auto",
    AFK_SANDBOX_READ: desk.readable.join(","),
    AFK_FORGE_THROTTLE: "false",
  };
}

function holds(line: LogLine, fields: LogLine): boolean {
  return Object.entries(fields).every(([name, value]) => line[name] === value);
}
