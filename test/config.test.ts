import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readConfig, secretsOf, type Config } from "../src/config.ts";
import { settings } from "../src/settings.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pkcs1 = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const pkcs8 = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

const minimal = { HOME: "/home/op", APP_ID: "12", PRIVATE_KEY: pkcs1, WEBHOOK_SECRET: "s3cret-enough", AFK_AGENT_COMMAND: "my-agent" };
const notifySecret = `whsec_${Buffer.from("a signing secret of the test").toString("base64")}`;
const noFiles = (path: string): string => {
  throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
};

function configOf(env: Record<string, string | undefined>): Config {
  const reading = readConfig(env, noFiles);
  if (reading.kind !== "ok") throw new Error(JSON.stringify(reading));
  return reading.config;
}

function faultsOf(env: Record<string, string | undefined>): readonly string[] {
  const reading = readConfig(env, noFiles);
  return reading.kind === "faults" ? reading.faults : [];
}

describe("the operator's configuration", () => {
  it("has the documented defaults", () => {
    const { app: _app, stateSecrets: _secrets, ...config } = configOf(minimal);
    expect(config).toEqual({
      agent: "command",
      agentCommand: ["my-agent"],
      agentEnv: {},
      agentModel: undefined,
      agentNetwork: undefined,
      agentsAllowed: ["command"],
      allowlist: [],
      apiToken: undefined,
      budgetUsd: 100,
      commandTimeoutMs: 900000,
      dailyBudgetUsd: undefined,
      executor: "local",
      fetchDebounceMs: 15000,
      fixForwardMaxAttempts: 5,
      fixForwardMaxMs: 3600000,
      forge: {
        host: undefined,
        protocol: "https",
        throttle: true,
      },
      gitCryptKey: undefined,
      home: "/home/op/.local/state/afk",
      host: "localhost",
      jobTtlMs: 3600000,
      killSwitch: true,
      labels: {
        human: "ready-for-human",
        inProgress: "agent-in-progress",
        ready: "ready-for-agent",
      },
      landing: "auto",
      leaseMs: 900000,
      logFormat: "json",
      logLevel: "info",
      maxConcurrency: 10,
      maxQueueDepth: 100,
      mayLoosen: ["exempt", "ci-none"],
      notify: undefined,
      ntfyUrl: undefined,
      nudgeMax: 2,
      port: 3000,
      publicUrl: undefined,
      refPrefix: "refs/afk",
      retryMax: 2,
      sandbox: "bubblewrap",
      sandboxRead: [],
      slackWebhookUrl: undefined,
      stallMs: 600000,
      sweepMs: 120000,
      trustedBots: [],
      turnTimeoutMs: 2700000,
      webhookProxyUrl: undefined,
    });
  });

  it("arms nothing by default", () => {
    expect(configOf(minimal)).toMatchObject({ killSwitch: true, allowlist: [] });
  });

  it("has no warnings when there is nothing to warn of", () => {
    expect(readConfig(minimal, noFiles)).toMatchObject({ kind: "ok", warnings: [] });
  });

  it("takes empty values for values that are not set, as compose files write them", () => {
    expect(configOf({ ...minimal, AFK_MAX_CONCURRENCY: "", AFK_KILL_SWITCH: " " })).toMatchObject({ maxConcurrency: 10, killSwitch: true });
  });

  it.each<[Record<string, string>, Partial<Config>]>([
    [{ AFK_KILL_SWITCH: "off" }, { killSwitch: false }],
    [
      { AFK_ALLOWLIST: "acme/shop, acme/api,,ACME/Shop" },
      {
        allowlist: [
          { owner: "ACME", name: "Shop" },
          { owner: "acme", name: "api" },
        ],
      },
    ],
    [{ PORT: "0" }, { port: 0 }],
    [{ GHE_HOST: "127.0.0.1:4010", GHE_PROTOCOL: "http" }, { forge: { host: "127.0.0.1:4010", protocol: "http", throttle: true } }],
    [{ AFK_FORGE_THROTTLE: "false" }, { forge: { host: undefined, protocol: "https", throttle: false } }],
    [{ AFK_LEASE_SECONDS: "30" }, { leaseMs: 30_000 }],
    [{ AFK_TRUSTED_BOTS: "renovate[bot], deploy" }, { trustedBots: ["renovate[bot]", "deploy"] }],
    [
      { AFK_AGENT_COMMAND: `/opt/agent --say "two words" 'and $HOME' ""` },
      { agentCommand: ["/opt/agent", "--say", "two words", "and $HOME", ""] },
    ],
    [{ AFK_AGENT_ENV: "API_KEY", API_KEY: "k" }, { agentEnv: { API_KEY: "k" } }],
    [{ AFK_HOME: "/srv/afk" }, { home: "/srv/afk" }],
    [{ XDG_STATE_HOME: "/state" }, { home: "/state/afk" }],
    [{ AFK_REF_PREFIX: "refs/bots/afk" }, { refPrefix: "refs/bots/afk" }],
    [{ AFK_REPO_MAY_LOOSEN: "exempt" }, { mayLoosen: ["exempt"] }],
    [{ AFK_READY_LABEL: "go" }, { labels: { ready: "go", inProgress: "agent-in-progress", human: "ready-for-human" } }],
    [{ AFK_STATE_SECRET: "new, old" }, { stateSecrets: ["new", "old"] }],
    [
      { AFK_NOTIFY_URL: "https://hooks.example/x", AFK_NOTIFY_SECRET: notifySecret },
      { notify: { url: "https://hooks.example/x", secret: notifySecret } },
    ],
    [
      { AFK_NOTIFY_URL: "http://localhost:9/x", AFK_NOTIFY_SECRET: "twenty-four plain letters" },
      { notify: { url: "http://localhost:9/x", secret: "twenty-four plain letters" } },
    ],
  ])("reads %j", (env, expected) => {
    expect(configOf({ ...minimal, ...env })).toMatchObject(expected);
  });

  it("derives the state's secret from the webhook secret, and not as itself", () => {
    const [one, other] = [configOf(minimal), configOf({ ...minimal, WEBHOOK_SECRET: "another-one" })].map(
      ({ stateSecrets }) => stateSecrets[0],
    );
    expect(new Set([one, other, minimal.WEBHOOK_SECRET]).size).toBe(3);
  });
});

