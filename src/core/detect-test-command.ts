import { z } from "zod";

/** The files that tell how a repo is tested. Other paths may be given too (their text is not read): a `tests/test_x.py` tells of pytest. */
export const detectionFiles = [
  "package.json",
  "package-lock.json",
  "npm-shrinkwrap.json",
  "pnpm-lock.yaml",
  "yarn.lock",
  "bun.lock",
  "bun.lockb",
  "pytest.ini",
  "pyproject.toml",
  "setup.cfg",
  "tox.ini",
  "go.mod",
  "Cargo.toml",
  "Makefile",
  "makefile",
  "GNUmakefile",
] as const;

/** Shell commands, as `setup` and `test` of `.github/afk.yml` are. */
export interface TestCommand {
  readonly setup?: string;
  readonly test: string;
}

/** By path from the repo's root; the text of binary files may be empty. */
type Files = ReadonlyMap<string, string>;

/**
 * How the repo at its root is tested by the custom of its language; first match wins, `undefined` when no custom is recognised. What the
 * repo says outright (a script, a configuration, a target) goes before what only its files' names suggest.
 */
export function detectTestCommand(files: Files): TestCommand | undefined {
  return detectNode(files) ?? detectPytest(files) ?? detectGo(files) ?? detectCargo(files) ?? detectMake(files) ?? guessPytest(files);
}

/** A repo without a lockfile is installed by npm, from `package.json`. */
const packageManagers = [
  { lockfiles: ["pnpm-lock.yaml"], name: "pnpm", install: "pnpm install --frozen-lockfile", test: "pnpm test" },
  { lockfiles: ["bun.lock", "bun.lockb"], name: "bun", install: "bun install --frozen-lockfile", test: "bun run test" },
  { lockfiles: ["yarn.lock"], name: "yarn", install: "yarn install --frozen-lockfile", test: "yarn test" },
  { lockfiles: ["package-lock.json", "npm-shrinkwrap.json"], name: "npm", install: "npm ci", test: "npm test" },
] as const;

const dependencies = z.record(z.string(), z.unknown()).optional().catch(undefined);
const manifestShape = z.object({
  scripts: z
    .object({ test: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
  dependencies,
  devDependencies: dependencies,
  optionalDependencies: dependencies,
  workspaces: z.unknown().optional(),
  packageManager: z.string().optional().catch(undefined),
});

function detectNode(files: Files): TestCommand | undefined {
  const manifest = manifestShape.safeParse(parseJson(files.get("package.json")));
  const script = manifest.data?.scripts?.test?.trim() ?? "";
  // What `npm init` writes: a test script that only says there is none.
  if (!manifest.success || script === "" || script.includes("no test specified")) return undefined;
  const { packageManager, workspaces, ...lists } = manifest.data;
  const named = packageManagers.find(({ name }) => packageManager?.startsWith(`${name}@`));
  const locked = packageManagers.find(({ lockfiles }) => lockfiles.some((path) => files.has(path)));
  const manager = named ?? locked;
  const needsInstall = [lists.dependencies, lists.devDependencies, lists.optionalDependencies].some(
    (list) => Object.keys(list ?? {}).length > 0,
  );
  if (!needsInstall && workspaces === undefined) return { test: manager?.test ?? "npm test" };
  if (manager === undefined || locked !== manager) return { setup: `${manager?.name ?? "npm"} install`, test: manager?.test ?? "npm test" };
  // Yarn 2 and later name their lockfile's format, and call the option differently.
  const isBerry = manager.name === "yarn" && (files.get("yarn.lock") ?? "").includes("__metadata:");
  return { setup: isBerry ? "yarn install --immutable" : manager.install, test: manager.test };
}

const pytest: TestCommand = { test: "python3 -m pytest" };

function detectPytest(files: Files): TestCommand | undefined {
  const isConfigured =
    files.has("pytest.ini") ||
    /^\[tool\.pytest\b/m.test(files.get("pyproject.toml") ?? "") ||
    /^\[tool:pytest\]/m.test(files.get("setup.cfg") ?? "") ||
    /^\[pytest\]/m.test(files.get("tox.ini") ?? "");
  return isConfigured ? pytest : undefined;
}

function guessPytest(files: Files): TestCommand | undefined {
  return [...files.keys()].some((path) => /^(?:tests?\/(?:.*\/)?)?(?:test_[^/]*|[^/]*_test)\.py$/.test(path)) ? pytest : undefined;
}

function detectGo(files: Files): TestCommand | undefined {
  return files.has("go.mod") ? { test: "go test ./..." } : undefined;
}

function detectCargo(files: Files): TestCommand | undefined {
  return files.has("Cargo.toml") ? { test: "cargo test" } : undefined;
}

function detectMake(files: Files): TestCommand | undefined {
  const makefiles = ["GNUmakefile", "makefile", "Makefile"].map((path) => files.get(path) ?? "");
  return makefiles.some((text) => /^(?:[^\s:#=][^:#=]*\s)?test(?:\s[^:=]*)?:(?!=)/m.test(text)) ? { test: "make test" } : undefined;
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return undefined; // A broken manifest tells nothing, as a missing one.
  }
}
