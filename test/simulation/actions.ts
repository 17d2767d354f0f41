import { actsOfMachines, actsOfNetworks, actsOfOperators } from "./acts-of-machines.ts";
import { actsOfPeople } from "./acts-of-people.ts";

/** Everything that can happen in a world. A new thing that people, machines or the network can do is one more line in one of these tables. */
export const actions = { ...actsOfPeople, ...actsOfMachines, ...actsOfOperators, ...actsOfNetworks } as const;

export type ActionName = keyof typeof actions;

export const actionNames = Object.keys(actions) as readonly ActionName[];
