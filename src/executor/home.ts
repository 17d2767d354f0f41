import type { Stats } from "node:fs";
import { lstat, mkdir, realpath, rm } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { execa } from "execa";
import { parseRepo, repoKey, slugOf, type Repo } from "../core/run.ts";

/**
 * What one run owns on this machine, all of it under one folder that goes with the run:
 *
 * - `workspace`  the agent's checkout: written by the agent, so AFK runs nothing in it outside of the sandbox
 * - `home`       the agent's HOME, kept between its turns
 * - `mail`       what goes between AFK and the sandbox: the prompt in; the blocked note and the packed work out
 * - `cache`      the agent's copy of the repo's package cache
 * - `store.git`  AFK's own clean repository, into which the work is brought
 * - `proofs`     fresh checkouts, each removed right after its proof
 * - `notes.json` what AFK remembers of the workspace between turns; never shown to the sandbox
 */
export interface RunPlace {
  readonly root: string;
  readonly workspace: string;
  readonly home: string;
  readonly mail: string;
  readonly cache: string;
  readonly store: string;
  readonly proofs: string;
  readonly notes: string;
}

const runShape = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;

/** Where a run's things lie. Throws for an id that could lead elsewhere. */
export function placeOfRun(home: string, run: string): RunPlace {
  if (!runShape.test(run)) throw new Error(`not a run's id: ${JSON.stringify(run)}`);
  const root = inside(home, "runs", run);
  return {
    root,
    workspace: join(root, "workspace"),
    home: join(root, "home"),
    mail: join(root, "mail"),
    cache: join(root, "cache"),
    store: join(root, "store.git"),
    proofs: join(root, "proofs"),
    notes: join(root, "notes.json"),
  };
}

/** A repo's own folder below `<home>/<kind>`; lower case, because forges treat names without regard to case. */
export function placeOfRepo(home: string, kind: "cache" | "kept", repo: Repo): string {
  if (parseRepo(slugOf(repo)) === undefined) throw new Error(`not a repository name: ${JSON.stringify(slugOf(repo))}`);
  return inside(home, kind, ...repoKey(repo).split("/"));
}

/** Makes a folder of AFK's and proves that no symbolic link leads it out of the home. */
export async function makeFolder(home: string, path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  const real = await realpath(path);
  if (!real.startsWith((await realpath(home)) + sep)) throw new Error(`outside of the home: ${JSON.stringify(real)}`);
}

/**
 * Removes a tree that an agent may have written: links are not followed, folders made unwritable (Go's module cache) go too, and so do folders
 * nested deeper than a path can name, which Node cannot reach and the system's own tools can.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    // Whatever kept it from going, the second try says so.
    await execa("chmod", ["-R", "u+rwX", "--", path], { ...quietly, reject: false });
    await execa("rm", ["-rf", "--", path], quietly);
  }
}

/** Neither tool needs AFK's environment. */
const quietly = { env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" }, extendEnv: false, maxBuffer: 64 * 1024 };

function inside(home: string, ...parts: readonly string[]): string {
  const path = resolve(home, ...parts);
  if (!path.startsWith(resolve(home) + sep)) throw new Error(`outside of the home: ${JSON.stringify(path)}`);
  return path;
}

/** What lies at a path, without following a link; `undefined` when nothing does. */
export async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return undefined;
    throw error;
  }
}
