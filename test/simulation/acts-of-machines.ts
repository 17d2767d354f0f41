import { repoKey, slugOf } from "../../src/core/run.ts";
import { atOnce, delayOf, onProcess, onReplica, pick, repoOf, type Action } from "./choices.ts";
import { speakAsCi } from "./ci.ts";
import { faultKinds } from "./network.ts";
import { headOf } from "./people.ts";
import { chooseScript, turnScripts } from "./turns.ts";

const conclusions = ["success", "success", "failure", "failure", "cancelled", "skipped", "neutral", undefined] as const;

/** What agents and CI do. */
export const actsOfMachines = {
  "the agent": {
    ...atOnce,
    weight: 14,
    act: (world, { what, how }) => {
      const live = world.replicas
        .flatMap((replica) => replica.process() ?? [])
        .flatMap((process) => process.machine.live().map((turn) => ({ process, turn })));
      const found = pick(live, what);
      if (found === undefined) return undefined;
      const script = chooseScript(how);
      turnScripts[script].play(found.process.machine, found.turn);
      return `the agent of turn ${found.turn.order.id} at ${found.process.line.name} does ${script}`;
    },
  },
  ci: {
    weight: 10,
    act: (world, { who, what, how }) => {
      const heads = world.repos.map((repo) => ({ repo, sha: headOf(world, repo) }));
      const { repo, sha } = pick(how % 5 === 0 ? heads : world.landed.toReversed(), what) ?? {};
      if (repo === undefined || sha === undefined) return undefined;
      return speakAsCi(world, repo, sha, pick(conclusions, how), who % 3 === 0 ? "lint" : "test", what);
    },
  },
} as const satisfies Record<string, Action>;

/** What the operator does. */
export const actsOfOperators = {
  crash: {
    ...atOnce,
    weight: 4,
    act: onProcess((_world, { line }) => {
      line.crash();
      return `${line.name} crashes`;
    }),
  },
  start: {
    ...atOnce,
    weight: 6,
    act: onReplica((_world, replica) => (replica.start() ? `${replica.name} starts` : undefined)),
  },
  stop: {
    weight: 1,
    act: onReplica((_world, replica) => {
      replica.stop();
      return `${replica.name} is asked to stop`;
    }),
  },
  "kill switch": {
    weight: 2,
    act: onReplica(({ clock, story }, replica, { how }) => {
      if (replica.isSwitchedOff()) return undefined;
      replica.setSwitch(true);
      clock.schedule(() => {
        replica.setSwitch(false);
        story.tell(`${replica.name}: kill switch off`);
      }, delayOf(how));
      return `${replica.name}: kill switch on`;
    }),
  },
} as const satisfies Record<string, Action>;

/** What the network and the forge do. */
export const actsOfNetworks = {
  fault: {
    ...atOnce,
    weight: 12,
    act: onProcess((_world, { line }, { what, how }) => {
      const kind = faultKinds[how % faultKinds.length] ?? "dies before it";
      const delayMs = delayOf(what);
      const fault = { kind, onlyWrites: how >= 16, delayMs, skip: what % 5 };
      line.faults.push(fault);
      return `fate: ${line.name} ${kind} at its call ${fault.skip + 1}${fault.onlyWrites ? " that writes" : ""}`;
    }),
  },
  "cut off": {
    weight: 3,
    act: onProcess(({ clock, story }, { line }, { how }) => {
      if (line.isCutOff) return undefined;
      line.isCutOff = true;
      clock.schedule(() => {
        line.isCutOff = false;
        story.tell(`${line.name} reaches the forge again`);
      }, delayOf(how));
      return `${line.name} is cut off from the forge`;
    }),
  },
  lag: {
    weight: 3,
    act: onProcess((_world, { line, slowness }, { what, how }) => {
      slowness.depth = 1 + (what % 4);
      slowness.reads = 1 + (how % 16);
      return `${line.name} reads from a forge replica ${slowness.depth} changes behind`;
    }),
  },
  poison: {
    weight: 1,
    act: (world, { what }) => {
      const repo = repoOf(world, what);
      const isPoisoned = world.poisoned.delete(repoKey(repo));
      if (!isPoisoned) world.poisoned.add(repoKey(repo));
      return `the forge ${isPoisoned ? "works" : "fails"} for ${slugOf(repo)}${isPoisoned ? " again" : ""}`;
    },
  },
  wait: {
    weight: 16,
    act: (_world, { how }) => `${delayOf(how) / 1000} s pass`,
    lastsMs: ({ how }) => delayOf(how),
  },
  webhook: {
    ...atOnce,
    weight: 10,
    act: (world, { who, what, how }) => {
      const webhook = pick(how % 8 === 7 ? world.forge.webhooks : world.held, what);
      const process = pick(world.replicas, who)?.process();
      if (webhook === undefined || process === undefined) return undefined;
      if (how % 4 !== 3) world.held.splice(world.held.indexOf(webhook) >>> 0, 1);
      process.deliver(webhook);
      return `${process.line.name} hears of ${webhook.name}.${String(webhook.payload["action"])}`;
    },
  },
} as const satisfies Record<string, Action>;