describe("the App's private key", () => {
  it.each([
    ["PEM", pkcs1],
    ["PEM in the newer form", pkcs8],
    ["PEM with escaped line ends", pkcs1.replaceAll("\n", "\\n")],
    ["PEM on one line", pkcs1.replaceAll("\n", " ")],
    ["PEM in base64", Buffer.from(pkcs1).toString("base64")],
  ])("is taken as %s", (_title, key) => {
    expect(configOf({ ...minimal, PRIVATE_KEY: key }).app.privateKey).toBe(key === pkcs8 ? pkcs8 : pkcs1);
  });

  it("is read from a file", () => {
    const reading = readConfig({ ...minimal, PRIVATE_KEY: undefined, PRIVATE_KEY_PATH: "/run/key.pem" }, (path) =>
      path === "/run/key.pem" ? pkcs1 : noFiles(path),
    );
    expect(reading).toMatchObject({ kind: "ok", config: { app: { privateKey: pkcs1 } } });
  });

  it("is a fault when its file cannot be read", () => {
    expect(faultsOf({ ...minimal, PRIVATE_KEY: undefined, PRIVATE_KEY_PATH: "/run/key.pem" })).toEqual([
      "PRIVATE_KEY_PATH: /run/key.pem: ENOENT",
    ]);
  });

  it.each(["garbage", pkcs1.slice(0, 300), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])(
    "is a fault when it is none, and is not repeated",
    (key) => {
      const faults = faultsOf({ ...minimal, PRIVATE_KEY: key });
      expect(faults).toEqual(["PRIVATE_KEY: not an RSA private key in PEM; copy the whole .pem file the forge gave you"]);
    },
  );
});

describe("without App credentials", () => {
  it("AFK is disabled, and says what is missing", () => {
    expect(readConfig({ HOME: "/home/op" }, noFiles)).toMatchObject({
      kind: "disabled",
      why: expect.stringContaining("APP_ID"),
      config: { port: 3000 },
    });
  });

  it("faults are warnings, and the defaults hold", () => {
    expect(readConfig({ HOME: "/home/op", PORT: "http", AFK_WOMBAT: "1" }, noFiles)).toMatchObject({
      kind: "disabled",
      config: { port: 3000 },
      warnings: expect.arrayContaining([expect.stringMatching(/^PORT: /), "AFK_WOMBAT: unknown name"]),
    });
  });
});

