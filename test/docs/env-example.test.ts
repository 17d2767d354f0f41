import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config.ts";

const text = readFileSync(new URL("../../.env.example", import.meta.url), "utf8");
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const readKey = (): string => privateKey.export({ type: "pkcs1", format: "pem" }).toString();

const filledIn = { APP_ID: "1", WEBHOOK_SECRET: "a secret of the test", ANTHROPIC_API_KEY: "a key of the test" };

describe("the example of an environment", () => {
  it("does not start AFK before it is filled in", () => {
    expect(readConfig({ ...parseEnv(text) }, readKey)).toEqual({
      kind: "faults",
      faults: [expect.stringMatching(/^APP_ID/), expect.stringMatching(/^WEBHOOK_SECRET/)],
    });
  });

  it("is a whole configuration when it is, and not armed yet", () => {
    const reading = readConfig({ ...parseEnv(text), ...filledIn }, readKey);
    expect(reading).toMatchObject({
      kind: "ok",
      warnings: [],
      config: { killSwitch: true, allowlist: [], landing: "none", home: "/var/lib/afk" },
    });
  });

  it("has settings that parse behind its comment signs, too", () => {
    const uncommented = text.replaceAll(/^# (?=[A-Z_]+=)/gm, "");
    expect(uncommented).not.toBe(text);
    expect(readConfig({ ...parseEnv(uncommented), ...filledIn }, readKey)).toMatchObject({ kind: "ok", warnings: [] });
  });
});
