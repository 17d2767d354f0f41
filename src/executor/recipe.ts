import { detectionFiles, detectTestCommand } from "../core/detect-test-command.ts";
import { git } from "../git/run-git.ts";
import { assertSha, readBlob } from "../git/store.ts";
import type { TurnPlan } from "../ports.ts";
import type { TestRecipe } from "./proofs.ts";

/** Manifests are small; a larger file of that name tells nothing. */
const maxFileBytes = 1024 * 1024;

/** How the repo is tested at a commit of its base: as configured, else by its own custom. `undefined`: nobody knows. */
export async function findRecipe(store: string, commit: string, plan: TurnPlan): Promise<TestRecipe | undefined> {
  const detected =
    plan.test === undefined || plan.setup === undefined ? detectTestCommand(await readDetectionFiles(store, commit)) : undefined;
  const setup = plan.setup ?? detected?.setup;
  if (plan.test !== undefined) return { setup, test: plan.test, source: "config" };
  return detected === undefined ? undefined : { setup, test: detected.test, source: "detected" };
}

async function readDetectionFiles(store: string, commit: string): Promise<ReadonlyMap<string, string>> {
  const paths = [...(await listPaths(store, commit)), ...(await listPaths(store, commit, "test", "tests"))];
  const wanted = new Set<string>(detectionFiles);
  const entries = paths.map(
    async (path) => [path, wanted.has(path) ? ((await readBlob(store, commit, path, maxFileBytes)) ?? "") : ""] as const,
  );
  return new Map(await Promise.all(entries));
}

/** The names at the root, or every file below some folders. */
async function listPaths(store: string, commit: string, ...folders: readonly string[]): Promise<readonly string[]> {
  assertSha(commit);
  const below = folders.length === 0 ? [commit] : ["-r", commit, "--", ...folders];
  return (await git(["ls-tree", "-z", "--name-only", ...below], { dir: store })).split("\0").filter(Boolean);
}

/** What a person should know about the checkouts of this repo. */
export async function noteLimits(store: string, commit: string): Promise<readonly string[]> {
  const attributes = (await readBlob(store, commit, ".gitattributes", maxFileBytes)) ?? "";
  const modules = await readBlob(store, commit, ".gitmodules", maxFileBytes);
  return [
    ...(modules === undefined ? [] : ["Submodules are not fetched: their folders are empty in the workspace and in the proofs."]),
    ...(/\bfilter=lfs\b/.test(attributes) ? ["Git LFS files are not fetched: they are pointers in the workspace and in the proofs."] : []),
  ];
}