describe("faults of the operator's configuration", () => {
  it.each<[Record<string, string | undefined>, RegExp]>([
    [{ APP_ID: undefined }, /^APP_ID: must be set/],
    [{ APP_ID: "Iv1.abc" }, /^APP_ID: expected a whole number \(got "Iv1.abc"\)$/],
    [{ PRIVATE_KEY: undefined }, /^PRIVATE_KEY: must be set/],
    [{ WEBHOOK_SECRET: undefined }, /^WEBHOOK_SECRET: must be set/],
    [{ WEBHOOK_SECRET: "development" }, /^WEBHOOK_SECRET: "development" is a default/],
    [{ PORT: "70000" }, /^PORT: expected at most 65535/],
    [{ AFK_KILL_SWITCH: "maybe" }, /^AFK_KILL_SWITCH: expected true or false/],
    [{ AFK_ALLOWLIST: "acme/*" }, /^AFK_ALLOWLIST: "acme\/\*": wildcards are not taken/],
    [{ AFK_ALLOWLIST: "acme/shop,../etc" }, /^AFK_ALLOWLIST: "..\/etc" is not owner\/name/],
    [{ AFK_HOME: "afk" }, /^AFK_HOME: expected an absolute path/],
    [{ HOME: undefined }, /^AFK_HOME: must be set/],
    [{ AFK_REF_PREFIX: "refs/heads" }, /^AFK_REF_PREFIX: expected a ref prefix/],
    [{ AFK_REF_PREFIX: "refs/a..b" }, /^AFK_REF_PREFIX: expected a ref prefix/],
    [{ AFK_MAX_CONCURRENCY: "0" }, /^AFK_MAX_CONCURRENCY: expected at least 1/],
    [{ AFK_TURN_TIMEOUT_SECONDS: "1.5" }, /^AFK_TURN_TIMEOUT_SECONDS: expected a whole number/],
    [{ AFK_LANDING: "merge" }, /^AFK_LANDING: expected one of push, pull-request, none, auto/],
    [{ AFK_AGENT: "claude" }, /^AFK_AGENT: "claude" cannot be run by this version/],
    [{ AFK_AGENTS_ALLOWED: "claude" }, /^AFK_AGENTS_ALLOWED: does not allow AFK_AGENT/],
    [{ AFK_EXECUTOR: "t3" }, /^AFK_EXECUTOR: "t3" is not part of this version/],
    [
      { AFK_AGENT_COMMAND: 'agent "a\\"b"' },
      /^AFK_AGENT_COMMAND: (?:a quote is not closed|a backslash is only taken inside single quotes)/,
    ],
    [{ AFK_AGENT_COMMAND: "agent a\\ b" }, /^AFK_AGENT_COMMAND: a backslash is only taken inside single quotes/],
    [{ AFK_AGENT_COMMAND: "agent 'open" }, /^AFK_AGENT_COMMAND: a quote is not closed/],
    [{ AFK_AGENT_ENV: "WEBHOOK_SECRET" }, /^AFK_AGENT_ENV: agents never see AFK's own settings/],
    [{ AFK_HUMAN_LABEL: "Ready-For-Agent" }, /the three must differ$/],
    [{ AFK_READY_LABEL: "a,b" }, /^AFK_READY_LABEL: expected a label's name/],
    [{ GHE_HOST: "https://ghe.example" }, /^GHE_HOST: expected a host/],
    [{ GHE_PROTOCOL: "http" }, /^GHE_PROTOCOL: has no meaning without GHE_HOST/],
    [{ AFK_SLACK_WEBHOOK_URL: "hooks.example" }, /^AFK_SLACK_WEBHOOK_URL: expected an http\(s\) URL$/],
    [{ AFK_NOTIFY_URL: "https://hooks.example" }, /^AFK_NOTIFY_SECRET: must be set with AFK_NOTIFY_URL; make one with: .*openssl rand/],
    [{ AFK_NOTIFY_SECRET: notifySecret }, /^AFK_NOTIFY_SECRET: has no meaning without AFK_NOTIFY_URL$/],
    [
      { AFK_NOTIFY_URL: "https://me:pass@hooks.example", AFK_NOTIFY_SECRET: notifySecret },
      /^AFK_NOTIFY_URL: expected no user name or password in it$/,
    ],
    [{ AFK_NOTIFY_URL: "hooks.example", AFK_NOTIFY_SECRET: notifySecret }, /^AFK_NOTIFY_URL: expected an http\(s\) URL$/],
    [{ AFK_NOTIFY_URL: "https://hooks.example", AFK_NOTIFY_SECRET: "short" }, /^AFK_NOTIFY_SECRET: expected at least 24 bytes/],
    [
      { AFK_NOTIFY_URL: "https://hooks.example", AFK_NOTIFY_SECRET: `${notifySecret}!` },
      /^AFK_NOTIFY_SECRET: expected at least 24 bytes, in base64 after whsec_$/,
    ],
    [
      { AFK_NOTIFY_URL: "https://hooks.example", AFK_NOTIFY_SECRET: notifySecret, WEBHOOK_SECRET: notifySecret },
      /^AFK_NOTIFY_SECRET: must not be WEBHOOK_SECRET/,
    ],
    [{ AFK_BUDGET_USD: "-1" }, /^AFK_BUDGET_USD: expected an amount/],
    [{ AFK_KILLSWITCH: "false" }, /^AFK_KILLSWITCH: unknown name; did you mean AFK_KILL_SWITCH\?$/],
    [{ AFK_WOMBAT: "1" }, /^AFK_WOMBAT: unknown name$/],
  ])("name the setting: %j", (env, fault) => {
    expect(faultsOf({ ...minimal, ...env })).toEqual([expect.stringMatching(fault)]);
  });

  it("are told all at once", () => {
    const faults = faultsOf({ ...minimal, WEBHOOK_SECRET: undefined, PORT: "x", AFK_LANDING: "y", AFK_WOMBAT: "z", AFK_AGENT: "codex" });
    expect(faults.map((fault) => fault.split(":")[0])).toEqual(["PORT", "AFK_LANDING", "AFK_WOMBAT", "AFK_AGENT", "WEBHOOK_SECRET"]);
  });
});

describe("warnings", () => {
  const withoutEffect = Object.entries(settings).flatMap(([name, setting]) => ("isWithoutEffect" in setting ? [name] : []));
  const values: Record<string, string> = {
    AFK_MAX_QUEUE_DEPTH: "5",
    AFK_JOB_TTL_SECONDS: "5",
    AFK_STALL_SECONDS: "5",
    AFK_BUDGET_USD: "5",
    AFK_DAILY_BUDGET_USD: "5",
  };

  it.each(withoutEffect)("tell that %s is not in effect", (name) => {
    const value = values[name] ?? "https://x.y/z";
    expect(readConfig({ ...minimal, [name]: value }, noFiles)).toMatchObject({
      kind: "ok",
      warnings: [`${name}: not in effect in this version`],
    });
  });

  it.each<[Record<string, string | undefined>, RegExp]>([
    [{ AFK_AGENT_COMMAND: undefined }, /^AFK_AGENT_COMMAND: not set/],
    [{ AFK_SANDBOX: "none" }, /^AFK_SANDBOX: none; agents and tests run with AFK's own rights/],
    [{ AFK_LANDING: "pull-request" }, /^AFK_LANDING: landing by pull request/],
    [{ AFK_AGENT_ENV: "MISSING_KEY" }, /^AFK_AGENT_ENV: not set in the environment: MISSING_KEY$/],
  ])("tell of %j", (env, warning) => {
    expect(readConfig({ ...minimal, ...env }, noFiles)).toMatchObject({ kind: "ok", warnings: [expect.stringMatching(warning)] });
  });
});

describe("secrets", () => {
  const env = {
    ...minimal,
    AFK_STATE_SECRET: "state-secret",
    AFK_API_TOKEN: "api-token",
    AFK_NTFY_URL: "https://ntfy.example/topic",
    AFK_NOTIFY_URL: "https://hooks.example/only-we-know",
    AFK_NOTIFY_SECRET: notifySecret,
    AFK_AGENT_ENV: "API_KEY,LANGUAGE",
    API_KEY: "agent-key",
    LANGUAGE: "english",
  };

  it("are all the values that must not be written anywhere", () => {
    const secrets = secretsOf(configOf(env));
    expect(secrets).toEqual(
      expect.arrayContaining([
        "s3cret-enough",
        pkcs1,
        "state-secret",
        "api-token",
        "https://ntfy.example/topic",
        "https://hooks.example/only-we-know",
        notifySecret.replace("whsec_", ""),
        "agent-key",
        pkcs1.split("\n")[1],
      ]),
    );
  });

  it("come longest first, so that one inside another leaves nothing behind", () => {
    const lengths = secretsOf(configOf(env)).map((secret) => secret.length);
    expect(lengths).toEqual(lengths.toSorted((one, other) => other - one));
  });

  it("are nothing that would blot out ordinary words", () => {
    expect(secretsOf(configOf(env))).not.toContain("english");
  });
});

describe("the table of settings", () => {
  it.each(Object.entries(settings))("has a default that parses, and says what %s is for", (_name, { shape, fallback, doc }) => {
    expect(fallback === undefined || shape.safeParse(fallback).success).toBe(true);
    expect(doc).toMatch(/^[A-Z].*\.$/);
  });
});
