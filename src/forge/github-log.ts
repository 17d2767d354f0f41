/** The end of a CI job's log, which may be gigabytes of foreign text behind a link that holds for a minute. */
import { cleanOutput } from "../core/output.ts";

/** As much of the end is kept and searched for secrets; far more than is ever shown. */
export const windowBytes = 256 * 1024;

export interface LogLimits {
  /** A log up to this size is read as a whole. Of a larger one the end alone is asked for. */
  readonly wholeBytes: number;
  /** Where the end alone is not to be had, this much is read through in search of it. */
  readonly maxBytes: number;
  readonly timeMs: number;
}

const usualLimits: LogLimits = { wholeBytes: 1024 * 1024, maxBytes: 64 * 1024 * 1024, timeMs: 20_000 };

/**
 * The last `windowBytes` behind a signed link, which needs no credential and gets none. `undefined`: not http, not there, out of reach, or its
 * end not reached within the limits; the caller has other sources.
 */
export async function fetchLogEnd(address: string, limits: LogLimits = usualLimits): Promise<string | undefined> {
  if (!/^https?:\/\//i.test(address)) return undefined;
  const signal = AbortSignal.timeout(limits.timeMs);
  try {
    const whole = await ask(address, signal);
    const bytes = Number(whole.headers.get("content-length"));
    if (!whole.ok || bytes <= limits.wholeBytes) return await readEnd(whole, limits);
    await whole.body?.cancel();
    return await readEnd(await ask(address, signal, { range: `bytes=${bytes - windowBytes}-` }), limits);
  } catch {
    // Whatever went wrong between here and a file store, there is no log to show.
    return undefined;
  }
}

/** Uncompressed: ranges and sizes are the log's own. */
function ask(address: string, signal: AbortSignal, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(address, { signal, headers: { "accept-encoding": "identity", ...headers } });
}

/** Never holds more than the window and one chunk. */
async function readEnd(response: Response, { maxBytes }: LogLimits): Promise<string | undefined> {
  const { body } = response;
  if (body === null) return undefined;
  if (!response.ok || Number(response.headers.get("content-length")) > maxBytes) {
    await body.cancel();
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  let [read, kept] = [0, 0];
  for await (const chunk of body) {
    chunks.push(chunk);
    read += chunk.length;
    kept += chunk.length;
    if (read > maxBytes) return undefined;
    while (kept - (chunks[0]?.length ?? 0) >= windowBytes) kept -= chunks.shift()?.length ?? 0;
  }
  const text = Buffer.concat(chunks).subarray(-windowBytes).toString();
  // Of a line that was cut nobody knows what it said.
  return read > windowBytes || response.status === 206 ? text.slice(text.indexOf("\n") + 1) : text;
}

/** Without what GitHub Actions puts before every line, and with its marks as words. */
export function tidyLog(log: string): string {
  return cleanOutput(log)
    .replaceAll(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z ?/gm, "")
    .replaceAll(/^##\[endgroup\]\n?/gm, "")
    .replaceAll(/^##\[(error|warning)\]/gm, "$1: ")
    .replaceAll(/^##\[\w+\]/gm, "");
}
