import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { KeptWork, Repo } from "../core/run.ts";
import { storePath, type Identity } from "../git/store.ts";
import { bundleWork } from "./collect.ts";
import { makeFolder, placeOfRepo, placeOfRun } from "./home.ts";
import type { Sandbox } from "./sandbox.ts";
import { readNotes } from "./workspace.ts";

export interface SalvageSite {
  readonly home: string;
  readonly sandbox: Sandbox;
  readonly identity: Identity;
}

/** Packing what is left; a run that ends does not wait longer for it. */
const timeoutMs = 60_000;

/**
 * Keeps what an interrupted turn had committed when its run ends before another turn took it up: AFK stopped in the middle, and then the
 * label came off. A bundle beside the other kept work, unopened. `undefined`: the last turn ended by itself, or had committed nothing.
 */
export async function salvageWork({ home, sandbox, identity }: SalvageSite, repo: Repo, run: string): Promise<KeptWork | undefined> {
  const place = placeOfRun(home, run);
  const notes = await readNotes(place);
  if (notes === undefined || !notes.isOpen) return undefined;
  const site = { place, mirrorPath: storePath(home, repo), sandbox, identity, signal: AbortSignal.timeout(timeoutMs) };
  const work = await bundleWork(site, notes.base);
  if (work === undefined) return undefined;
  const folder = placeOfRepo(home, "kept", repo);
  await makeFolder(home, folder);
  const path = join(folder, `run-${run}.bundle`);
  await rename(work.bundle, path);
  return { where: "bundle", path, sha: work.head };
}
