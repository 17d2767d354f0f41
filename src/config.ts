import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readCredentials, type AppCredentials } from "./app-credentials.ts";
import type { LabelNames } from "./core/labels.ts";
import { nearest } from "./core/nearest.ts";
import type { OperatorPolicy } from "./core/policy.ts";
import type { Repo } from "./core/run.ts";
import { settings, type SettingName, type SettingValues } from "./settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The operator's settings, times in milliseconds. What each means is said once, in `settings`. */
export interface OperatorConfig extends OperatorPolicy {
  readonly webhookProxyUrl: string | undefined;
  readonly port: number;
  readonly host: string;
  readonly logLevel: SettingValues["LOG_LEVEL"];
  readonly logFormat: SettingValues["LOG_FORMAT"];
  readonly forge: { readonly host: string | undefined; readonly protocol: "https" | "http"; readonly throttle: boolean };
  readonly killSwitch: boolean;
  readonly allowlist: readonly Repo[];
  readonly labels: LabelNames;
  readonly trustedBots: readonly string[];
  readonly home: string;
  readonly refPrefix: string;
  readonly maxConcurrency: number;
  readonly maxQueueDepth: number;
  readonly jobTtlMs: number;
  readonly fetchDebounceMs: number;
  readonly commandTimeoutMs: number;
  readonly stallMs: number;
  readonly sweepMs: number;
  readonly leaseMs: number;
  readonly fixForwardMaxAttempts: number;
  readonly fixForwardMaxMs: number;
  readonly retryMax: number;
  readonly nudgeMax: number;
  readonly dailyBudgetUsd: number | undefined;
  /** Program and arguments of the `command` agent; `undefined`: no turn can start. */
  readonly agentCommand: readonly string[] | undefined;
  readonly agentModel: string | undefined;
  /** The variables passed through to agents, with their values. */
  readonly agentEnv: Readonly<Record<string, string>>;
  readonly agentNetwork: string | undefined;
  readonly sandbox: "bubblewrap" | "none" | "auto";
  readonly sandboxRead: readonly string[];
  readonly executor: "local" | "bullmq" | "t3";
  readonly gitCryptKey: string | undefined;
  readonly apiToken: string | undefined;
  readonly publicUrl: string | undefined;
  readonly slackWebhookUrl: string | undefined;
  readonly ntfyUrl: string | undefined;
  /** Whom the doorbell rings, and what signs its notices; `undefined`: nobody. */
  readonly notify: { readonly url: string; readonly secret: string } | undefined;
}

export interface Config extends OperatorConfig {
  readonly app: AppCredentials;
  /** The first seals, all open. Never empty. */
  readonly stateSecrets: readonly [string, ...string[]];
}

export type ConfigReading =
  | { readonly kind: "ok"; readonly config: Config; readonly warnings: readonly string[] }
  /** No App credentials: AFK starts and does nothing. Settings that do not parse are warnings here, and their fallbacks hold. */
  | { readonly kind: "disabled"; readonly why: string; readonly config: OperatorConfig; readonly warnings: readonly string[] }
  /** All faults at once, each a line that begins with the name it is about. Never with a secret's value. */
  | { readonly kind: "faults"; readonly faults: readonly string[] };

/** Reads the operator's environment. `readFile` reads `PRIVATE_KEY_PATH` and throws as `fs` does. */
export function readConfig(env: Environment, readFile: (path: string) => string = (path) => readFileSync(path, "utf8")): ConfigReading {
  const { values, faults } = readValues(env);
  const config = toOperatorConfig(values, env);
  const warnings = findWarnings(env, config);
  const allFaults = [...faults, ...findUnknownNames(env), ...findContradictions(config, values, env)];
  if (!["APP_ID", "PRIVATE_KEY", "PRIVATE_KEY_PATH"].some((name) => isSet(env, name))) {
    return {
      kind: "disabled",
      why: "no App credentials: set APP_ID and PRIVATE_KEY (or PRIVATE_KEY_PATH)",
      config,
      warnings: [...allFaults, ...warnings],
    };
  }
  const app = readCredentials(values, isSet(env, "APP_ID"), readFile);
  if (Array.isArray(app)) return { kind: "faults", faults: [...allFaults, ...app] };
  if (allFaults.length > 0) return { kind: "faults", faults: allFaults };
  const [secret = deriveStateSecret(app.webhookSecret), ...olderSecrets] = values.AFK_STATE_SECRET ?? [];
  return { kind: "ok", config: { ...config, app, stateSecrets: [secret, ...olderSecrets] }, warnings };
}

const isOwnName = /^AFK_/;
const names = Object.keys(settings).filter(isSettingName);

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settings, name);
}

function isSet(env: Environment, name: string): boolean {
  return (env[name] ?? "").trim() !== "";
}

