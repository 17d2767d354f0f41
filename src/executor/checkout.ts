import { git } from "../git/run-git.ts";
import { assertSha } from "../git/store.ts";

export interface CheckoutOptions {
  /** The clean bare repository that has the commit. */
  readonly store: string;
  readonly commit: string;
  /** Must not exist yet. */
  readonly into: string;
  /** A branch to stand on; detached without. */
  readonly branch?: string;
  /**
   * Borrow the store's objects instead of copying them. Right where the sandbox shows the store read-only: hard links would let
   * an agent write into the store through its own copy, and copying is what makes large repos slow.
   */
  readonly shares: boolean;
  readonly signal?: AbortSignal;
}

/**
 * The one way files get out of a store: for workspaces and for proofs. Nothing of the content runs: no hooks, no templates, no filters (none are
 * configured, so LFS files stay pointers), no submodules. Files are written by as many workers as there are cores.
 */
export async function checkOut({ store, commit, into, branch, shares, signal }: CheckoutOptions): Promise<void> {
  assertSha(commit);
  const stop = signal === undefined ? {} : { signal };
  const objects = shares ? ["--shared"] : ["--no-hardlinks"];
  await git(["clone", "--quiet", "--no-checkout", "--template=", ...objects, "--", store, into], { dir: store, ...stop });
  const stand = branch === undefined ? ["--detach", commit] : ["--no-track", "-B", branch, commit];
  await git(["checkout", "--quiet", "--no-recurse-submodules", ...stand], { dir: into, ...stop });
}
