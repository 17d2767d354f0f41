import { readConfig, type Config } from "../../src/config.ts";
import { repoKey, type Repo } from "../../src/core/run.ts";
import { appPrivateKey } from "../support/app-key.ts";
import { createFakeForge, type FakeForge } from "../support/fake-forge.ts";
import type { FakeWebhook } from "../support/fake-webhooks.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { createMemoryLockStore, type MemoryLockStore } from "../support/memory-lock.ts";
import { createDice, type Dice } from "./dice.ts";
import { judgeComments } from "./judge-comments.ts";
import { createLag } from "./lag.ts";
import { markOf } from "./marks.ts";
import { createNetwork, type Network } from "./network.ts";
import type { Plan } from "./plan.ts";
import { createReplica, type Replica } from "./replica.ts";
import type { Saboteur } from "./saboteurs.ts";
import { createStory, type Story } from "./story.ts";
import { createWitness, issueKey, type Witness } from "./witness.ts";

/** Everything there is: a forge, its people, and the replicas of AFK that watch it. */
export interface World {
  readonly plan: Plan;
  readonly saboteur: Saboteur;
  readonly config: Config;
  readonly clock: ManualClock;
  readonly dice: Dice;
  readonly forge: FakeForge;
  readonly store: MemoryLockStore;
  readonly network: Network;
  readonly witness: Witness;
  readonly story: Story;
  readonly repos: readonly Repo[];
  readonly replicas: readonly Replica[];
  /** Webhooks that nobody has delivered. */
  readonly held: FakeWebhook[];
  readonly poisoned: Set<string>;
  /** Commits that AFK landed, for CI to speak about. */
  readonly landed: { readonly repo: Repo; readonly sha: string }[];
  /** The mark of a text that no issue had before. */
  newMark(): string;
  /** Lets everything come to rest, then moves on, stopping at every timer on the way. */
  advance(ms: number): Promise<void>;
}

/** Short leases and sweeps make a storm of some minutes a long one. */
const armed = {
  APP_ID: "1",
  PRIVATE_KEY: appPrivateKey,
  WEBHOOK_SECRET: "a secret of the simulation",
  AFK_KILL_SWITCH: "false",
  AFK_HOME: "/nowhere/afk",
  AFK_AGENT_COMMAND: "agent",
  AFK_LEASE_SECONDS: "120",
  AFK_SWEEP_SECONDS: "60",
  AFK_FIX_FORWARD_MAX_ATTEMPTS: "2",
  HOME: "/nowhere",
};

const repoNames = ["acme/api", "acme/web"];

export function createWorld(plan: Plan, saboteur: Saboteur): World {
  const slugs = repoNames.slice(0, plan.repos);
  const config = readArmed(slugs, plan.slots);
  const clock = createManualClock();
  const dice = createDice(plan.dice);
  const story = createStory(clock.now);
  const witness = createWitness();
  const forge = createFakeForge({ clock });
  const poisoned = new Set<string>();
  const landed: { repo: Repo; sha: string }[] = [];
  const store = createMemoryLockStore({
    moveBranch(repo, { branch, expected, commit }) {
      if (forge.inside(repo).branches.get(branch)?.sha !== expected) return "base-moved";
      forge.landCommit(repo, branch, commit);
      landed.push({ repo, sha: commit });
      return "moved";
    },
  });
  const network = createNetwork({ clock, dice, tell: story.tell, isPoisoned: (repo) => poisoned.has(repoKey(repo)) });
  const lag = createLag(forge, clock, config.labels.ready);
  let ids = 0;
  const newId = (): string => `id${(ids += 1)}`.padEnd(8, "x");
  const deps = { config, clock, forge, store, network, lag, witness, saboteur, newId, tell: story.tell };
  const replicas = plan.replicas.map((skewMs, index) => createReplica(deps, `replica-${index + 1}`, skewMs));
  const held: FakeWebhook[] = [];
  let marks = 0;

  const repos = slugs.map((slug) => forge.addRepo(slug, { members: { ann: "write", bob: "admin", tim: "read" } }));
  for (const repo of repos)
    Object.assign(forge.inside(repo), { mayRerunJobs: plan.reruns !== "none", startsReruns: plan.reruns === "start" });
  forge.onWebhook((webhook) => {
    if (plan.webhooks === "held") held.push(webhook);
    if (plan.webhooks === "prompt") replicas[dice.below(replicas.length)]?.process()?.deliver(webhook);
  });

  async function settle(): Promise<void> {
    await network.settle();
    judgeComments(deps, replicas.length);
  }

  async function advance(ms: number): Promise<void> {
    const end = clock.now() + ms;
    await settle();
    for (let next = clock.nextAt(); next !== undefined && next <= end && witness.violations.length === 0; next = clock.nextAt()) {
      clock.advance(Math.max(0, next - clock.now()));
      await settle();
    }
    clock.advance(Math.max(0, end - clock.now()));
  }

  return {
    plan,
    saboteur,
    config,
    clock,
    dice,
    forge,
    store,
    network,
    witness,
    story,
    repos,
    replicas,
    held,
    poisoned,
    landed,
    newMark: () => markOf((marks += 1)),
    advance,
  };
}

function readArmed(slugs: readonly string[], slots: number): Config {
  const reading = readConfig({ ...armed, AFK_ALLOWLIST: slugs.join(","), AFK_MAX_CONCURRENCY: String(slots) });
  if (reading.kind !== "ok") throw new Error(JSON.stringify(reading));
  return reading.config;
}

/** Somebody with write access lets AFK have the issue as it stands; in the hands of who may write, all it ever says is trusted. */
export function noteApproval({ forge, witness }: World, repo: Repo, number: number, texts: readonly string[]): void {
  const key = issueKey(repo, number);
  const issue = forge.inside(repo).issues.get(number);
  const approved = witness.approved.get(key) ?? new Set<string>();
  for (const text of issue === undefined ? [] : texts) approved.add(text);
  witness.approved.set(key, approved);
}
