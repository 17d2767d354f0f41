/** What one try to deliver came to. `why` never has more of the URL than its host. */
export type Answer =
  | { readonly kind: "taken" }
  /** Another try may help, in `afterMs` at the earliest. */
  | { readonly kind: "not-now"; readonly why: string; readonly afterMs: number }
  | { readonly kind: "refused"; readonly why: string };

export interface Letter {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Posts once. Redirects are not followed: nobody but the operator says where notices go. The answer's body is thrown away unread.
 * Never rejects; `signal` cuts it off, and its reason is then why.
 */
export async function post({ url, headers, body }: Letter, signal: AbortSignal, nowMs: number): Promise<Answer> {
  const done = new AbortController();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "AFK", ...headers },
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, done.signal]),
    });
    return answerOf(response, nowMs);
  } catch (error) {
    return { kind: "not-now", why: signal.aborted ? String(signal.reason) : causeOf(error), afterMs: 0 };
  } finally {
    done.abort();
  }
}

function answerOf({ ok, status, headers }: Response, nowMs: number): Answer {
  if (ok) return { kind: "taken" };
  const isRedirect = status >= 300 && status < 400;
  const why = `it answers with ${status}${isRedirect ? "; redirects are not followed" : ""}`;
  if (status !== 429 && status < 500) return { kind: "refused", why };
  return { kind: "not-now", why, afterMs: readRetryAfter(headers.get("retry-after"), nowMs) };
}

/** Seconds or a date (RFC 9110, 10.2.3); anything else asks for nothing. */
function readRetryAfter(text: string | null, nowMs: number): number {
  if (text === null) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? 0 : ms;
}

/** What lies behind a failed `fetch`: a code, or undici's static words. The outer message may repeat the URL. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return "the request failed";
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}
