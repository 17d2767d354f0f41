import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createKillSwitch } from "../src/kill-switch.ts";
import { createManualClock, type ManualClock } from "./support/manual-clock.ts";

describe("the kill switch", () => {
  let home: string;
  let clock: ManualClock;
  let told: boolean[];
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "afk-switch-"));
    clock = createManualClock();
    told = [];
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const put = (): void => writeFileSync(join(home, "kill-switch"), "");
  const take = (): void => rmSync(join(home, "kill-switch"));

  function watched(setByOperator = false) {
    const killSwitch = createKillSwitch(setByOperator, home, { now: clock.now, after: (ms, fn) => clock.schedule(fn, ms) });
    killSwitch.watch((isOn) => void told.push(isOn));
    return killSwitch;
  }

  it("is on at once when its file is there, and tells within a second", () => {
    const killSwitch = watched();
    put();
    expect(killSwitch.isOn()).toBe(true);
    clock.advance(1_000);
    take();
    expect(killSwitch.isOn()).toBe(false);
    clock.advance(1_000);
    clock.advance(1_000);
    expect(told).toEqual([true, false]);
  });

  it("tells that it is off again when somebody saw a file that the watcher missed", () => {
    const killSwitch = watched();
    put();
    killSwitch.isOn();
    take();
    killSwitch.isOn();
    clock.advance(1_000);
    expect(told).toEqual([false]);
  });

  it("is on whatever the file says while the operator set it", () => {
    const killSwitch = watched(true);
    put();
    take();
    expect(killSwitch.isOn()).toBe(true);
    clock.advance(1_000);
    expect(told).toEqual([]);
  });
});
