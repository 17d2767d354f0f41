import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config.ts";
import { sharedNetwork, takeHealth, type Health } from "../../src/http/health.ts";
import type { Loop } from "../../src/loop/loop.ts";
import type { Doorbell, Executor } from "../../src/ports.ts";

interface World {
  readonly isSwitchedOff?: boolean;
  readonly allowlist?: Config["allowlist"];
  readonly sandbox?: Config["sandbox"];
  readonly busy?: number;
  readonly executor?: string;
  readonly doorbell?: string;
  readonly failing?: readonly string[];
}

const shop = { owner: "acme", name: "shop" };

/** The health of an armed AFK with two slots, but for what is named. */
function healthOf(world: World): Promise<Health> {
  const { isSwitchedOff = false, allowlist = [shop], sandbox = "bubblewrap", busy = 0, failing = [] } = world;
  return takeHealth({
    config: { allowlist, sandbox } as Config,
    killSwitch: { isOn: () => isSwitchedOff, watch: () => () => {} },
    executor: { capacity: () => ({ slots: 2, busy }), ailment: async () => world.executor } as Executor,
    loop: { failing: () => failing, queued: () => 3 } as Loop,
    doorbell: { ailment: () => world.doorbell } as Doorbell,
  });
}

describe("the health", () => {
  it("is ok when AFK is armed and nothing is wrong", async () => {
    expect(await healthOf({ busy: 1 })).toEqual({ status: "ok", reasons: [sharedNetwork], busy: false, active: 1, queued: 3, capacity: 2 });
  });

  it("says that every slot is taken", async () => {
    expect(await healthOf({ busy: 2 })).toMatchObject({ status: "ok", busy: true });
  });

  it.each<[World, string]>([
    [{ executor: "bubblewrap is missing" }, "bubblewrap is missing"],
    [{ doorbell: "notices do not reach hooks.example: ECONNREFUSED" }, "notices do not reach hooks.example: ECONNREFUSED"],
    [{ sandbox: "none" }, "AFK_SANDBOX is none: agents and tests run with AFK's own rights"],
    [{ failing: ["acme/shop"] }, "passes over acme/shop fail; see the log"],
  ])("is degraded by each trouble: %j", async (world, reason) => {
    expect(await healthOf(world)).toMatchObject({ status: "degraded", reasons: [reason, sharedNetwork] });
  });

  it.each<[World, string]>([
    [{ isSwitchedOff: true }, "the kill switch is on"],
    [{ allowlist: [] }, "AFK_ALLOWLIST is empty: no repository is enrolled"],
  ])("is disabled on purpose, whatever else is wrong: %j", async (world, reason) => {
    const doorbell = "notices do not reach hooks.example: ECONNREFUSED";
    expect(await healthOf({ ...world, doorbell })).toMatchObject({ status: "disabled", reasons: [reason, doorbell, sharedNetwork] });
  });
});
