import { ProbotOctokit } from "probot";

/** The longest one request may take, waiting in the throttle's queue not included. GitHub gives up on its side after 10 s. */
const requestTimeoutMs = 30_000;

/**
 * The class Probot is to make its clients of, without what its own does behind one's back: repeat creating calls after a 5xx (two comments
 * instead of one) and sleep through a rate limit inside one request, for up to an hour. Both belong to the GitHub client here.
 *
 * `throttle` spaces writes 1 s and comments 3 s apart, as github.com asks of its clients; a server of one's own does not need it.
 */
export function createOctokitClass({ throttle }: { readonly throttle: boolean }): typeof ProbotOctokit {
  // The function form: Probot's own options would override an object's.
  return ProbotOctokit.defaults((options: Readonly<Record<string, unknown>>) => ({
    ...options,
    retry: { enabled: false },
    throttle: { ...asRecord(options["throttle"]), enabled: throttle, onRateLimit: giveUp, onSecondaryRateLimit: giveUp },
    request: { ...asRecord(options["request"]), fetch: fetchWithinTime },
  }));
}

function giveUp(): boolean {
  return false;
}

function fetchWithinTime(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  return fetch(url, { ...init, signal: AbortSignal.timeout(requestTimeoutMs) });
}

function asRecord(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
