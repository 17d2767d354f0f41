import { join } from "node:path";
import type { ForgeEvent } from "../../demo/front/embedded-forge.ts";
import type { LogLine } from "../e2e/afk-process.ts";
import { openDesk, type Desk, type Visit, type Work } from "../e2e/desk.ts";
import { processesBelow } from "../e2e/processes.ts";
import { startWorld, type Served, type World } from "../e2e/support.ts";
import type { Disk } from "./plan.ts";
import type { Random } from "./random.ts";

/** What happens on the stage, as kills wait for it. */
export type Happening = ForgeEvent | { readonly kind: "agent"; readonly step: "arrived" | "answered" };

/** A forge, one AFK at a time, and agents that do as they are told. */
export interface Stage {
  readonly world: World;
  readonly repos: readonly [string, ...string[]];
  /** The server that was started last. */
  server(): Served;
  /** Every `AFK_HOME` so far. */
  homes(): readonly string[];
  /** Every line that a server has logged as an error. */
  errors(): readonly string[];
  /** The ends of the last servers' logs, for whoever has to find out. */
  logTails(): string;
  /** Starts the next server. On an empty disk nothing of the one before it is left, processes included. */
  boot(disk: Disk): Promise<Served>;
  /** Answers a function that ends the subscription. */
  watch(listener: (happening: Happening) => void): () => void;
  /** Opens an issue and releases it. Answers its number. */
  release(slug: string): Promise<number>;
  close(): Promise<void>;
}

export const stateSecret = "opens the seals of this chaos";
/** The shortest lease there is. */
export const leaseMs = 30_000;

const settings = {
  AFK_LEASE_SECONDS: String(leaseMs / 1000),
  // Each kill of a turn takes one.
  AFK_RETRY_MAX_ATTEMPTS: "100",
  // A webhook that came while nobody listened is made up for by a sweep.
  AFK_SWEEP_SECONDS: "10",
  AFK_STATE_SECRET: stateSecret,
  LOG_LEVEL: "info",
};

/** Enough for the kills of one round. */
const tailsKept = 4;
const tailChars = 6_000;

/** How long agents think, and CI runs, at most. */
const maxWorkMs = 500;

export async function openStage(random: Random): Promise<Stage> {
  const world = await startWorld("one", "two");
  const repos = ["acme/one", "acme/two"] as const;
  const listeners = new Set<(happening: Happening) => void>();
  const tell = (happening: Happening): void => listeners.forEach((listener) => listener(happening));
  const desk = await openDesk(await world.folder());
  const served: Served[] = [];
  let parts = 0;

  for (const slug of repos) world.ci.hold(slug);
  world.forge.onEvent((event) => {
    tell(event);
    if (event.kind === "push" && event.ref === "refs/heads/main")
      setTimeout(() => world.ci.conclude(event.repo, event.after, "success"), random.next() * maxWorkMs);
  });
  void attend(desk, (visit) => {
    tell({ kind: "agent", step: "arrived" });
    setTimeout(() => {
      visit.tell(workOf(visit));
      tell({ kind: "agent", step: "answered" });
    }, random.next() * maxWorkMs);
  });

  function server(): Served {
    const last = served.at(-1);
    if (last === undefined) throw new Error("no server was started");
    return last;
  }

  async function boot(disk: Disk): Promise<Served> {
    const isFirst = served.length === 0;
    if (!isFirst && disk === "empty") endMachine(server().home);
    const home = isFirst || disk === "empty" ? join(await world.folder(), "home") : server().home;
    const next = await world.serve(repos, { home, desk, env: settings });
    served.push(next);
    return next;
  }

  await boot("empty");
  return {
    world,
    repos,
    server,
    homes: () => [...new Set(served.map(({ home }) => home))],
    errors: () => served.flatMap(({ program }) => program.lines().filter(isError)).map((line) => JSON.stringify(line)),
    logTails: () =>
      served
        .slice(-tailsKept)
        .map(({ home, program }) => `--- ${home}\n${program.output().slice(-tailChars)}`)
        .join("\n"),
    boot,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    release: (slug) => world.release(slug, { title: `Add part-${(parts += 1)}`, body: "As the title says, with a test." }),
    close: () => world.close(),
  };
}

/** pino's number for it. */
function isError({ level }: LogLine): boolean {
  return Number(level) >= 50;
}

async function attend(desk: Desk, serve: (visit: Visit) => void): Promise<never> {
  for (;;) serve(await desk.next());
}

/** A module of its own for each issue, with a test that fails without it. */
function workOf({ prompt }: Visit): Work {
  const name = /part-\d+/.exec(prompt)?.[0] ?? "part";
  return {
    files: {
      [`src/${name}.mjs`]: `export const name = "${name}";\n`,
      [`test/${name}.test.mjs`]: `import assert from "node:assert";\nimport { name } from "../src/${name}.mjs";\n\nassert.equal(name, "${name}");\n`,
    },
    message: `Add ${name}`,
  };
}

/** A machine that is lost takes its processes with it, be they agents or pushes on their way. */
function endMachine(home: string): void {
  for (const pid of processesBelow(home)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}
