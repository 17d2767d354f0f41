import type { Logger } from "pino";
import type { Config } from "../config.ts";
import { createProbot, wire } from "../index.ts";
import { closeInTime } from "./close-in-time.ts";
import { stopSignal } from "./stop-signal.ts";

/** One sweep; the turns it starts are seen through, then the holders are cleared. Answers the exit code. The CronJob form of AFK. */
export async function tick(config: Config, log: Logger): Promise<number> {
  const afk = await wire(createProbot(config, log), config, log);
  afk.loop.sweep();
  await Promise.race([afk.loop.done().then(() => afk.loop.reap()), stopSignal()]);
  const failing = afk.loop.failing();
  const isClean = await closeInTime(afk.close());
  log.info({ failing, isClean }, "tick done");
  return failing.length === 0 && isClean ? 0 : 1;
}
