import { createHmac } from "node:crypto";

/** How secrets of this kind begin, so that people and scanners know them. */
const prefix = "whsec_";

/** The bytes a secret stands for: base64 after `whsec_`; without that prefix the text's own. `undefined`: no base64 follows the prefix. */
export function keyOf(secret: string): Buffer | undefined {
  if (!secret.startsWith(prefix)) return Buffer.from(secret);
  const encoded = secret.slice(prefix.length);
  const key = Buffer.from(encoded, "base64");
  // Buffer skips what is no base64; a receiver's library may not.
  return key.toString("base64") === encoded ? key : undefined;
}

/** The headers that prove a body is AFK's and not an old one: https://github.com/standard-webhooks/standard-webhooks, version 1.0.0. */
export function signedHeaders(key: Buffer, { id, nowMs, body }: { readonly id: string; readonly nowMs: number; readonly body: string }) {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
