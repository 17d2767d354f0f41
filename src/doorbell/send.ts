import type { Notice } from "../core/notice.ts";
import type { Timers } from "../loop/timers.ts";
import type { Clock } from "../ports.ts";
import { post, type Answer } from "./post.ts";
import { keyOf, signedHeaders } from "./sign.ts";

/** Whom to ring. Both are secrets: whoever has the URL can post to it. */
export interface Receiver {
  readonly url: string;
  readonly secret: string;
}

/** A receiver is meant to note a notice and answer; one that works on it first has this long. */
const answerMs = 10_000;

/** Makes the one try to deliver a notice, signed anew each time. `over` cuts it off. Throws for a secret that the settings would refuse. */
export function createSend({ url, secret }: Receiver, { clock, timers }: { readonly clock: Clock; readonly timers: Timers }) {
  const key = keyOf(secret);
  if (key === undefined) throw new Error("the doorbell's secret is not base64");
  return async (notice: Notice, over: AbortSignal): Promise<Answer> => {
    const body = bodyOf(notice);
    const nowMs = clock.now();
    const late = new AbortController();
    const stop = timers.after(answerMs, () => late.abort(`no answer within ${answerMs / 1000} s`));
    const letter = { url, body, headers: signedHeaders(key, { id: notice.id, nowMs, body }) };
    const answer = await post(letter, AbortSignal.any([late.signal, over]), nowMs);
    stop();
    return answer;
  };
}

/** `timestamp` is when the run ended; the header of that name says when this try was made. */
function bodyOf(notice: Notice): string {
  return JSON.stringify({ type: `run.${notice.kind}`, timestamp: notice.endedAt, data: notice });
}
