import { execa } from "execa";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, placeOfRepo, removeTree } from "./home.ts";
import type { Repo } from "../core/run.ts";

/**
 * The package managers' download caches, one folder a repo. A cache that an agent could write would let it plant packages into later runs,
 * so only commands that run purely from the base write to the shared one. Everything else gets a private copy, gone with the
 * command or the run: npm and others fail on a cache they cannot write, even when it holds all they need.
 */
export interface PackageCache {
  /** The shared cache, for commands that run nothing but the base. */
  shared(): Promise<string>;
  /** A copy for what has an agent's hand in it. */
  copyTo(path: string): Promise<string>;
}

/** Beyond this a copy costs more than downloading what one project needs; the cache then starts again from nothing. */
const maxCacheKiB = 1024 * 1024;

export function openPackageCache(home: string, repo: Repo): PackageCache {
  const path = placeOfRepo(home, "cache", repo);
  return {
    async shared() {
      await makeFolder(home, path);
      if ((await sizeKiB(path)) > maxCacheKiB) await removeTree(path);
      await makeFolder(home, path);
      return path;
    },
    async copyTo(copy) {
      await removeTree(copy);
      await makeFolder(home, join(copy, ".."));
      const isThere = await lstat(path).then(
        (found) => found.isDirectory(),
        () => false,
      );
      if (isThere && (await sizeKiB(path)) <= maxCacheKiB) await execa("cp", ["-R", "--reflink=auto", "--", path, copy]);
      await makeFolder(home, copy);
      return copy;
    },
  };
}

async function sizeKiB(path: string): Promise<number> {
  const { stdout } = await execa("du", ["-sk", "--", path], { reject: false });
  return Number.parseInt(stdout, 10) || 0;
}

/** Where each package manager finds the cache. `-modcacherw`: Go otherwise makes folders that cannot be removed. */
export function cacheEnvironment(cache: string): Record<string, string> {
  return {
    npm_config_cache: join(cache, "npm"),
    npm_config_update_notifier: "false",
    YARN_CACHE_FOLDER: join(cache, "yarn"),
    BUN_INSTALL_CACHE_DIR: join(cache, "bun"),
    PIP_CACHE_DIR: join(cache, "pip"),
    UV_CACHE_DIR: join(cache, "uv"),
    CARGO_HOME: join(cache, "cargo"),
    GOMODCACHE: join(cache, "go"),
    GOFLAGS: "-modcacherw",
  };
}
