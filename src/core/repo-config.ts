import { parseDocument } from "yaml"; // A pure parser.
import { z } from "zod";
import { clip } from "./markdown.ts";
import { nearest } from "./nearest.ts";

/** Where a repo keeps its wishes: on the base branch, never from the issue or a fork. */
export const repoConfigPath = ".github/afk.yml";

/** A file of wishes is short; beyond this it is refused unread. */
const maxBytes = 64 * 1024;

/** More than anybody mends at once. */
const maxFaults = 20;

export const agentNames = ["claude", "codex", "gemini", "opencode", "acp", "command"] as const;
export type AgentName = (typeof agentNames)[number];

/** In the order of strictness: each lands less than the one before. */
export const landings = ["push", "pull-request", "none"] as const;
export type LandingWay = (typeof landings)[number];

/** What `.github/afk.yml` says; everything is optional. Times in milliseconds. */
export interface RepoConfig {
  readonly agent?: AgentName;
  readonly model?: string;
  readonly setup?: string;
  readonly test?: string;
  /** Glob patterns of test files. */
  readonly tests?: readonly string[];
  /** Glob patterns of paths that need no failing test. */
  readonly exempt?: readonly string[];
  readonly landing?: LandingWay;
  readonly base?: string;
  /** Glob patterns of paths that may not land by push, besides AFK's own. */
  readonly protected?: readonly string[];
  readonly ci?: {
    readonly required?: readonly string[];
    /** The repo has no CI: a landed commit without any check counts as green. */
    readonly none?: boolean;
    readonly settleMs?: number;
    readonly timeoutMs?: number;
  };
  readonly deploy?: { readonly environment?: string; readonly context?: string; readonly timeoutMs?: number };
  readonly budgetUsd?: number;
  readonly turnTimeoutMs?: number;
  readonly instructions?: string;
  readonly gitCrypt?: boolean;
  readonly submodules?: boolean;
  readonly lfs?: boolean;
}

const line = z
  .string()
  .trim()
  .min(1)
  .max(2_000)
  .regex(/^[^\0\n\r]*$/, "must be one line");
/** Shell lines, as a shell takes them. */
const script = z
  .string()
  .trim()
  .min(1)
  .max(10_000)
  .regex(/^[^\0]*$/, "must be text");
const patterns = z.array(line.max(300)).max(200);
const seconds = (max: number) =>
  z
    .number()
    .min(0)
    .max(max)
    .transform((value) => value * 1000);
const minutes = z
  .number()
  .positive()
  .max(24 * 60)
  .transform((value) => value * 60_000);

const ci = z.strictObject({
  required: z.array(line.max(300)).max(100).exactOptional(),
  none: z.boolean().exactOptional(),
  settle_seconds: seconds(3600).exactOptional(),
  timeout_minutes: minutes.exactOptional(),
});

const deploy = z
  .strictObject({
    environment: line.max(200).exactOptional(),
    context: line.max(200).exactOptional(),
    timeout_minutes: minutes.exactOptional(),
  })
  .refine((value) => (value.environment === undefined) !== (value.context === undefined), "expected either environment or context");