/** Every setting's value; where a text does not parse, a fault and the fallback's value. */
function readValues(env: Environment): { readonly values: SettingValues; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const entries = names.map((name) => {
    const { shape, fallback, isSecret } = { isSecret: false, ...settings[name] };
    const fallbackValue = fallback === undefined ? undefined : shape.parse(fallback);
    const text = env[name];
    if (text === undefined || !isSet(env, name)) return [name, fallbackValue];
    const parsed = shape.safeParse(text);
    if (parsed.success) return [name, parsed.data];
    const got = isSecret ? "" : ` (got ${JSON.stringify(text.slice(0, 100))})`;
    faults.push(`${name}: ${[...new Set(parsed.error.issues.map((issue) => issue.message))].join("; ")}${got}`);
    return [name, fallbackValue];
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value comes from its own shape or fallback, which is what SettingValues says
  return { values: Object.fromEntries(entries) as SettingValues, faults };
}

function findUnknownNames(env: Environment): string[] {
  const unknown = Object.keys(env).filter((name) => isOwnName.test(name) && !isSettingName(name));
  return unknown.map((name) => {
    const meant = nearest(
      name,
      names.filter((known) => isOwnName.test(known)),
    );
    return `${name}: unknown name${meant === undefined ? "" : `; did you mean ${meant}?`}`;
  });
}

function toOperatorConfig(values: SettingValues, env: Environment): OperatorConfig {
  return {
    webhookProxyUrl: values.WEBHOOK_PROXY_URL,
    port: values.PORT,
    host: values.HOST,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
    forge: { host: values.GHE_HOST, protocol: values.GHE_PROTOCOL, throttle: values.AFK_FORGE_THROTTLE },
    killSwitch: values.AFK_KILL_SWITCH,
    allowlist: values.AFK_ALLOWLIST,
    labels: { ready: values.AFK_READY_LABEL, inProgress: values.AFK_IN_PROGRESS_LABEL, human: values.AFK_HUMAN_LABEL },
    trustedBots: values.AFK_TRUSTED_BOTS,
    mayLoosen: values.AFK_REPO_MAY_LOOSEN,
    home: values.AFK_HOME ?? defaultHome(env) ?? "",
    refPrefix: values.AFK_REF_PREFIX,
    maxConcurrency: values.AFK_MAX_CONCURRENCY,
    maxQueueDepth: values.AFK_MAX_QUEUE_DEPTH,
    jobTtlMs: values.AFK_JOB_TTL_SECONDS,
    fetchDebounceMs: values.AFK_FETCH_DEBOUNCE_SECONDS,
    turnTimeoutMs: values.AFK_TURN_TIMEOUT_SECONDS,
    commandTimeoutMs: values.AFK_COMMAND_TIMEOUT_SECONDS,
    stallMs: values.AFK_STALL_SECONDS,
    sweepMs: values.AFK_SWEEP_SECONDS,
    leaseMs: values.AFK_LEASE_SECONDS,
    fixForwardMaxAttempts: values.AFK_FIX_FORWARD_MAX_ATTEMPTS,
    fixForwardMaxMs: values.AFK_FIX_FORWARD_MAX_SECONDS,
    retryMax: values.AFK_RETRY_MAX_ATTEMPTS,
    nudgeMax: values.AFK_NUDGE_MAX,
    budgetUsd: values.AFK_BUDGET_USD,
    dailyBudgetUsd: values.AFK_DAILY_BUDGET_USD,
    landing: values.AFK_LANDING,
    agent: values.AFK_AGENT,
    agentsAllowed: values.AFK_AGENTS_ALLOWED ?? [values.AFK_AGENT],
    agentCommand: values.AFK_AGENT_COMMAND,
    agentModel: values.AFK_AGENT_MODEL,
    agentEnv: pickAgentEnv(values.AFK_AGENT_ENV, env),
    agentNetwork: values.AFK_AGENT_NETWORK,
    sandbox: values.AFK_SANDBOX,
    sandboxRead: values.AFK_SANDBOX_READ,
    executor: values.AFK_EXECUTOR,
    gitCryptKey: values.AFK_GIT_CRYPT_KEY,
    apiToken: values.AFK_API_TOKEN,
    publicUrl: values.AFK_PUBLIC_URL,
    slackWebhookUrl: values.AFK_SLACK_WEBHOOK_URL,
    ntfyUrl: values.AFK_NTFY_URL,
    notify: toReceiver(values.AFK_NOTIFY_URL, values.AFK_NOTIFY_SECRET),
  };
}

function toReceiver(url: string | undefined, secret: string | undefined): OperatorConfig["notify"] {
  return url === undefined || secret === undefined ? undefined : { url, secret };
}

/** By the XDG base directories: state that survives restarts and is no configuration. */
function defaultHome(env: Environment): string | undefined {
  const state = env["XDG_STATE_HOME"];
  if (state?.startsWith("/")) return join(state, "afk");
  const home = env["HOME"];
  return home?.startsWith("/") ? join(home, ".local", "state", "afk") : undefined;
}

function pickAgentEnv(wanted: readonly string[], env: Environment): Record<string, string> {
  return Object.fromEntries(wanted.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** Values that parse one by one and still cannot be done as asked. */
function findContradictions(config: OperatorConfig, values: SettingValues, env: Environment): string[] {
  const labels = Object.values(config.labels).map((name: string) => name.toLowerCase());
  const own = values.AFK_AGENT_ENV.filter(isSettingName);
  return pick([
    [new Set(labels).size < labels.length, "AFK_READY_LABEL, AFK_IN_PROGRESS_LABEL and AFK_HUMAN_LABEL: the three must differ"],
    [config.home === "", "AFK_HOME: must be set where neither XDG_STATE_HOME nor HOME is"],
    [config.agent !== "command", `AFK_AGENT: "${config.agent}" cannot be run by this version; it runs "command"`],
    [config.executor !== "local", `AFK_EXECUTOR: "${config.executor}" is not part of this version; it has "local"`],
    [!config.agentsAllowed.includes(config.agent), `AFK_AGENTS_ALLOWED: does not allow AFK_AGENT, "${config.agent}"`],
    [own.length > 0, `AFK_AGENT_ENV: agents never see AFK's own settings (${own.join(", ")})`],
    [isSet(env, "GHE_PROTOCOL") && !isSet(env, "GHE_HOST"), "GHE_PROTOCOL: has no meaning without GHE_HOST"],
    [
      isSet(env, "AFK_NOTIFY_URL") && !isSet(env, "AFK_NOTIFY_SECRET"),
      'AFK_NOTIFY_SECRET: must be set with AFK_NOTIFY_URL; make one with: echo "whsec_$(openssl rand -base64 32)"',
    ],
    [isSet(env, "AFK_NOTIFY_SECRET") && !isSet(env, "AFK_NOTIFY_URL"), "AFK_NOTIFY_SECRET: has no meaning without AFK_NOTIFY_URL"],
    [
      values.AFK_NOTIFY_SECRET !== undefined && values.AFK_NOTIFY_SECRET === values.WEBHOOK_SECRET,
      "AFK_NOTIFY_SECRET: must not be WEBHOOK_SECRET, or whoever is sent notices could forge webhooks",
    ],
  ]);
}

function findWarnings(env: Environment, config: OperatorConfig): string[] {
  const withoutEffect = names.filter((name) => "isWithoutEffect" in settings[name] && isSet(env, name));
  const unset = listAgentEnv(env).filter((name) => env[name] === undefined);
  return [
    ...withoutEffect.map((name) => `${name}: not in effect in this version`),
    ...pick([
      [
        config.landing === "pull-request",
        "AFK_LANDING: landing by pull request is not in effect in this version; every issue will be answered with that",
      ],
      [config.agentCommand === undefined, "AFK_AGENT_COMMAND: not set, so no turn can start"],
      [config.sandbox === "none", "AFK_SANDBOX: none; agents and tests run with AFK's own rights on this machine"],
      [unset.length > 0, `AFK_AGENT_ENV: not set in the environment: ${unset.join(", ")}`],
    ]),
  ];
}

function listAgentEnv(env: Environment): readonly string[] {
  return settings.AFK_AGENT_ENV.shape.safeParse(env["AFK_AGENT_ENV"] ?? "").data ?? [];
}

function pick(rows: readonly (readonly [boolean, string])[]): string[] {
  return rows.filter(([applies]) => applies).map(([, text]) => text);
}

function deriveStateSecret(webhookSecret: string): string {
  return createHmac("sha256", webhookSecret).update("afk state secret").digest("hex");
}

/** Shorter values would blot out half of every log. */
const leastSecretLength = 6;

/** Everything that must never be written anywhere, longest first, for redaction by value. */
export function secretsOf(config: OperatorConfig | Config): readonly string[] {
  const credentials =
    "app" in config ? [config.app.webhookSecret, config.app.privateKey, ...keyLines(config.app.privateKey), ...config.stateSecrets] : [];
  const passedThrough = Object.entries(config.agentEnv).flatMap(([name, value]) => (looksSecret(name) ? [value] : []));
  // The secret's prefix is no secret, and may be left off where it is repeated.
  const notify = config.notify === undefined ? [] : [config.notify.url, config.notify.secret.replace(/^whsec_/, "")];
  const others = [config.apiToken, config.gitCryptKey, config.slackWebhookUrl, config.ntfyUrl, ...notify];
  const all = [...credentials, ...passedThrough, ...others].filter((text) => text !== undefined);
  const telling = all.filter((text) => text.length >= leastSecretLength);
  return [...new Set(telling)].toSorted((one, other) => other.length - one.length);
}

/** A key may be logged with its line ends escaped: its lines are secrets, too. */
function keyLines(pem: string): string[] {
  return pem.split("\n").filter((line) => line.length >= 16 && !line.startsWith("-----"));
}

function looksSecret(name: string): boolean {
  return /key|token|secret|pass|credential|auth/i.test(name);
}
