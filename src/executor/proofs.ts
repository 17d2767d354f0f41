import { join } from "node:path";
import type { CommandRecord } from "../core/run.ts";
import { git } from "../git/run-git.ts";
import { writeCommit, type Identity } from "../git/store.ts";
import type { Change } from "./change.ts";
import { checkOut } from "./checkout.ts";
import type { CommandResult } from "./command.ts";
import type { PathMatcher } from "./gates/test-files.ts";
import { makeFolder, removeTree, type RunPlace } from "./home.ts";
import { cacheEnvironment, type PackageCache } from "./package-cache.ts";
import type { Sandbox } from "./sandbox.ts";
import { tailOf, type Secrets } from "./tail.ts";

/** How the repo's tests are run: shell lines of the approved base or the operator, never of the change. */
export interface TestRecipe {
  readonly setup: string | undefined;
  readonly test: string;
  readonly source: "detected" | "config";
}

export interface ProofSite {
  readonly home: string;
  readonly place: RunPlace;
  readonly mirrorPath: string;
  readonly sandbox: Sandbox;
  readonly cache: PackageCache;
  readonly recipe: TestRecipe;
  readonly commandTimeoutMs: number;
  readonly secrets: Secrets;
  readonly signal: AbortSignal;
}

export type ProofName = "base" | "red" | "green";

export interface Proof {
  /** `setup` means that the tests were not reached. */
  readonly step: "setup" | "test";
  readonly record: CommandRecord;
}

/**
 * Runs setup and the tests in a fresh checkout of a commit, which is removed right after. `base` alone may fill the shared package cache:
 * the other commits have the agent's hand in them.
 */
export async function prove(site: ProofSite, name: ProofName, store: string, commit: string): Promise<Proof> {
  const root = join(site.place.proofs, name);
  const checkout = join(root, "checkout");
  const home = join(root, "home");
  await removeTree(root);
  await makeFolder(site.home, home);
  try {
    await checkOut({ store, commit, into: checkout, shares: site.sandbox.kind === "bubblewrap", signal: site.signal });
    const cache = name === "base" ? await site.cache.shared() : await site.cache.copyTo(join(root, "cache"));
    const run = (command: string): Promise<CommandRecord> => runShellLine(site, command, { cwd: checkout, home, cache, readable: [store] });
    if (site.recipe.setup !== undefined) {
      const record = await run(site.recipe.setup);
      if (record.exitCode !== 0) return { step: "setup", record };
    }
    return { step: "test", record: await run(site.recipe.test) };
  } finally {
    await removeTree(root);
  }
}

export interface ShellPlace {
  readonly cwd: string;
  readonly home: string;
  readonly cache: string;
  readonly readable?: readonly string[];
}

/** A repo's own `setup` or `test` line. An abort is thrown: an interrupted command is no result. */
export async function runShellLine(site: Omit<ProofSite, "recipe">, command: string, place: ShellPlace): Promise<CommandRecord> {
  const result = await site.sandbox.run({
    // A script of several lines fails with its first failing line, as in CI.
    argv: ["sh", "-e", "-c", command],
    cwd: place.cwd,
    home: place.home,
    env: cacheEnvironment(place.cache),
    readable: [site.mirrorPath, ...(place.readable ?? [])],
    writable: [place.cache],
    timeoutMs: site.commandTimeoutMs,
    signal: site.signal,
  });
  if (result.aborted) site.signal.throwIfAborted();
  return toRecord(command, result, place, site.secrets);
}

/** Paths of this machine say nothing to a reader of the issue, so the checkout's own is taken out. */
function toRecord(command: string, result: CommandResult, { cwd }: ShellPlace, secrets: Secrets): CommandRecord {
  const { exitCode, durationMs, timedOut } = result;
  const endedBy = exitCode === null ? { endedBy: timedOut ? ("time-limit" as const) : ("signal" as const) } : {};
  return { command, exitCode, durationMs, tail: tailOf(result.output.replaceAll(`${cwd}/`, "").replaceAll(cwd, "."), secrets), ...endedBy };
}

/**
 * The base plus the change's own tests, as a commit. `undefined`: the change has no test files that could be taken apart from it.
 */
export async function makeRedCommit(change: Change, isTest: PathMatcher, identity: Identity, now: number): Promise<string | undefined> {
  const tests = change.paths.filter(({ path, blob }) => blob !== undefined && isTest(path));
  if (tests.length === 0) return undefined;
  const gone = tests.flatMap(({ from }) => (from !== undefined && isTest(from) ? [`0 ${"0".repeat(40)}\t${from}\0`] : []));
  const entries = tests.map(({ mode, blob, path }) => `${mode} ${blob}\t${path}\0`);
  const index = { dir: change.store, env: { GIT_INDEX_FILE: join(change.store, "red-index") } };
  await git(["read-tree", change.base], index);
  await git(["update-index", "-z", "--replace", "--index-info"], { ...index, input: [...gone, ...entries].join("") });
  const tree = (await git(["write-tree"], index)).trim();
  return writeCommit(change.store, { tree, parents: [change.base], message: "base with the change's tests\n", identity, date: now });
}

/** What runners print when a test file could not even be loaded: the change's modules do not exist yet, or do not compile. */
const didNotLoad: readonly { readonly runner: string; readonly says: RegExp }[] = [
  { runner: "node", says: /\bSyntaxError:|ERR_MODULE_NOT_FOUND|\bCannot find (?:module|package) |does not provide an export named/ },
  { runner: "vitest", says: /Failed to resolve import|Failed to load url|Transform failed with/ },
  { runner: "jest", says: /Test suite failed to run/ },
  { runner: "tsc", says: /\berror TS\d+:/ },
  { runner: "python", says: /\b(?:ImportError|ModuleNotFoundError|IndentationError|SyntaxError)\b|errors? during collection/ },
  { runner: "go", says: /\[(?:build|setup) failed\]/ },
  { runner: "cargo", says: /\berror\[E\d+\]|error: could not compile/ },
  { runner: "ruby", says: /\bLoadError\b|cannot load such file/ },
  { runner: "jvm", says: /COMPILATION ERROR|Compilation failed|compileTest\w+ FAILED/ },
];

/** How a failing test run failed. Only told from its tail, so it is a hint for people; both count as red. */
export function howItFailed(tail: string): "failed" | "did-not-load" {
  return didNotLoad.some(({ says }) => says.test(tail)) ? "did-not-load" : "failed";
}

/** A shell says 126 or 127 when it could not run the command at all; a signal or the time limit says nothing about the tests. */
export function isRed({ exitCode }: CommandRecord): boolean {
  return exitCode !== null && exitCode !== 0 && exitCode !== 126 && exitCode !== 127 && exitCode < 128;
}