/** The file's keys, spelled as people write them. */
const fileShape = z.strictObject({
  agent: z.enum(agentNames).exactOptional(),
  model: line.max(200).exactOptional(),
  setup: script.exactOptional(),
  test: script.exactOptional(),
  tests: patterns.exactOptional(),
  exempt: patterns.exactOptional(),
  landing: z.enum(landings).exactOptional(),
  base: z
    .string()
    .regex(/^(?!-)(?!.*(?:\.\.|\/\/|@\{|\.lock(?:\/|$)))[A-Za-z0-9_./@+-]{1,200}(?<![./])$/, "must be a branch name")
    .exactOptional(),
  protected: patterns.exactOptional(),
  ci: ci.exactOptional(),
  deploy: deploy.exactOptional(),
  budget_usd: z.number().positive().max(100_000).exactOptional(),
  turn_timeout_seconds: z
    .number()
    .min(1)
    .max(24 * 3600)
    .transform((value) => value * 1000)
    .exactOptional(),
  instructions: z.string().max(20_000).exactOptional(),
  git_crypt: z.boolean().exactOptional(),
  submodules: z.boolean().exactOptional(),
  lfs: z.boolean().exactOptional(),
});

export type ParsedRepoConfig =
  | { readonly kind: "ok"; readonly config: RepoConfig }
  /** Every fault at once, each a line that names its key. */
  | { readonly kind: "faults"; readonly faults: readonly string[] };

/** Reads the file's text; no file and an empty one are an empty config. */
export function parseRepoConfig(text: string | undefined): ParsedRepoConfig {
  if (text === undefined) return { kind: "ok", config: {} };
  if (Buffer.byteLength(text) > maxBytes) return fault(`the file is larger than ${maxBytes / 1024} KiB`);
  const yaml = parseYaml(text);
  if (typeof yaml === "string") return fault(yaml);
  const parsed = fileShape.safeParse(withShorthand(yaml.content ?? {}));
  if (!parsed.success) return { kind: "faults", faults: parsed.error.issues.flatMap(sayIssue).slice(0, maxFaults) };
  return { kind: "ok", config: toConfig(parsed.data) };
}

/** The document's content, or what is wrong with it. Aliases are refused: no wish needs them, and a few lines of them expand to gigabytes. */
function parseYaml(text: string): { readonly content: unknown } | string {
  const document = parseDocument(text, { schema: "core", logLevel: "error" });
  const [flaw] = [...document.errors, ...document.warnings];
  if (flaw !== undefined) return `not valid YAML: ${firstLine(flaw.message)}`;
  try {
    return { content: document.toJS({ maxAliasCount: 0 }) };
  } catch (error) {
    return `not valid YAML: ${firstLine(error instanceof Error ? error.message : String(error))}`;
  }
}

function firstLine(text: string): string {
  return clip((text.split("\n")[0] ?? "").replace(/:$/, ""), 200);
}

function fault(text: string): ParsedRepoConfig {
  return { kind: "faults", faults: [text] };
}

/** `ci: none` is short for `ci: {none: true}`. */
function withShorthand(content: unknown): unknown {
  const isShort = typeof content === "object" && content !== null && "ci" in content && content.ci === "none";
  return isShort ? { ...content, ci: { none: true } } : content;
}

/** The keys there are, by the mapping they stand in; the file itself is `""`. The documentation is checked against them. */
export const repoConfigKeys: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(fileShape.shape),
  ci: Object.keys(ci.shape),
  deploy: Object.keys(deploy.shape),
};

function sayIssue(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join(".");
  if (issue.code !== "unrecognized_keys") {
    return [`${path === "" ? "the file" : path}: ${issue.message.replace(/^Invalid (?:input|option): /, "")}`];
  }
  return issue.keys.map((key) => {
    const meant = nearest(key, repoConfigKeys[path] ?? []);
    return `unknown key "${clip(key, 60)}"${path === "" ? "" : ` in ${path}`}${meant === undefined ? "" : ` (did you mean "${meant}"?)`}`;
  });
}

/** To our own spelling; keys that are not there stay away. */
function toConfig(file: z.output<typeof fileShape>): RepoConfig {
  const { budget_usd, turn_timeout_seconds, git_crypt, ci: checks, deploy: deployment, ...same } = file;
  return {
    ...same,
    ...(checks === undefined ? {} : { ci: toCi(checks) }),
    ...(deployment === undefined ? {} : { deploy: withTimeout(deployment) }),
    ...(budget_usd === undefined ? {} : { budgetUsd: budget_usd }),
    ...(turn_timeout_seconds === undefined ? {} : { turnTimeoutMs: turn_timeout_seconds }),
    ...(git_crypt === undefined ? {} : { gitCrypt: git_crypt }),
  };
}

function toCi({ settle_seconds, ...checks }: z.output<typeof ci>): NonNullable<RepoConfig["ci"]> {
  return { ...withTimeout(checks), ...(settle_seconds === undefined ? {} : { settleMs: settle_seconds }) };
}

function withTimeout<Rest extends object>({ timeout_minutes, ...rest }: Rest & { readonly timeout_minutes?: number }) {
  return { ...rest, ...(timeout_minutes === undefined ? {} : { timeoutMs: timeout_minutes }) };
}
