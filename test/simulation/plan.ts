import * as fc from "fast-check";
import { actionNames, actions, type ActionName } from "./actions.ts";

/** One step of a schedule. The numbers mean what the action makes of them: which process, which issue, how. */
export interface Step {
  readonly do: ActionName;
  readonly who: number;
  readonly what: number;
  readonly how: number;
}

/** An issue that is there when the world begins. */
export interface IssuePlan {
  readonly byStranger: boolean;
  /** 0: no label; else `P<n>`. */
  readonly priority: number;
  readonly isBlockedByFirst: boolean;
  readonly isReleased: boolean;
}

/** All that decides what happens in a world: nothing else is left to chance. */
export interface Plan {
  /** The order in which calls are let through. */
  readonly dice: number;
  readonly repos: number;
  /** How far each replica's clock is off; one replica for each. GitHub's `Date` lets them differ by 2 s. */
  readonly replicas: readonly number[];
  readonly slots: number;
  /** How webhooks come: at once to some replica, when the schedule says so, or never. */
  readonly webhooks: "prompt" | "held" | "lost";
  /** Whether CI's failed jobs may run again, and whether they do then. */
  readonly reruns: "none" | "granted" | "start";
  /** The base branch is red before anything lands on it. */
  readonly isBaseRed: boolean;
  readonly issues: readonly (readonly IssuePlan[])[];
  readonly steps: readonly Step[];
  /** When the storm is over, only this one goes on. */
  readonly survivor: number;
}

const issuePlan = fc.record({
  byStranger: fc.boolean(),
  priority: fc.nat(3),
  isBlockedByFirst: fc.nat(4).map((n) => n === 4),
  isReleased: fc.nat(3).map((n) => n > 0),
});

const step = fc.oneof(
  ...actionNames.map((name) => ({
    weight: actions[name].weight,
    arbitrary: fc.record({ do: fc.constant(name), who: fc.nat(7), what: fc.nat(15), how: fc.nat(63) }) satisfies fc.Arbitrary<Step>,
  })),
);

/** Worlds and schedules. */
export const plans: fc.Arbitrary<Plan> = fc.record({
  dice: fc.nat(),
  repos: fc.integer({ min: 1, max: 2 }),
  replicas: fc.array(fc.constantFrom(0, -1_000, 1_000), { minLength: 1, maxLength: 3 }),
  slots: fc.integer({ min: 1, max: 2 }),
  webhooks: fc.constantFrom("prompt", "held", "lost"),
  reruns: fc.constantFrom("none", "granted", "start"),
  isBaseRed: fc.nat(5).map((n) => n === 5),
  issues: fc.array(fc.array(issuePlan, { minLength: 1, maxLength: 3, size: "max" }), { minLength: 2, maxLength: 2 }),
  steps: fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
  survivor: fc.nat(2),
});
