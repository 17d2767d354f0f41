import { createPrivateKey } from "node:crypto";
import type { SettingName, SettingValues } from "./settings.ts";

/** What proves to the forge that this is the App. */
export interface AppCredentials {
  readonly appId: number;
  /** PEM. */
  readonly privateKey: string;
  readonly webhookSecret: string;
}

/** The secret Probot assumes when none is set: everybody knows it. */
const defaultWebhookSecret = "development";

/** The credentials, or what is wrong with them. An `APP_ID` that is set and does not parse is a fault of its own already. */
export function readCredentials(values: SettingValues, isAppIdSet: boolean, readFile: (path: string) => string): AppCredentials | string[] {
  const { APP_ID: appId, WEBHOOK_SECRET: webhookSecret } = values;
  const key = readPrivateKey(values, readFile);
  const faults: string[] = [];
  if (!isAppIdSet) faults.push("APP_ID: must be set together with the private key");
  if (key.kind === "fault") faults.push(key.fault);
  if (webhookSecret === undefined) faults.push("WEBHOOK_SECRET: must be set; without it anybody could send webhooks");
  if (webhookSecret === defaultWebhookSecret) {
    faults.push(`WEBHOOK_SECRET: "${defaultWebhookSecret}" is a default everybody knows; choose a random one`);
  }
  if (faults.length > 0 || key.kind === "fault" || appId === undefined || webhookSecret === undefined) return faults;
  return { appId, webhookSecret, privateKey: key.pem };
}

type PrivateKey = { readonly kind: "key"; readonly pem: string } | { readonly kind: "fault"; readonly fault: string };

function readPrivateKey(values: SettingValues, readFile: (path: string) => string): PrivateKey {
  if (values.PRIVATE_KEY !== undefined) return checkPem(values.PRIVATE_KEY, "PRIVATE_KEY");
  const path = values.PRIVATE_KEY_PATH;
  if (path === undefined) return { kind: "fault", fault: "PRIVATE_KEY: must be set (or PRIVATE_KEY_PATH) together with APP_ID" };
  try {
    return checkPem(readFile(path), "PRIVATE_KEY_PATH");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "it cannot be read";
    return { kind: "fault", fault: `PRIVATE_KEY_PATH: ${path}: ${code}` };
  }
}

/** Accepts what Probot accepts: PEM, PEM on one line with `\n` or spaces for line ends, and all of that in base64. */
function checkPem(text: string, name: SettingName): PrivateKey {
  const unwrapped = text.includes("-----BEGIN") ? text : Buffer.from(text, "base64").toString("utf8");
  const [, label, body = ""] =
    /-----BEGIN ((?:RSA )?PRIVATE KEY)-----([\s\S]*?)-----END \1-----/.exec(unwrapped.replaceAll("\\n", "\n")) ?? [];
  const lines = body.replace(/\s+/g, "").match(/.{1,64}/g) ?? [];
  const pem = [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
  try {
    if (createPrivateKey(pem).asymmetricKeyType === "rsa") return { kind: "key", pem };
  } catch {
    // OpenSSL's words name no setting and may quote the key; ours follow.
  }
  return { kind: "fault", fault: `${name}: not an RSA private key in PEM; copy the whole .pem file the forge gave you` };
}
