import type { FileChange } from "../core/run.ts";
import { git } from "../git/run-git.ts";
import { assertSha } from "../git/store.ts";

/** One path the work changed. A rename has `from`; a deletion has no `blob`, an addition no `oldBlob`. */
export interface ChangedPath {
  readonly path: string;
  readonly from?: string;
  readonly mode: string;
  readonly oldMode: string;
  readonly blob: string | undefined;
  readonly oldBlob: string | undefined;
}

/** An agent's work as AFK judges it: what one commit on top of its base changes. Lives in AFK's own store. */
export interface Change {
  readonly store: string;
  readonly base: string;
  readonly tree: string;
  /** The work as one commit on the base, made by AFK: whatever history the agent wrote, this is what may land. */
  readonly commit: string;
  readonly paths: readonly ChangedPath[];
  readonly files: readonly FileChange[];
  /** The agent's commit messages, newest first, as it wrote them. */
  readonly messages: readonly string[];
}

export const modes = { symlink: "120000", submodule: "160000" } as const;

/** The paths that differ between two commits or trees, with renames found. */
export async function readChangedPaths(store: string, from: string, to: string): Promise<readonly ChangedPath[]> {
  for (const sha of [from, to]) assertSha(sha);
  const raw = await git(["diff-tree", "-r", "-z", "--raw", "--full-index", "--find-renames", "-l1000", from, to], { dir: store });
  const words = raw.split("\0");
  const paths: ChangedPath[] = [];
  for (let at = 0; at + 1 < words.length;) {
    const [oldMode = "", mode = "", oldBlob = "", blob = "", status = ""] = (words[at] ?? "").replace(/^:/, "").split(" ");
    const isPair = status.startsWith("R") || status.startsWith("C");
    const first = words[at + 1] ?? "";
    const path = isPair ? (words[at + 2] ?? "") : first;
    paths.push({ path, ...(isPair ? { from: first } : {}), mode, oldMode, blob: present(blob), oldBlob: present(oldBlob) });
    at += isPair ? 3 : 2;
  }
  return paths;
}

function present(blob: string): string | undefined {
  return /^0+$/.test(blob) ? undefined : blob;
}

/** Lines added and removed for each path, as the checklist and the end comment show them. */
export async function readFileChanges(store: string, from: string, to: string): Promise<readonly FileChange[]> {
  for (const sha of [from, to]) assertSha(sha);
  const raw = await git(["diff-tree", "-r", "-z", "--numstat", "--no-renames", from, to], { dir: store });
  return raw
    .split("\0")
    .filter(Boolean)
    .map((line) => {
      const [added = "0", removed = "0", ...path] = line.split("\t");
      return { path: path.join("\t"), added: Number(added) || 0, removed: Number(removed) || 0 };
    });
}

/** The bytes of each blob, by its sha, without reading them. */
export async function readSizes(store: string, blobs: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (blobs.length === 0) return new Map();
  blobs.forEach(assertSha);
  const answer = await git(["cat-file", "--batch-check=%(objectname) %(objectsize)"], { dir: store, input: blobs.join("\n") + "\n" });
  return new Map(
    answer
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([sha = "", size = "0"]) => [sha, Number(size)]),
  );
}

/** A blob's text, invalid UTF-8 replaced. Callers know that it is small: the size gate comes first. */
export async function readText(store: string, blob: string | undefined): Promise<string> {
  if (blob === undefined) return "";
  assertSha(blob);
  return git(["cat-file", "blob", blob], { dir: store });
}
