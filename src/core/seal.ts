import { createHmac, timingSafeEqual } from "node:crypto"; // Pure functions of their input, as everything in core.

/** What a seal binds its payload to: it counts on no other issue. */
interface Bound {
  readonly repoId: number;
  readonly issue: number;
}

/** Whose seal is expected, and the secrets that may have made it. */
export interface Sealed extends Bound {
  readonly secrets: readonly string[];
}

/** So many markers of one comment are tried, the last ones: AFK writes its own below what it quotes, and nobody can make it hash without end. */
const maxMarkers = 8;

/** JSON as one HTML comment line that only a holder of the secret can write. The first secret signs. `what` is one lower-case word. */
export function seal(what: string, json: string, bound: Bound, secrets: readonly string[]): string {
  const [secret] = secrets;
  if (secret === undefined) throw new Error(`sealing a ${what} needs a secret`);
  return `<!-- afk:${what} v1 ${Buffer.from(json).toString("base64url")} ${sign(what, json, bound, secret).toString("base64url")} -->`;
}

/**
 * What is sealed in a text. Forged, damaged and foreign markers are passed over; `undefined` when none is left, or when two that differ
 * are.
 */
export function openSeals<T extends Bound>(
  what: string,
  body: string,
  expected: Sealed,
  parse: (json: string) => T | undefined,
): T | undefined {
  const marker = new RegExp(`<!-- afk:${what} v1 ([A-Za-z0-9_-]{1,64000}) ([A-Za-z0-9_-]{43}) -->`, "g");
  const opened = new Map<string, T>();
  for (const [, payload = "", signature = ""] of [...body.matchAll(marker)].slice(-maxMarkers)) {
    const json = Buffer.from(payload, "base64url").toString("utf8");
    const value = parse(json);
    if (value === undefined || value.repoId !== expected.repoId || value.issue !== expected.issue) continue;
    const given = Buffer.from(signature, "base64url");
    if (expected.secrets.some((secret) => timingSafeEqual(given, sign(what, json, expected, secret)))) opened.set(json, value);
  }
  const [value, another] = opened.values();
  return another === undefined ? value : undefined;
}

function sign(what: string, json: string, { repoId, issue }: Bound, secret: string): Buffer {
  return createHmac("sha256", secret)
    .update(JSON.stringify([`afk:${what} v1`, repoId, issue, json]))
    .digest();
}
