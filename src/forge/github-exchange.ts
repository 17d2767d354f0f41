/** One question to GitHub and its answer: sending, repeating what may be repeated, and telling failures apart by status alone. */
import { setTimeout as delay } from "node:timers/promises";
import type { ProbotOctokit } from "probot";
import { z } from "zod";
import { ForgeError } from "../ports.ts";
import type { ServerClock } from "./server-clock.ts";

/** The version AFK was written against: GitHub changes answers only under a new one. */
const apiVersion = "2022-11-28";
/** Calls that may be repeated are, after these times. The loop's own backoff does the rest. */
export const defaultRetryDelaysMs: readonly number[] = [500, 2000];
/** GitHub asks to wait at least a minute when it does not say how long. */
const quietFallbackMs = 60_000;
const quietMaxMs = 3_600_000;

/** `route` as GitHub documents it, such as `GET /repos/{owner}/{repo}/issues`. */
export interface Call {
  readonly route: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A redirect is the answer, and is not followed; what comes instead of one is left unread. */
  readonly isUnfollowed?: boolean;
}

/** No `status`: the forge was not reached, or the connection broke before it answered. */
export interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: unknown;
  readonly cause?: unknown;
}

/** Sends once, whatever retries the client was made with. Never rejects. */
export async function send(octokit: ProbotOctokit, call: Call, clock: ServerClock): Promise<Answer> {
  const sentAtMs = clock.monotonicMs();
  const request = { retries: 0, ...(call.isUnfollowed === true ? { redirect: "manual" as const, parseSuccessResponseBody: false } : {}) };
  const options = { ...call.params, headers: { ...call.headers, "x-github-api-version": apiVersion }, request };
  const answer = await octokit
    .request(call.route, options)
    .then(({ status, headers, data }): Answer => ({ status, headers: headersOf(headers), data }), answerOfError);
  clock.learn(answer.headers["date"], sentAtMs);
  return answer;
}

/** For calls that may arrive twice: asks again when the forge was not reached or failed (5xx). */
export async function sendRepeatedly(octokit: ProbotOctokit, call: Call, clock: ServerClock, delaysMs: readonly number[]): Promise<Answer> {
  let answer = await send(octokit, call, clock);
  for (const delayMs of delaysMs) {
    if (answer.status !== undefined && answer.status < 500) return answer;
    await delay(delayMs);
    answer = await send(octokit, call, clock);
  }
  return answer;
}

/** The answer's data, if it succeeded and is what AFK knows; a `ForgeError` otherwise. */
export function parseAnswer<T>(answer: Answer, route: string, shape: z.ZodType<T>): T {
  if (answer.status === undefined || answer.status >= 300) throw failureOf(answer, route);
  const parsed = shape.safeParse(answer.data);
  if (!parsed.success) throw new ForgeError(`${route}: an answer of an unknown shape: ${z.prettifyError(parsed.error)}`, answer.status);
  return parsed.data;
}

function failureOf({ status, cause }: Answer, route: string): ForgeError {
  const detail = cause instanceof Error ? cause.message : "no reason given";
  return new ForgeError(`${route}: ${status ?? "not reached"}: ${detail}`, status, cause);
}

/** How long the forge wants to be left alone, in milliseconds, when the answer says that a rate limit is used up. */
export function quietTimeMs({ status, headers }: Answer, nowMs: number): number | undefined {
  const retryAfter = headers["retry-after"];
  const isUsedUp = headers["x-ratelimit-remaining"] === "0";
  if (status !== 429 && !(status === 403 && (retryAfter !== undefined || isUsedUp))) return undefined;
  const askedMs =
    retryAfter !== undefined ? Number(retryAfter) * 1000 : isUsedUp ? Number(headers["x-ratelimit-reset"]) * 1000 - nowMs : NaN;
  return Number.isFinite(askedMs) ? Math.min(Math.max(askedMs, 1000), quietMaxMs) : quietFallbackMs;
}

/** Octokit's errors carry the answer; without one the forge was not reached, although octokit then says status 500. */
const requestError = z.object({
  request: z.object({ url: z.string() }),
  response: z.object({ status: z.number(), headers: z.record(z.string(), z.unknown()), data: z.unknown() }),
});

/** A refusal to mint the installation's token says that the installation is gone or suspended, not that the thing asked for is. */
function answerOfError(cause: unknown): Answer {
  const parsed = requestError.safeParse(cause);
  if (!parsed.success) return { status: undefined, headers: {}, data: undefined, cause };
  const { request, response } = parsed.data;
  const answer = { status: response.status, headers: headersOf(response.headers), data: response.data, cause };
  const isMintingRefused = request.url.endsWith("/access_tokens") && (answer.status === 404 || answer.status === 403);
  return isMintingRefused && quietTimeMs(answer, 0) === undefined ? { ...answer, status: 401 } : answer;
}

function headersOf(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}
