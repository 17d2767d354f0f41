import type { RunPlace } from "./home.ts";
import type { Sandbox } from "./sandbox.ts";

export interface WorkspaceGitSite {
  readonly place: RunPlace;
  readonly mirrorPath: string;
  readonly sandbox: Sandbox;
  readonly signal: AbortSignal;
  readonly order: { readonly base: string; readonly issue: { readonly number: number } };
}

/** git in the workspace is the agent's git, so it runs inside the sandbox: quick work on a local repo, even a large one. */
const timeoutMs = 120_000;

/** No process is at work in it when a turn begins, so locks in it are those of a git that was ended. What the agent has made is there as a whole. */
const mendScript = `find .git -name '*.lock' -type f -delete
test "$(git rev-parse --show-toplevel)" = "$(pwd -P)" &&
git -c core.fsmonitor=false status --porcelain > /dev/null &&
git rev-list --objects --quiet HEAD --not "$1"`;

/** A workspace that copied the mirror's objects does not have the newest; one that borrows them fetches nothing. */
const fetchScript = `git fetch --quiet --no-tags --no-write-fetch-head --no-recurse-submodules -- "$2" "refs/heads/$3"`;

const resetScript = `${fetchScript} && git checkout --quiet --force --no-track -B "$4" "$1" && git clean --quiet -ffd`;

/** A merge that is under way, or done, stays as it is. What setup has changed may be in the way of one, and is not the agent's. */
const mergeScript = `${fetchScript}
git merge-base --is-ancestor "$1" HEAD || git merge --quiet --no-edit "$1" || git rev-parse --quiet --verify MERGE_HEAD ||
{ git reset --quiet --hard && git merge --quiet --no-edit "$1"; }`;

/** Takes stale locks away. `false`: this is no repository any more, or its objects are not all there. */
export function mendWorkspace(site: WorkspaceGitSite, base: string): Promise<boolean> {
  return runScript(site, mendScript, base);
}

/** Sets a workspace that an agent has used to a commit of the base branch. `false`: it did not work. */
export function resetWorkspace(site: WorkspaceGitSite, commit: string): Promise<boolean> {
  return runScript(site, resetScript, commit);
}

/** Merges a commit of the base branch into the agent's work. What conflicts is left to the agent, in the middle of the merge. */
export async function mergeIntoWorkspace(site: WorkspaceGitSite, commit: string): Promise<void> {
  await runScript(site, mergeScript, commit);
}

/** Our own constant scripts; what varies comes as arguments. */
async function runScript(site: WorkspaceGitSite, script: string, commit: string): Promise<boolean> {
  const { place, sandbox, mirrorPath, signal, order } = site;
  const result = await sandbox.run({
    argv: ["sh", "-c", script, "sh", commit, mirrorPath, order.base, `afk/issue-${order.issue.number}`],
    cwd: place.workspace,
    home: place.home,
    readable: [mirrorPath],
    timeoutMs,
    signal,
  });
  signal.throwIfAborted();
  return result.exitCode === 0;
}
