import { stripVTControlCharacters } from "node:util";
import { assertSha, hasObject } from "./store.ts";
import { GitError, tryGit, type GitCredential, type GitOptions, type GitResult } from "./run-git.ts";

/** Where git finds a repo, and how AFK proves who it is there. */
export interface GitRemote {
  readonly url: string;
  /** `refused`: the one before, which the forge takes no more. Another is minted in its place. */
  credential(refused?: GitCredential): Promise<GitCredential>;
}

/** One ref's move. `from` is what the forge must hold for it, `undefined` when it must hold nothing; `to: undefined` deletes it. */
export interface RefMove {
  readonly ref: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export type PushAnswer =
  | { readonly kind: "moved" }
  /** A ref was not where it had to be; nothing was written. `now` is what the forge holds for the refs in question. */
  | { readonly kind: "stale"; readonly now: ReadonlyMap<string, string> }
  /** The forge's own reason (permission, protection, hook), in its words, cleaned and bounded. Nothing was written. */
  | { readonly kind: "refused"; readonly reason: string };

/** Small packs only: an answer that takes longer than this is lost. Landing pushes one commit, seldom more than some megabytes. */
const networkTimeoutMs = 120_000;
/** A server whose ref lock is taken by a competing push says so at once; the competitor needs milliseconds. */
const maxPushes = 3;

const refShape = /^refs\/(?!.*(?:\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)))[^\p{Cc} ~^:?*[\\]*[^\p{Cc} ~^:?*[\\./]$/u;

/** Throws unless the text is a full ref name by git's rules, so that it can stand in an argv and in a refspec. */
export function assertRef(ref: string): void {
  if (!refShape.test(ref)) throw new Error(`not a ref: ${JSON.stringify(ref)}`);
}

/** The remote's credential, bound to the host it was minted for, whatever a redirect says. */
async function credentialFor(remote: GitRemote, refused?: GitCredential): Promise<GitCredential> {
  const host = /^https?:\/\/(?:[^@/]*@)?([^/]+)/.exec(remote.url)?.[1];
  return { ...(await remote.credential(refused)), ...(host === undefined ? {} : { host }) };
}

/**
 * Runs git against a remote. A token may end, or be revoked, between its minting and its use; so one that is not accepted is tried again with a
 * fresh one, once. A request that was answered 401 has done nothing.
 */
export async function tryRemote(remote: GitRemote, args: readonly string[], options: Omit<GitOptions, "credential">): Promise<GitResult> {
  const credential = await credentialFor(remote);
  const result = await tryGit(args, { ...options, credential });
  if (result.exitCode === 0 || !/Authentication failed|\b(?:error: |HTTP )401\b/.test(result.stderr)) return result;
  return tryGit(args, { ...options, credential: await credentialFor(remote, credential) });
}

/** The forge's shas for exactly these refs; one that is absent there is absent here. */
export async function readRemoteRefs(dir: string, remote: GitRemote, refs: readonly string[]): Promise<ReadonlyMap<string, string>> {
  refs.forEach(assertRef);
  const { exitCode, stdout, stderr } = await tryRemote(remote, ["ls-remote", "--refs", "--", remote.url, ...refs], {
    dir,
    timeoutMs: networkTimeoutMs,
  });
  if (exitCode !== 0) throw new GitError("ls-remote", exitCode, stderr);
  const found = new Map<string, string>();
  // ls-remote matches by the end of a name, so it may answer more than was asked.
  for (const line of stdout.split("\n")) {
    const [sha, ref] = line.split("\t");
    if (sha !== undefined && ref !== undefined && refs.includes(ref)) found.set(ref, sha);
  }
  return found;
}

/** Brings the object a remote ref points to into the store, leaving no trace but objects. `false`: the ref points elsewhere by now. */
export async function fetchObject(dir: string, remote: GitRemote, ref: string, sha: string): Promise<boolean> {
  assertRef(ref);
  if (await hasObject(dir, sha)) return true;
  const quiet = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules"];
  const { exitCode, stderr } = await tryRemote(remote, ["fetch", ...quiet, "--", remote.url, ref], { dir, timeoutMs: networkTimeoutMs });
  if (exitCode !== 0 && !stderr.includes("couldn't find remote ref")) throw new GitError("fetch", exitCode, stderr);
  return hasObject(dir, sha);
}

/**
 * Moves several refs at once or not at all, each only from where it is expected to be. Fast-forwards are not asked for: the caller
 * must know that a branch's new commit descends from the expected one. When the push's answer got lost, what the forge holds for
 * the *first* ref decides; so its `to` must be a commit that is pushed this once and by nobody else. Throws `GitError` when the
 * forge cannot be asked: then the move may still happen.
 */
export async function pushRefs(dir: string, remote: GitRemote, moves: readonly RefMove[]): Promise<PushAnswer> {
  const [proof] = moves;
  for (let pushes = 1; ; pushes += 1) {
    const result = await tryPush(dir, remote, moves, []);
    if (!(result instanceof GitError) && result.exitCode === 0) {
      if (!isUpToDate(result)) return { kind: "moved" };
      // Somebody else had put the very same commit there; git calls that a success even when the lease is broken.
      return { kind: "stale", now: new Map(moves.flatMap(({ ref, to }) => (to === undefined ? [] : [[ref, to]]))) };
    }
    const now = await readAfterFailure(dir, remote, moves, result);
    if (proof !== undefined && now.get(proof.ref) === proof.to) return { kind: "moved" };
    if (moves.some(({ ref, from }) => now.get(ref) !== from)) return { kind: "stale", now };
    if (result instanceof GitError) throw result;
    const reason = findRefusal(result);
    if (reason !== undefined && !isContention(reason)) return { kind: "refused", reason };
    if (reason === undefined || pushes === maxPushes) throw new GitError("push", result.exitCode, result.stderr);
  }
}

/** Asks the forge whether it would take the push at all: credential, write access, atomic pushes. Nothing is sent. `undefined`: it would. */
export async function rehearsePush(dir: string, remote: GitRemote, moves: readonly RefMove[]): Promise<string | undefined> {
  const result = await tryPush(dir, remote, moves, ["--dry-run", "--atomic"]);
  if (result instanceof GitError) throw result;
  if (result.exitCode === 0) return undefined;
  const reason = findRefusal(result);
  if (reason === undefined) throw new GitError("push --dry-run", result.exitCode, result.stderr);
  return reason;
}

/** Answers git's `GitError` for a push that did not end instead of throwing it: whether it happened must be found out. */
async function tryPush(
  dir: string,
  remote: GitRemote,
  moves: readonly RefMove[],
  options: readonly string[],
): Promise<GitResult | GitError> {
  for (const { ref, from, to } of moves) {
    assertRef(ref);
    for (const sha of [from, to]) if (sha !== undefined) assertSha(sha);
  }
  const atomic = moves.length > 1 ? ["--atomic"] : [];
  const leases = moves.map(({ ref, from }) => `--force-with-lease=${ref}:${from ?? ""}`);
  // Never a "+" before a refspec: it overrides the lease.
  const refspecs = moves.map(({ ref, to }) => `${to ?? ""}:${ref}`);
  try {
    const args = ["push", "--porcelain", "--no-verify", ...atomic, ...options, ...leases, "--", remote.url, ...refspecs];
    return await tryRemote(remote, args, { dir, timeoutMs: networkTimeoutMs });
  } catch (error) {
    if (error instanceof GitError) return error;
    throw error;
  }
}

async function readAfterFailure(dir: string, remote: GitRemote, moves: readonly RefMove[], failure: GitResult | GitError) {
  try {
    return await readRemoteRefs(
      dir,
      remote,
      moves.map(({ ref }) => ref),
    );
  } catch (error) {
    const reason = failure instanceof GitError ? failure.message : failure.stderr;
    throw new GitError("push", failure.exitCode, reason, error);
  }
}

/** The lines of `--porcelain`: `<flag>\t<from>:<to>\t<summary>`. */
function isUpToDate({ stdout }: GitResult): boolean {
  const lines = stdout.split("\n").filter((line) => line.includes("\t"));
  return lines.length > 0 && lines.every((line) => line.startsWith("="));
}

/** The forge's reason for not taking a push, or `undefined` when the failure was one of the network or of a broken server. */
function findRefusal({ stdout, stderr }: GitResult): string | undefined {
  const rejection = /^!\t.*\t\[(?:remote )?rejected\] \((?!atomic push failed)(.*)\)$/m.exec(stdout)?.[1];
  if (rejection !== undefined) return isContention(rejection) ? rejection : (remoteMessage(stderr) ?? cleanLine(rejection));
  if (/does not support --atomic/.test(stderr)) return "the server does not support atomic pushes";
  const isDenied =
    /returned error: (?:401|403|404)\b|Authentication failed|could not read Username|Permission .*denied|repository .*not found/i.test(
      stderr,
    );
  return isDenied ? (remoteMessage(stderr) ?? cleanLine(stderr.trim().split("\n").at(-1) ?? "")) : undefined;
}

/** Said by git servers when another push to the same ref is on its way, or won between our look and our push. */
function isContention(reason: string): boolean {
  return /stale info|fetch first|failed to update ref|cannot lock ref|already exists|incorrect old value|failed to lock|unable to create/i.test(
    reason,
  );
}

/** What the server printed, without the progress and the padding. */
function remoteMessage(stderr: string): string | undefined {
  const lines = stderr.split(/[\r\n]+/).flatMap((line) => /^remote: ?(.*)$/.exec(line)?.[1] ?? []);
  const text = lines.map(cleanLine).filter(Boolean).join("\n");
  return text === "" ? undefined : text.slice(0, 600);
}

/** No escape sequences and no control characters: the text ends up in logs and comments. */
function cleanLine(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{C}/gu, " ").trim().slice(0, 600);
}
