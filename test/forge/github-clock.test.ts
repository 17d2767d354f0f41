import { describe, expect, it } from "vitest";
import { createServerClock } from "../../src/forge/server-clock.ts";

const local = Date.parse("2026-01-01T12:00:00Z");

function startClock() {
  let monotonic = 5000;
  const clock = createServerClock(
    () => local,
    () => monotonic,
  );
  const pass = (ms: number): void => void (monotonic += ms);
  return { clock, pass };
}

describe("the forge's clock", () => {
  it("is the local one until the forge has answered", () => {
    const { clock, pass } = startClock();
    pass(1500);
    expect(clock.now()).toBe(local + 1500);
  });

  it.each([
    ["behind", "Thu, 01 Jan 2026 11:50:00 GMT"],
    ["ahead", "Thu, 01 Jan 2026 12:10:00 GMT"],
  ])("follows a forge that is %s of the local clock to within a second", (_way, date) => {
    const { clock } = startClock();
    clock.learn(date, clock.monotonicMs());
    expect(Math.abs(clock.now() - Date.parse(date))).toBeLessThan(1000);
  });

  it("runs on by the monotonic clock between answers", () => {
    const { clock, pass } = startClock();
    clock.learn("Thu, 01 Jan 2026 11:50:00 GMT", clock.monotonicMs());
    const before = clock.now();
    pass(4321);
    expect(clock.now() - before).toBe(4321);
  });

  it("does not jump back when a header is rounded down", () => {
    const { clock, pass } = startClock();
    pass(900);
    const before = clock.now();
    clock.learn("Thu, 01 Jan 2026 12:00:00 GMT", clock.monotonicMs());
    expect(clock.now()).toBe(before);
  });

  it("allows for an answer that was long under way", () => {
    const { clock, pass } = startClock();
    const sentAtMs = clock.monotonicMs();
    pass(8000);
    const before = clock.now();
    clock.learn("Thu, 01 Jan 2026 12:00:02 GMT", sentAtMs);
    expect(clock.now()).toBe(before);
  });

  it.each([undefined, "", "soon"])("learns nothing from the header %j", (header) => {
    const { clock } = startClock();
    clock.learn(header, clock.monotonicMs());
    expect(clock.now()).toBe(local);
  });
});
