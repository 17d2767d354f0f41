import type { Config } from "../../src/config.ts";
import { repoKey, type Repo } from "../../src/core/run.ts";
import type { LockCells } from "../../src/forge/lock-cells.ts";
import type { KillSwitch } from "../../src/kill-switch.ts";
import type { Executor, Forge } from "../../src/ports.ts";
import type { FakeForge } from "../support/fake-forge.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { createMemoryCells, type MemoryLockStore } from "../support/memory-lock.ts";
import { onLockMove, onOrder } from "./invariants.ts";
import { onForgeWrite, onWriteBegins, type ForgeWrite } from "./judge-writes.ts";
import type { Lag, Slowness } from "./lag.ts";
import type { Disk, Machine } from "./machine.ts";
import type { Line, Network, PortCall } from "./network.ts";
import type { Saboteur } from "./saboteurs.ts";
import { count, issueKey, type Witness } from "./witness.ts";

/** What all replicas share. */
export interface ReplicaDeps {
  readonly config: Config;
  readonly clock: ManualClock;
  readonly forge: FakeForge;
  readonly store: MemoryLockStore;
  readonly network: Network;
  readonly lag: Lag;
  readonly witness: Witness;
  readonly saboteur: Saboteur;
  readonly newId: () => string;
  readonly tell: (sentence: string) => void;
}

/** What a process is born with. */
export interface Birth {
  readonly line: Line;
  readonly skewMs: number;
  readonly disk: Disk;
  readonly killSwitch: KillSwitch;
  readonly home: string;
  readonly holderId: string;
}

/** The ports of one process: everything it says goes through the network, and is watched. */
export function createPorts(deps: ReplicaDeps, birth: Birth, slowness: Slowness) {
  const { saboteur, store } = deps;
  const cells = createMemoryCells(store);
  const forge = saboteur.forge?.(deps.forge) ?? deps.forge;
  return {
    forge: throughNetwork(deps, birth, slowness, forge),
    cells: watchCells(deps, birth, saboteur.cells?.(cells, store) ?? cells),
    executor: (machine: Machine) => mortal(deps, birth, machine),
  };
}

/** Every question and every write of the forge's port, whatever methods it has. */
function throughNetwork(deps: ReplicaDeps, { line, skewMs, killSwitch, holderId }: Birth, slowness: Slowness, forge: Forge): Forge {
  const { network, clock, lag, witness } = deps;
  return new Proxy(forge, {
    get(target, name, receiver): unknown {
      const method = String(name);
      const member: unknown = Reflect.get(target, name, receiver);
      if (method === "now") return () => clock.now() + skewMs;
      if (method === "remote" || typeof member !== "function") return member;
      return async (repo: Repo, ...args: readonly unknown[]): Promise<unknown> => {
        const isWrite = !/^(read|list)/.test(method);
        const call: PortCall = { port: "forge", method, repo, isWrite };
        if (isWrite && killSwitch.isOn()) witness.accuse(`I5: ${line.name} begins ${method} although its kill switch is on`);
        if (isWrite && line.isAlive) onWriteBegins(deps, { name: line.name, holderId }, { repo, method, args });
        const answer = await network.send(line, call, async () => {
          const answering: unknown = lag.recall(repo, method, args, slowness) ?? Reflect.apply(member, target, [repo, ...args]);
          if (isWrite) onForgeWrite(deps, { name: line.name, holderId }, { repo, method, args });
          return answering;
        });
        noteHidden(deps, { repo, method, args }, answer);
        return answer;
      };
    },
  });
}

/** A read that knows of fewer comments than there are by now: who goes by it may say something twice. */
function noteHidden({ forge, witness }: ReplicaDeps, { repo, method, args }: ForgeWrite, answer: unknown): void {
  const noteIssue = (number: number, known: number): void => {
    const there = forge.inside(repo).issues.get(number)?.comments.length ?? 0;
    if (known < there) count(witness.hiddenComments, issueKey(repo, number));
  };
  if (method === "listComments" && Array.isArray(answer)) return noteIssue(Number(args[0]), answer.length);
  for (const issue of Array.isArray(answer) ? answer : [answer]) {
    if (typeof issue !== "object" || issue === null || !("number" in issue) || !("commentCount" in issue)) continue;
    noteIssue(Number(issue.number), Number(issue.commentCount));
  }
}

function watchCells(deps: ReplicaDeps, { line, holderId, disk, killSwitch }: Birth, cells: LockCells): LockCells {
  const { network, store, witness } = deps;
  const call = (method: string, repo: Repo, isWrite: boolean): PortCall => ({ port: "lock", method, repo, isWrite });
  const recordOf = (repo: Repo) => {
    const record = store.locks.get(repoKey(repo))?.record;
    return record === "unreadable" ? undefined : record;
  };
  return {
    read: (remote) => network.send(line, call("read", remote.repo, false), () => cells.read(remote)),
    probe: (remote) => network.send(line, call("probe", remote.repo, false), () => cells.probe(remote)),
    prepare: (remote, record, landing) =>
      network.send(line, call("prepare", remote.repo, false), () => cells.prepare(remote, record, landing)),
    swap(remote, move, landing) {
      const { repo } = remote;
      if (killSwitch.isOn()) witness.accuse(`I5: ${line.name} moves the lock of ${repo.name} although its kill switch is on`);
      const method = landing === undefined ? (move.to === undefined ? "release" : "swap") : "land";
      const sentAt = witness.moves;
      return network.send(line, call(method, repo, true), () => {
        const before = recordOf(repo);
        const answering = cells.swap(remote, move, landing);
        const after = recordOf(repo);
        if (before !== after) onLockMove(deps, { repo, by: { name: line.name, holderId, disk }, before, after, landing, sentAt });
        return answering;
      });
    },
  };
}

/** An executor that dies with its process: its calls, too, are points to crash at. */
function mortal(deps: ReplicaDeps, { line }: Birth, machine: Machine): Executor {
  const { network } = deps;
  const call = (method: string, repo?: Repo): PortCall => ({ port: "executor", method, repo, isWrite: true });
  const demandLife = (): void => {
    if (!line.isAlive) throw new Error(`${line.name} is dead`);
  };
  return {
    capacity: () => machine.capacity(),
    inspect: (turnId) => machine.inspect(turnId),
    submit(order, claim) {
      demandLife();
      onOrder(deps, line.name, order, machine.live());
      machine.submit(order, claim);
    },
    ailment: () => network.send(line, { ...call("ailment"), isWrite: false }, machine.ailment),
    cancel: (turnId, why, how) => network.send(line, call("cancel"), () => machine.cancel(turnId, why, how)),
    dispose: (repo, run) => network.send(line, call("dispose", repo), () => machine.dispose(repo, run)),
    reap: (runs) => network.send(line, call("reap"), () => machine.reap(runs)),
    onChange: (listener) => machine.onChange((repo, what) => void (line.isAlive && listener(repo, what))),
    idle: () => machine.idle(),
    close: () => network.send(line, call("close"), () => machine.close()),
  };
}
