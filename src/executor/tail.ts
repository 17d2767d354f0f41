/** What a command printed, made fit for a log, a comment or a ledger: no escape sequences, no control characters, no secrets, bounded. */
import { cleanOutput } from "../core/output.ts";

/** A tail in a comment is for a glance; 4 KiB hold the summary of every common test runner. */
export const tailBytes = 4096;
/** The longest line that is kept; a line of a gigabyte must not grow memory. */
export const lineLength = 2000;

/** Answers the exact values that must never leave. */
export type Secrets = () => readonly string[];

/** Shorter values would match ordinary text. */
const shortestSecret = 8;

/** Replaces every secret, as it stands and in base64. */
export function redact(text: string, secrets: Secrets): string {
  let redacted = text;
  for (const secret of secrets()) {
    if (secret.length < shortestSecret) continue;
    for (const form of formsOf(secret)) if (redacted.includes(form)) redacted = redacted.replaceAll(form, "[secret]");
  }
  return redacted;
}

/** An agent prints thousands of lines, and the secrets are the same few texts each time. */
const knownForms = new Map<string, readonly string[]>();
const maxKnownForms = 1_000;

function formsOf(secret: string): readonly string[] {
  const known = knownForms.get(secret);
  if (known !== undefined) return known;
  if (knownForms.size >= maxKnownForms) knownForms.clear();
  const forms = [secret, ...base64Forms(secret)];
  knownForms.set(secret, forms);
  return forms;
}

/** Whether any secret occurs in the text; the same forms as `redact`. */
export function holdsSecret(text: string, secrets: Secrets): boolean {
  return redact(text, secrets) !== text;
}

/** What base64 makes of a value wherever it stands in the encoded text: it depends on the position modulo three. */
function base64Forms(secret: string): readonly string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString("base64");
    // The first and last characters mix with what stands around the value.
    const from = shift === 0 ? 0 : shift + 1;
    const to = Math.floor(((shift + Buffer.byteLength(secret)) * 8) / 6);
    return encoded.slice(from, to);
  });
}

/** The last `tailBytes` of some output, cleaned, without secrets. Pass more than fits: what is cut is cut after redaction. */
export function tailOf(output: string, secrets: Secrets): string {
  const text = redact(cleanOutput(output), secrets).trimEnd();
  const bytes = Buffer.from(text);
  if (bytes.length <= tailBytes) return text;
  return bytes
    .subarray(bytes.length - tailBytes)
    .toString()
    .replace(/^\uFFFD+/, "");
}
