import { isStatusCommentOf } from "../../src/core/checklist.ts";
import { answerMarker } from "../../src/core/desk.ts";
import { carriesMarker, endMarker } from "../../src/core/messages.ts";
import { repoKey, type Repo } from "../../src/core/run.ts";
import type { FakeIssue } from "../support/fake-forge-state.ts";
import type { Watched } from "./invariants.ts";
import { issueKey, type Witness } from "./witness.ts";

/** What must hold of AFK's comments at any moment. */
export function judgeComments(deps: Watched, replicas: number): void {
  for (const repo of deps.config.allowlist)
    for (const issue of deps.forge.inside(repo).issues.values()) judgeIssue(deps, repo, issue, replicas);
}

function judgeIssue({ forge, witness }: Watched, repo: Repo, issue: FakeIssue, replicas: number): void {
  const key = issueKey(repo, issue.number);
  const ours = issue.comments.filter(({ author }) => author === forge.appLogin).map(({ body }) => body);
  if (ours.length === 0) return;
  const hidden = witness.hiddenComments.get(key) ?? 0;
  const overwritten = witness.overwritten.get(key) ?? 0;
  const deleted = witness.deletedLocks.get(repoKey(repo)) ?? 0;
  const known = { status: 0, end: 0 };
  for (const { run, continuations } of runsOn(witness, repo, issue)) {
    const statuses = ours.filter((body) => isStatusCommentOf(body, run)).length;
    if (statuses > 1 + hidden + overwritten) witness.accuse(`I10: run ${run} has ${statuses} status comments`);
    known.status += statuses;
    for (let again = 0; again <= continuations; again += 1) {
      const ends = ours.filter((body) => carriesMarker(body, endMarker({ run, continuations: again }))).length;
      if (ends > 1 + overwritten + deleted) witness.accuse(`I10: run ${run} has ${ends} end comments`);
      known.end += ends;
    }
  }
  const waiting = ours.filter((body) => isStatusCommentOf(body, undefined)).length;
  const answers = ours.filter((body) => body.startsWith(answerMarker)).length;
  // Nobody holds a lock for an issue that waits: replicas that look at the same moment may each say so.
  if (waiting > replicas + hidden + overwritten) witness.accuse(`I10: ${key} is told ${waiting} times that it waits`);
  if (answers > 1 + overwritten) witness.accuse(`I10: ${key} has ${answers} answers`);
  const more = ours.length - known.status - known.end - waiting - answers;
  if (more > overwritten) witness.accuse(`I10: ${key} has ${more} comments of AFK that nobody can place`);
}

function runsOn({ runs }: Witness, repo: Repo, { number }: FakeIssue): { run: string; continuations: number }[] {
  return [...runs].flatMap(([run, { repo: of, issue, continuations }]) =>
    of === repoKey(repo) && issue === number ? [{ run, continuations }] : [],
  );
}
