import type { Config } from "../config.ts";
import type { KillSwitch } from "../kill-switch.ts";
import type { Loop } from "../loop/loop.ts";
import type { Doorbell, Executor } from "../ports.ts";

/** What `/health` answers. `disabled`: AFK does nothing, on purpose. `degraded`: it works, but an operator should look. */
export interface Health {
  readonly status: "ok" | "disabled" | "degraded";
  /** In words for the operator. */
  readonly reasons: readonly string[];
  /** Every slot is taken. */
  readonly busy: boolean;
  /** Turns that run now. */
  readonly active: number;
  /** Repos that wait for a pass. */
  readonly queued: number;
  /** Slots. */
  readonly capacity: number;
}

export interface HealthSources {
  readonly config: Config;
  readonly killSwitch: KillSwitch;
  readonly executor: Executor;
  readonly loop: Loop;
  readonly doorbell: Doorbell;
}

/** The answer of a process that has nothing to work with. */
export function disabledHealth(reasons: readonly string[]): Health {
  return { status: "disabled", reasons, busy: false, active: 0, queued: 0, capacity: 0 };
}

/** Said always, because it is so: what a compromised agent could reach. */
export const sharedNetwork = "the sandbox shares this machine's network";

/** Looks at everything that can keep AFK from working. */
export async function takeHealth({ config, killSwitch, executor, loop, doorbell }: HealthSources): Promise<Health> {
  const { slots, busy } = executor.capacity();
  const disarmed = [
    ...(killSwitch.isOn() ? ["the kill switch is on"] : []),
    ...(config.allowlist.length === 0 ? ["AFK_ALLOWLIST is empty: no repository is enrolled"] : []),
  ];
  const ailments = [await executor.ailment(), doorbell.ailment()];
  const troubles = [
    ...ailments.filter((ailment) => ailment !== undefined),
    ...(config.sandbox === "none" ? ["AFK_SANDBOX is none: agents and tests run with AFK's own rights"] : []),
    ...loop.failing().map((slug) => `passes over ${slug} fail; see the log`),
  ];
  const status = disarmed.length > 0 ? "disabled" : troubles.length > 0 ? "degraded" : "ok";
  return {
    status,
    reasons: [...disarmed, ...troubles, sharedNetwork],
    busy: busy >= slots,
    active: busy,
    queued: loop.queued(),
    capacity: slots,
  };
}
