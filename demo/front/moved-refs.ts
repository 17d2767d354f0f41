import { gitText, zeroOid } from "./bare-repo.ts";
import type { Ci } from "./ci.ts";
import { accountJson, type Forge, type RefChange } from "./forge.ts";
import { parseObject, type Json } from "./json.ts";
import type { Account, Identity, RepoState } from "./model.ts";
import { commitJson } from "./routes/git-data.ts";
import { withGitFacts } from "./routes/pulls.ts";

const closingKeyword = /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)\b/gi;

/** What follows from a branch or tag having moved. Other refs are nobody's business: GitHub sends nothing for them either. */
export async function followRef(forge: Forge, ci: Ci | undefined, repo: RepoState, change: RefChange, by: Identity): Promise<void> {
  if (!/^refs\/(heads|tags)\//.test(change.ref)) return;
  const sender = forge.accountOf(by);
  const isGone = change.after === zeroOid;
  const shas = isGone ? [] : await newCommits(repo, change);
  forge.announce(repo, "push", await pushPayload(forge, repo, change, shas, sender), sender);
  if (isGone || !change.ref.startsWith("refs/heads/")) return;
  const branch = change.ref.slice("refs/heads/".length);
  ci?.run(repo, branch, change.after);
  await synchronizePulls(forge, repo, branch, change, sender);
  if (branch === repo.defaultBranch) await closeNamedIssues(forge, repo, shas, by);
}

async function newCommits(repo: RepoState, { before, after }: RefChange): Promise<readonly string[]> {
  const range = before === zeroOid ? [after, "--max-count=1"] : [`${before}..${after}`, "--max-count=250"];
  return (await gitText(repo.gitDir, ["rev-list", "--reverse", ...range])).split("\n").filter(Boolean);
}

async function pushPayload(
  forge: Forge,
  repo: RepoState,
  { ref, before, after }: RefChange,
  shas: readonly string[],
  sender: Account,
): Promise<Json> {
  const commits = await Promise.all(
    shas.map(async (sha) => {
      const { commit, html_url: url } = await commitJson(forge, repo, sha);
      const { message, author, committer } = commit;
      return { id: sha, message, timestamp: committer.date, url, author, committer };
    }),
  );
  return {
    ref,
    before,
    after,
    created: before === zeroOid,
    deleted: after === zeroOid,
    forced: false,
    base_ref: null,
    compare: `${forge.url}/${repo.fullName}/compare/${before.slice(0, 12)}...${after.slice(0, 12)}`,
    commits,
    head_commit: commits.at(-1) ?? null,
    pusher: { name: sender.login },
  };
}

async function synchronizePulls(
  forge: Forge,
  repo: RepoState,
  branch: string,
  { before, after }: RefChange,
  sender: Account,
): Promise<void> {
  for (const pull of repo.pulls.values()) {
    if (pull.closed !== undefined || pull.head !== branch) continue;
    const answer = await forge.emulator.request({
      method: "GET",
      path: `/repos/${repo.fullName}/pulls/${pull.number}`,
      token: forge.emulator.tokenOf(repo.owner),
    });
    const json = await withGitFacts(forge, repo, parseObject(answer.text));
    forge.announce(repo, "pull_request", { action: "synchronize", number: pull.number, before, after, pull_request: json }, sender);
  }
}

/** On the default branch `Closes #7` closes the issue at the push, whatever CI says later. */
async function closeNamedIssues(forge: Forge, repo: RepoState, shas: readonly string[], by: Identity): Promise<void> {
  for (const sha of shas) {
    const message = await gitText(repo.gitDir, ["show", "--no-patch", "--format=%B", sha]);
    for (const [, number = ""] of message.matchAll(closingKeyword)) {
      const token =
        by.kind === "installation" ? await forge.tokens.mint(by.id) : forge.emulator.tokenOf(by.kind === "person" ? by.login : repo.owner);
      await forge.emulator.request({
        method: "PATCH",
        path: `/repos/${repo.fullName}/issues/${number}`,
        token,
        body: JSON.stringify({ state: "closed" }),
      });
    }
  }
}

/** A repository's `sender`, `repository` and `installation`, added to a payload of the front's own. */
export function completePayload(forge: Forge, repo: RepoState, payload: Json, sender: Account): Json {
  return {
    ...payload,
    repository: forge.repoJson(repo),
    sender: accountJson(forge, sender),
    installation: { id: repo.installationId, node_id: `I_${repo.installationId}` },
  };
}
