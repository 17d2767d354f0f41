import type { Notice } from "../core/notice.ts";
import type { Timers } from "../loop/timers.ts";
import type { Clock, Doorbell, Log } from "../ports.ts";
import { enqueue } from "./enqueue.ts";
import { createSend, type Receiver } from "./send.ts";

export interface DoorbellDeps {
  /** Receivers measure a try's age by a clock of their own; the forge's is right where this machine's may not be. */
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

/**
 * How long to wait after each failed try: for a receiver's restart, a deploy, an outage that somebody mends. Standard Webhooks go on for days; here
 * the issue says the same, and a notice that comes a quarter of an hour late has missed its purpose.
 */
const retryDelaysMs = [5_000, 30_000, 120_000, 600_000] as const;

/** The longest wait that a receiver may ask for. */
const longestWaitMs = 600_000;

/** A stop has 14 s for everything; runs that are given back count more than notices. */
const closeMs = 2_000;

const silentDoorbell: Doorbell = { ring: () => {}, ailment: () => undefined, close: () => Promise.resolve() };

/** Rings by a signed webhook, one notice at a time and in order. Without a receiver it rings nobody. */
export function createDoorbell(receiver: Receiver | undefined, deps: DoorbellDeps): Doorbell {
  return receiver === undefined ? silentDoorbell : createWebhookDoorbell(receiver, deps);
}

function createWebhookDoorbell(receiver: Receiver, { clock, timers, log }: DoorbellDeps): Doorbell {
  const { host } = new URL(receiver.url);
  const send = createSend(receiver, { clock, timers });
  const over = new AbortController();
  let waiting: readonly Notice[] = [];
  let current: Notice | undefined;
  let working = Promise.resolve();
  let ailment: string | undefined;
  let isClosing = false;
  let wake = (): void => {};

  async function work(): Promise<void> {
    for (;;) {
      [current, ...waiting] = waiting;
      if (current === undefined) return;
      await deliver(current);
    }
  }

  async function deliver(notice: Notice): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const answer = await send(notice, over.signal);
      const fields = { ...fieldsOf(notice), host, tries };
      if (answer.kind === "taken") {
        ailment = undefined;
        return log.info(fields, "notice delivered");
      }
      const { kind, why } = answer;
      ailment = `notices do not reach ${host}: ${why}`;
      const delayMs = retryDelaysMs[tries - 1];
      if (kind === "refused" || delayMs === undefined || isClosing) return log.error({ ...fields, why }, "notice given up");
      const waitMs = Math.max(delayMs, Math.min(answer.afterMs, longestWaitMs));
      log.warn({ ...fields, why, waitMs }, "notice not delivered yet");
      await rest(waitMs);
    }
  }

  /** Until the time has passed or AFK closes. */
  function rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = timers.after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  }

  return {
    ring(notice) {
      if (notice.id === current?.id) return;
      const next = enqueue(waiting, notice);
      waiting = next.waiting;
      if (next.dropped !== undefined) log.warn({ ...fieldsOf(next.dropped), host }, "notice dropped");
      if (current === undefined) working = work();
    },
    ailment: () => ailment,
    async close() {
      isClosing = true;
      wake();
      const cancel = timers.after(closeMs, () => over.abort("AFK is ending"));
      await working;
      cancel();
      over.abort("AFK is ending");
    },
  };
}

function fieldsOf({ id, repo, issue, run, kind }: Notice): object {
  return { notice: id, repo, issue: issue.number, run, kind };
}
