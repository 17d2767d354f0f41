import { generateKeyPairSync } from "node:crypto";
import type { EmbeddedForge } from "../demo/front/embedded-forge.ts";

/** The App that servers of the benches are, when no forge knows them. */
export function makeApp(): Readonly<Record<"APP_ID" | "PRIVATE_KEY" | "WEBHOOK_SECRET", string>> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    APP_ID: "1",
    PRIVATE_KEY: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
    WEBHOOK_SECRET: "the bench's own secret",
  };
}

/** An armed AFK without a repository; on any free port of the loopback. */
export function afkEnvironment(home: string): Readonly<Record<string, string>> {
  return {
    HOST: "127.0.0.1",
    PORT: "0",
    AFK_KILL_SWITCH: "false",
    AFK_HOME: home,
    AFK_AGENT_COMMAND: "true",
    AFK_SANDBOX: "auto",
  };
}

/** The App that the embedded forge knows, attached to it. */
export function attachedTo(forge: EmbeddedForge): Readonly<Record<string, string>> {
  return {
    APP_ID: String(forge.appId),
    PRIVATE_KEY: forge.privateKey,
    WEBHOOK_SECRET: forge.webhookSecret,
    GHE_HOST: forge.host,
    GHE_PROTOCOL: "http",
    AFK_FORGE_THROTTLE: "false",
    AFK_LANDING: "push",
  };
}
