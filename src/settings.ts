import { isAbsolute } from "node:path";
import parseArgv from "string-argv";
import { z } from "zod";
import { loosenings } from "./core/policy.ts";
import { agentNames, landings } from "./core/repo-config.ts";
import { parseRepo, repoKey, type Repo } from "./core/run.ts";
import { keyOf } from "./doorbell/sign.ts";

/** One name of the operator's environment. */
interface Setting {
  /** From the text to the value. An empty text counts as not set. */
  readonly shape: z.ZodType<unknown, string>;
  /** As it would be written; `undefined`: not set unless somebody sets it. */
  readonly fallback: string | undefined;
  readonly doc: string;
  /** Its value never appears in a message. */
  readonly isSecret?: true;
  /** Parsed, but nothing in this version acts on it; setting it is answered with a warning. */
  readonly isWithoutEffect?: true;
}

const word = z.string().trim().min(1);
const flag = z
  .string()
  .trim()
  .toLowerCase()
  .pipe(z.enum(["true", "1", "yes", "on", "false", "0", "no", "off"], { error: "expected true or false" }))
  .transform((text) => ["true", "1", "yes", "on"].includes(text));
const integer = (min: number, max: number) =>
  z
    .string()
    .trim()
    .regex(/^\d{1,15}$/, "expected a whole number")
    .transform(Number)
    .pipe(z.number().min(min, `expected at least ${min}`).max(max, `expected at most ${max}`));
const seconds = (min: number, max: number) => integer(min, max).transform((value) => value * 1000);
const dollars = z
  .string()
  .trim()
  .regex(/^\d{1,9}(?:\.\d{1,6})?$/, "expected an amount such as 25 or 0.5")
  .transform(Number);
const oneOf = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z
    .string()
    .trim()
    .pipe(z.enum(names, { error: `expected one of ${names.join(", ")}` }));
const list = z.string().transform((text) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== ""),
);
const listOf = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  list.pipe(z.array(z.enum(names, { error: `expected a list out of ${names.join(", ")}` })));
const httpUrl = word.refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), "expected an http(s) URL");
/** `fetch` takes no URL with a user name, and names the whole of it when it refuses. */
const receiverUrl = httpUrl.refine(
  (text) => !URL.canParse(text) || `${new URL(text).username}${new URL(text).password}` === "",
  "expected no user name or password in it",
);
/** Standard Webhooks ask for 192 bits at least. */
const signingSecret = word.refine((text) => (keyOf(text)?.length ?? 0) >= 24, "expected at least 24 bytes, in base64 after whsec_");
const absolutePath = word.refine(isAbsolute, "expected an absolute path");
const label = word.max(50, "expected at most 50 characters").regex(/^[^,\p{Cc}]+$/u, "expected a label's name, without commas");

const allowlist = list.transform((slugs, context): readonly Repo[] => {
  const repos = new Map<string, Repo>();
  for (const slug of slugs) {
    const repo = parseRepo(slug);
    if (repo !== undefined) repos.set(repoKey(repo), repo);
    else context.addIssue(slug.includes("*") ? `"${slug}": wildcards are not taken; name every repository` : `"${slug}" is not owner/name`);
  }
  return [...repos.values()];
});

