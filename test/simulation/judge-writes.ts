import { answerMarker } from "../../src/core/desk.ts";
import { repoKey, type Ledger, type Repo } from "../../src/core/run.ts";
import { commitsAfter } from "../support/fake-forge-state.ts";
import type { Watched } from "./invariants.ts";
import { isAskedFor, judgeDesk, judgeReaction } from "./judge-commands.ts";

export interface ForgeWrite {
  readonly repo: Repo;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** A write that shows what a run came to is begun: by its holder alone. Who deletes a lock by hand makes that impossible to tell. */
export function onWriteBegins(deps: Watched, by: { readonly name: string; readonly holderId: string }, write: ForgeWrite): void {
  const { witness, store } = deps;
  const { repo, method, args } = write;
  if (method === "react") judgeReaction(deps, by.name, args);
  const isLabel = method === "addLabel" || method === "removeLabel";
  if (isLabel && isAskedFor(deps, repo, method, args)) return;
  const isHolders = isLabel || /^(closeIssue|rerunFailed)$/.test(method) || String(args[2]).startsWith("<!-- afk:end");
  const record = store.locks.get(repoKey(repo))?.record;
  const holder = record === undefined || record === "unreadable" ? undefined : record.holder?.id;
  if (isHolders && holder !== by.holderId && !witness.deletedLocks.has(repoKey(repo)))
    witness.accuse(`I3: ${by.name} begins ${method} in ${repo.name}, whose lock ${holder ?? "nobody"} holds`);
}

/** A write reaches the forge. */
export function onForgeWrite(
  deps: Watched,
  by: { readonly name: string; readonly holderId: string },
  { repo, method, args }: ForgeWrite,
): void {
  const { witness, store, tell } = deps;
  witness.writes += 1;
  const [target, what] = args;
  tell(`${by.name} ${method} ${repo.name}#${String(target)}${method.endsWith("Label") ? ` ${String(what)}` : ""}`);
  const body = String(what);
  if (/^(create|edit)Comment$/.test(method) && body.startsWith(answerMarker))
    judgeDesk(deps, by.name, repo, issueOf(deps, repo, method, target), body);
  const record = store.locks.get(repoKey(repo))?.record;
  if (record === undefined || record === "unreadable") return;
  if (method === "closeIssue") judgeClosing(deps, repo, record.ledger);
}

/** Edits name a comment, everything else an issue. */
function issueOf({ forge }: Watched, repo: Repo, method: string, target: unknown): number {
  if (method !== "editComment") return Number(target);
  const issues = [...forge.inside(repo).issues.values()];
  return issues.find(({ comments }) => comments.some(({ id }) => id === target))?.number ?? 0;
}

/** CI's word is the forge's: the landed commit was green at some moment, or one that came after it. */
function judgeClosing({ witness, forge }: Watched, repo: Repo, { run, landed, end }: Ledger): void {
  if (end?.kind !== "closed") witness.accuse(`I6: the issue of run ${run} is closed, which ended ${end?.kind}`);
  if (landed === undefined) return witness.accuse(`I6: the issue of run ${run} is closed, which landed nothing`);
  const after = commitsAfter(forge.inside(repo), landed.sha, landed.branch);
  if (![landed.sha, ...after].some((sha) => witness.green.has(sha)))
    witness.accuse(`I6: run ${run} closed its issue without a green check`);
}
