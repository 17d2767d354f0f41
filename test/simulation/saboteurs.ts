import { repoKey } from "../../src/core/run.ts";
import type { LockCells } from "../../src/forge/lock-cells.ts";
import type { Forge } from "../../src/ports.ts";
import type { MemoryLockStore } from "../support/memory-lock.ts";

/** A defence taken out, to see that the simulation notices. */
export interface Saboteur {
  readonly about: string;
  readonly cells?: (cells: LockCells, store: MemoryLockStore) => LockCells;
  readonly forge?: (forge: Forge) => Forge;
  /** People know the secret that ledgers are sealed with. */
  readonly isSecretKnown?: boolean;
}

export const saboteurs = {
  "no-compare-and-swap": {
    about: "the lock moves whatever it holds",
    cells: (cells, store) => ({
      ...cells,
      swap: (remote, { to }, landing) => cells.swap(remote, { from: store.locks.get(repoKey(remote.repo))?.sha, to }, landing),
    }),
  },
  "no-epoch": {
    about: "the lock moves for whoever once held the same run",
    cells: withoutEpochs,
  },
  "no-seal": { about: "anybody can seal a ledger", isSecretKnown: true },
  "no-look-before-create": {
    about: "comments are made without looking",
    forge: (forge) =>
      new Proxy(forge, {
        get(target, name, receiver): unknown {
          if (name !== "createComment") return Reflect.get(target, name, receiver);
          return (...[repo, issue, body, marker]: Parameters<Forge["createComment"]>) =>
            target.createComment(repo, issue, body, marker, { isMissing: true });
        },
      }),
  },
  "no-permission": {
    about: "whoever says something may write",
    forge: (forge) =>
      new Proxy(forge, {
        get: (target, name, receiver): unknown => (name === "readPermission" ? async () => "write" : Reflect.get(target, name, receiver)),
      }),
  },
  "no-desk": {
    about: "answers do not say which commands are taken",
    forge: (forge) =>
      new Proxy(forge, {
        get(target, name, receiver): unknown {
          if (name !== "createComment" && name !== "editComment") return Reflect.get(target, name, receiver);
          const withoutDesk = (word: unknown): unknown => (typeof word === "string" ? word.replace(/<!-- afk:desk .* -->/, "") : word);
          return (...args: readonly unknown[]): unknown => Reflect.apply(target[name], target, args.map(withoutDesk));
        },
      }),
  },
} as const satisfies Record<string, Saboteur>;

/** What fences a former holder is that the record's sha, and with it the epoch, is another one. Here only the run is compared. */
function withoutEpochs(cells: LockCells, store: MemoryLockStore): LockCells {
  const runs = new Map<string, string>();
  return {
    ...cells,
    async prepare(remote, record, landing) {
      const sha = await cells.prepare(remote, record, landing);
      runs.set(sha, record.ledger.run);
      return sha;
    },
    swap(remote, { from, to }, landing) {
      const held = store.locks.get(repoKey(remote.repo));
      const run = held === undefined || held.record === "unreadable" ? undefined : held.record.ledger.run;
      const isSameRun = from !== undefined && run !== undefined && runs.get(from) === run;
      return cells.swap(remote, { from: isSameRun ? held?.sha : from, to }, landing);
    },
  };
}
