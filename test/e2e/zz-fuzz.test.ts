import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ForgeEvent } from "../../demo/front/embedded-forge.ts";
import { doneOnce, goodWork, startWorld, type World } from "./support.ts";
const N = 24;
const isPush = (event: ForgeEvent, slug: string, ref: string): boolean => event.kind === "push" && event.repo === slug && event.ref === ref;
const isWrite = (event: ForgeEvent, method: string, path: string): boolean => event.kind === "api" && event.method === method && event.path === path;
const moments = [
  (e: ForgeEvent, s: string) => isPush(e, s, "refs/afk/lock"),
  (e: ForgeEvent, s: string) => isPush(e, s, "refs/heads/main"),
  (e: ForgeEvent, s: string) => isWrite(e, "POST", `/repos/${s}/issues/1/comments`),
  (e: ForgeEvent, s: string) => isWrite(e, "DELETE", `/repos/${s}/issues/1/labels/ready-for-agent`),
  (e: ForgeEvent, s: string) => isWrite(e, "PATCH", `/repos/${s}/issues/1`),
];
let world: World;
beforeAll(async () => { world = await startWorld(...Array.from({ length: N }, (_, i) => `f${i}`)); });
afterAll(() => world.close());
describe.concurrent("fuzz", () => {
  it.each(Array.from({ length: N }, (_, i) => i))("%i", async (i) => {
    const slug = `acme/f${i}`;
    const first = await world.serve([slug]);
    first.desk.always(goodWork);
    const random = i >= 5 ? 300 + Math.random() * 3500 : undefined;
    const signal = i < 5 || i % 2 === 0 ? "SIGTERM" : "SIGKILL";
    if (random === undefined) world.forge.onEvent((event) => { if (first.program.child.exitCode === null && first.program.child.signalCode === null && moments[i]!(event, slug)) first.program.child.kill(signal); });
    const issue = await world.release(slug);
    if (random !== undefined) { await delay(random); first.program.child.kill(signal); }
    const exit = await first.program.exit();
    const ledger = world.lock(slug);
    const second = await world.serve([slug], first);
    try {
      expect(await world.closed(slug, issue)).toEqual(doneOnce);
      if (signal === "SIGTERM") expect(exit).toEqual({ code: 0, signal: null });
      console.log(i, signal, random, exit, JSON.stringify(ledger?.holder), JSON.stringify(ledger?.ledger.turn), ledger?.ledger.retries);
    } catch (e) {
      console.log("FAILED", i, signal, random, exit, JSON.stringify(ledger), "\nFIRST", first.program.output().split("\n").filter((l) => !l.includes("GitHub request") && !l.includes("event received")).slice(-25).join("\n"), "\nSECOND", second.program.output().split("\n").filter((l) => !l.includes("GitHub request") && !l.includes("event received")).slice(-40).join("\n"));
      throw e;
    }
  }, 90_000);
});