/** Where `parseArgv` would differ from a shell, the text is refused: it takes every backslash as itself. */
const argv = z.string().transform((text, context): readonly string[] => {
  const words = parseArgv(text);
  const quotes = text.replace(/"[^"]*"|'[^']*'/g, "");
  if (/["']/.test(quotes)) context.addIssue("a quote is not closed");
  else if (text.replace(/'[^']*'/g, "").includes("\\")) context.addIssue("a backslash is only taken inside single quotes");
  else if (words[0] === undefined || words[0] === "") context.addIssue("expected a program and its arguments");
  return words;
});

/** Below `refs/`, but not where people and forges keep theirs. */
const refPrefix = word.regex(
  /^refs\/(?!(?:heads|tags|pull|remotes|notes|merge-requests|changes)(?:\/|$))(?!.*(?:\.\.|\.lock(?:\/|$)))[A-Za-z0-9][A-Za-z0-9_.-]{0,50}(?:\/[A-Za-z0-9][A-Za-z0-9_.-]{0,50}){0,3}(?<!\.)$/,
  "expected a ref prefix such as refs/afk",
);

/** Every name AFK reads from the operator's environment. The documentation is checked against this table. */
export const settings = {
  APP_ID: { shape: integer(1, Number.MAX_SAFE_INTEGER), fallback: undefined, doc: "The GitHub App's id." },
  PRIVATE_KEY: { shape: word, fallback: undefined, doc: "The App's private key: PEM, or PEM in base64.", isSecret: true },
  PRIVATE_KEY_PATH: { shape: word, fallback: undefined, doc: "A file with the App's private key, instead of `PRIVATE_KEY`." },
  WEBHOOK_SECRET: { shape: word, fallback: undefined, doc: "The App's webhook secret.", isSecret: true },
  WEBHOOK_PROXY_URL: {
    shape: httpUrl,
    fallback: undefined,
    doc: "A smee.io channel that forwards webhooks to a machine without a public address.",
    isWithoutEffect: true,
  },
  PORT: { shape: integer(0, 65_535), fallback: "3000", doc: "The port to listen on; 0 takes a free one, which is logged." },
  HOST: { shape: word, fallback: "localhost", doc: "The address to listen on; `0.0.0.0` in a container." },
  LOG_LEVEL: {
    shape: oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    fallback: "info",
    doc: "The least severe log line written.",
  },
  LOG_FORMAT: { shape: oneOf(["json", "pretty"]), fallback: "json", doc: "How log lines look." },
  GHE_HOST: {
    shape: word.regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/, "expected a host, or host:port"),
    fallback: undefined,
    doc: "The host, with a port where needed, of a GitHub Enterprise Server or any other GitHub-shaped forge. Not set: github.com.",
  },
  GHE_PROTOCOL: { shape: oneOf(["https", "http"]), fallback: "https", doc: "How that host is reached." },

  AFK_KILL_SWITCH: {
    shape: flag,
    fallback: "true",
    doc: "While on, no write starts and no agent runs. The file `kill-switch` in `AFK_HOME` does the same.",
  },
  AFK_ALLOWLIST: { shape: allowlist, fallback: "", doc: "The enrolled repositories: `owner/name,…`. No wildcards." },
  AFK_READY_LABEL: { shape: label, fallback: "ready-for-agent", doc: "The label that releases an issue to the agent." },
  AFK_IN_PROGRESS_LABEL: { shape: label, fallback: "agent-in-progress", doc: "The label of an issue that is being worked on." },
  AFK_HUMAN_LABEL: { shape: label, fallback: "ready-for-human", doc: "The label of an issue that was handed over." },
  AFK_TRUSTED_BOTS: { shape: list, fallback: "", doc: "Bots whose ready label counts, by login." },
  AFK_REPO_MAY_LOOSEN: {
    shape: listOf(loosenings),
    fallback: "exempt,ci-none",
    doc: "Which loosening keys of `.github/afk.yml` count: `exempt` (changes without a failing test), `ci-none` (a repository without CI).",
  },
  AFK_HOME: {
    shape: absolutePath,
    fallback: undefined,
    doc: "Where AFK keeps mirrors, workspaces and kept work. Not set: `$XDG_STATE_HOME/afk`, else `~/.local/state/afk`.",
  },
  AFK_REF_PREFIX: { shape: refPrefix, fallback: "refs/afk", doc: "Where the lock lives in each repository." },

  AFK_MAX_CONCURRENCY: { shape: integer(1, 1_000), fallback: "10", doc: "Agents at work at once." },
  AFK_MAX_QUEUE_DEPTH: { shape: integer(0, 100_000), fallback: "100", doc: "API jobs that may wait.", isWithoutEffect: true },
  AFK_JOB_TTL_SECONDS: {
    shape: seconds(1, 604_800),
    fallback: "3600",
    doc: "How long an ended API job is remembered.",
    isWithoutEffect: true,
  },
  AFK_FETCH_DEBOUNCE_SECONDS: { shape: seconds(0, 3_600), fallback: "15", doc: "A mirror is fetched at most this often." },
  AFK_TURN_TIMEOUT_SECONDS: { shape: seconds(1, 86_400), fallback: "2700", doc: "The longest an agent may take over one turn." },
  AFK_COMMAND_TIMEOUT_SECONDS: { shape: seconds(1, 86_400), fallback: "900", doc: "The longest a setup or test command may take." },
  AFK_STALL_SECONDS: {
    shape: seconds(1, 86_400),
    fallback: "600",
    doc: "An agent silent for this long is stopped.",
    isWithoutEffect: true,
  },
  AFK_SWEEP_SECONDS: {
    shape: seconds(1, 86_400),
    fallback: "120",
    doc: "How often every enrolled repository is looked at without being asked.",
  },
  // Holders stop 5 s before a lease ends and renew it every third of it; one renewal may fail.
  AFK_LEASE_SECONDS: { shape: seconds(30, 86_400), fallback: "900", doc: "How long a crashed replica keeps its lock." },
  AFK_FIX_FORWARD_MAX_ATTEMPTS: { shape: integer(0, 100), fallback: "5", doc: "Corrective turns after CI went red." },
  AFK_FIX_FORWARD_MAX_SECONDS: {
    shape: seconds(0, 604_800),
    fallback: "3600",
    doc: "No corrective turn starts later than this after CI was first red.",
  },
  AFK_RETRY_MAX_ATTEMPTS: { shape: integer(0, 100), fallback: "2", doc: "Turns begun again after infrastructure failed." },
  AFK_NUDGE_MAX: { shape: integer(0, 100), fallback: "2", doc: "Turns begun again after a gate refused the work." },
  AFK_BUDGET_USD: { shape: dollars, fallback: "100", doc: "What one issue may cost.", isWithoutEffect: true },
  AFK_DAILY_BUDGET_USD: { shape: dollars, fallback: undefined, doc: "What all issues together may cost a day.", isWithoutEffect: true },
  AFK_LANDING: {
    shape: oneOf([...landings, "auto"]),
    fallback: "auto",
    doc: "How work lands: `push`, `pull-request`, `none` (prove it and show the diff), or `auto`: push on private, pull request on public repositories.",
  },

  AFK_AGENT: { shape: oneOf(agentNames), fallback: "command", doc: "Which agent runs." },
  AFK_AGENTS_ALLOWED: {
    shape: listOf(agentNames),
    fallback: undefined,
    doc: "Which agents a repository may ask for. Not set: `AFK_AGENT` alone.",
  },
  AFK_AGENT_COMMAND: {
    shape: argv,
    fallback: undefined,
    doc: "The program of the `command` agent; words are split as a shell would, nothing is expanded.",
  },
  AFK_AGENT_MODEL: { shape: word, fallback: undefined, doc: "The model to ask for.", isWithoutEffect: true },
  AFK_AGENT_ENV: {
    shape: list.pipe(z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected names of environment variables"))),
    fallback: "",
    doc: "Names of environment variables that agents see.",
  },
  AFK_AGENT_NETWORK: { shape: word, fallback: undefined, doc: "What agents reach of the network.", isWithoutEffect: true },
  AFK_SANDBOX: {
    shape: oneOf(["bubblewrap", "none", "auto"]),
    fallback: "bubblewrap",
    doc: "What holds agents and tests: `none` is your explicit word that nothing does, `auto` is for the demo.",
  },
  AFK_SANDBOX_READ: { shape: list.pipe(z.array(absolutePath)), fallback: "", doc: "Further paths shown inside the sandbox, read-only." },
  AFK_EXECUTOR: { shape: oneOf(["local", "bullmq", "t3"]), fallback: "local", doc: "Where turns run." },

  AFK_GIT_CRYPT_KEY: { shape: word, fallback: undefined, doc: "A git-crypt key.", isSecret: true, isWithoutEffect: true },
  AFK_API_TOKEN: { shape: word, fallback: undefined, doc: "The bearer token of the HTTP API.", isSecret: true, isWithoutEffect: true },
  AFK_PUBLIC_URL: { shape: httpUrl, fallback: undefined, doc: "Where people reach AFK, for links.", isWithoutEffect: true },
  AFK_SLACK_WEBHOOK_URL: { shape: httpUrl, fallback: undefined, doc: "A Slack webhook to ring.", isSecret: true, isWithoutEffect: true },
  AFK_NTFY_URL: { shape: httpUrl, fallback: undefined, doc: "An ntfy topic to ring.", isSecret: true, isWithoutEffect: true },
  AFK_NOTIFY_URL: { shape: receiverUrl, fallback: undefined, doc: "A URL to post a notice to at every end of a run.", isSecret: true },
  AFK_NOTIFY_SECRET: {
    shape: signingSecret,
    fallback: undefined,
    doc: "Signs these notices: `whsec_` and base64, or any text of 24 bytes or more.",
    isSecret: true,
  },
  AFK_STATE_SECRET: {
    shape: list.refine((secrets) => secrets.length > 0, "expected at least one secret"),
    fallback: undefined,
    doc: "Seals the record in the status comment; `new,old` while it is being changed. Not set: derived from the webhook secret.",
    isSecret: true,
  },
  AFK_FORGE_THROTTLE: { shape: flag, fallback: "true", doc: "Space writes out as github.com asks; off for forges of your own." },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;

/** The parsed value of every setting; those without a fallback may be `undefined`. */
export type SettingValues = {
  readonly [Name in SettingName]:
    | z.output<(typeof settings)[Name]["shape"]>
    | ((typeof settings)[Name]["fallback"] extends string ? never : undefined);
};
