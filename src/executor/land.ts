import { commitMessage } from "../core/commit-message.ts";
import type { CommandRecord, Evidence } from "../core/run.ts";
import { tryGit, GitError } from "../git/run-git.ts";
import { assertSha, isDescendant, writeCommit, type Identity } from "../git/store.ts";
import type { Claim, Lock, TurnOrder } from "../ports.ts";
import type { Change } from "./change.ts";
import { sayPaths } from "./gates/say-paths.ts";
import { headOf, unlessAborted, type Mirror } from "./mirror.ts";
import type { Proof } from "./proofs.ts";

export interface LandSite {
  readonly order: TurnOrder;
  readonly claim: Claim;
  readonly lock: Lock;
  readonly mirror: Mirror;
  readonly identity: Identity;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Proves that the tests pass at a commit. */
  readonly proveGreen: (commit: string) => Promise<GreenProof>;
  /** Called when the green proof is there and before anything is pushed; answers all the evidence so far. */
  readonly onGreen: (green: CommandRecord & { readonly flaky: boolean }) => Evidence;
}

/** The last run and, when there were two, the one that failed. */
export interface GreenProof {
  readonly proof: Proof;
  readonly flaky: boolean;
}

export type LandAnswer =
  | { readonly kind: "landed"; readonly commit: string }
  /** Proved on the newest base; the plan lands nothing. */
  | { readonly kind: "proved"; readonly commit: string; readonly base: string }
  | { readonly kind: "not-green"; readonly proof: Proof }
  | { readonly kind: "conflict"; readonly reason: string }
  /** The newest base has the change already. */
  | { readonly kind: "unchanged" }
  /** The forge does not take the push. */
  | { readonly kind: "rejected"; readonly reason: string };

/** A base that moves more often while the tests run needs a merge queue, not another try. */
const maxMoves = 3;

/**
 * Puts the change onto the newest base, proves exactly that tree, and pushes it together with the lock's record. When the base moved
 * meanwhile, all of it again.
 */
export async function land(site: LandSite, change: Change): Promise<LandAnswer> {
  let provedTree: string | undefined;
  let evidence: Evidence = {};
  for (let moves = 0; moves <= maxMoves; moves += 1) {
    const base = await readNewestBase(site, change);
    if (base === undefined)
      return { kind: "conflict", reason: `the branch ${site.order.base} was deleted or rewritten while the agent worked` };
    const merge = await mergeOnto(change, base);
    if (merge.kind === "conflict") return { kind: "conflict", reason: merge.reason };
    if (merge.tree === (await treeOf(change.store, base))) return { kind: "unchanged" };
    const commit = await commitTree(site, change, merge.tree, base);
    if (merge.tree !== provedTree) {
      const green = await site.proveGreen(commit);
      if (green.proof.step === "setup" || green.proof.record.exitCode !== 0) return { kind: "not-green", proof: green.proof };
      evidence = site.onGreen({ ...green.proof.record, flaky: green.flaky });
      provedTree = merge.tree;
    }
    if (site.order.plan.landing === "none") return { kind: "proved", commit, base };
    site.signal.throwIfAborted();
    const answer = await site.lock.land(site.claim, {
      store: change.store,
      branch: site.order.base,
      expected: base,
      commit,
      turnId: site.order.id,
      evidence,
    });
    if (answer.kind === "landed") return { kind: "landed", commit };
    if (answer.kind === "refused") return { kind: "rejected", reason: answer.reason };
  }
  return { kind: "conflict", reason: `the branch ${site.order.base} moved ${maxMoves + 1} times while the change was being proved` };
}

/** The run's store borrows the mirror's objects, so what the mirror fetches is there. `undefined`: the work's base is no longer part of the branch. */
async function readNewestBase({ order, mirror, signal }: LandSite, change: Change): Promise<string | undefined> {
  const dir = await unlessAborted(mirror.refresh(order.remote, { fresh: true }), signal);
  const head = await headOf(dir, order.base);
  return head !== undefined && (await isDescendant(change.store, head, change.base)) ? head : undefined;
}

type Merge = { readonly kind: "merged"; readonly tree: string } | { readonly kind: "conflict"; readonly reason: string };

/** A three-way merge without a work tree. No merge driver is configured in the store, so nothing of the repo runs. */
async function mergeOnto({ store, commit }: Change, base: string): Promise<Merge> {
  for (const sha of [base, commit]) assertSha(sha);
  const { exitCode, stdout, stderr } = await tryGit(["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, commit], {
    dir: store,
  });
  const [tree = "", ...conflicted] = stdout.split("\0").filter(Boolean);
  if (exitCode === 0) return { kind: "merged", tree };
  if (exitCode === 1) return { kind: "conflict", reason: `conflicts with the newest base in ${sayPaths(conflicted)}` };
  throw new GitError("merge-tree", exitCode, stderr);
}

async function commitTree({ order, identity, now }: LandSite, change: Change, tree: string, base: string): Promise<string> {
  const { issue, run, approval } = order;
  const message = commitMessage({ messages: change.messages, issue, run, approval, host: hostOf(issue.url) });
  return writeCommit(change.store, { tree, parents: [base], message, identity, date: now() });
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname || "github.com" : "github.com";
}

async function treeOf(store: string, commit: string): Promise<string> {
  assertSha(commit);
  const { stdout } = await tryGit(["rev-parse", "--verify", "--quiet", `${commit}^{tree}`], { dir: store });
  return stdout.trim();
}
