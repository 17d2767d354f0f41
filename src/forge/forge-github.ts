import { z } from "zod";
import type { RepoFacts } from "../core/observation.ts";
import { repoKey, slugOf, type Repo } from "../core/run.ts";
import type { Forge } from "../ports.ts";
import { issueAnswer, labelAnswer, permissionAnswer, repoAnswer, type IssueAnswer } from "./github-answers.ts";
import { createBranchReader } from "./github-branch.ts";
import { createGitHubClient, type GitHubClient, type GitHubClientDeps } from "./github-client.ts";
import { createComment, editComment, listComments, listNewComments, react } from "./github-comments.ts";
import { listCommitsSince, readCommit } from "./github-commit.ts";
import { createCredentials } from "./github-credential.ts";
import { readFailure } from "./github-failure.ts";
import { homeOf, toBlocker, toIssueFacts, toPermission, toRepoFacts } from "./github-facts.ts";
import { isDone } from "./github-refusal.ts";
import { readEdits, readRelease } from "./github-release.ts";
import { rerunFailed } from "./github-rerun.ts";
import { createMemory } from "./memory.ts";

export interface GitHubForgeDeps extends GitHubClientDeps {
  /** Where people and git find the forge: `https://github.com`, or `<GHE_PROTOCOL>://<GHE_HOST>`. */
  readonly webUrl: string;
  /** Takes secrets out of foreign text. Rejects when it could not look at all of it: then the text is not shown. */
  readonly redact: (text: string) => Promise<string>;
  /** How a label looks that AFK puts up for the first time; what it does not know keeps the forge's looks. */
  readonly describeLabel?: (label: string) => LabelLook | undefined;
}

/** `color` is six hex digits without `#`. */
export interface LabelLook {
  readonly color: string;
  readonly description: string;
}

/**
 * What kind of repo it is changes by a person's hand, but GitHub's answer changes with every push and issue: it is asked at most this often,
 * which is more often than the sweep.
 */
const repoAgeMs = 60_000;
const maxRepos = 1000;

/** The `Forge` on github.com, on GitHub Enterprise Server, or on any server with their API. */
export function createGitHubForge(deps: GitHubForgeDeps): Forge {
  const client = createGitHubClient(deps);
  const credential = createCredentials(client);
  /** By the name that was asked for: the repo's present one, after a rename another. */
  const presentNames = new Map<string, string>();
  const recallRepo = createMemory({ now: () => client.now(), ageMs: repoAgeMs, maxEntries: maxRepos, isWorthKeeping: isUsable });

  async function loadRepo(repo: Repo): Promise<RepoFacts | undefined> {
    const installation = await client.installation(repo);
    if (installation === undefined) return undefined;
    const answer = await client.read(repo, { route: "GET /repos/{owner}/{repo}" }, repoAnswer);
    const facts = answer === undefined ? undefined : toRepoFacts(answer, installation);
    if (!isUsable(facts)) client.forgetInstallation(repo);
    if (facts !== undefined) presentNames.set(repoKey(repo), slugOf(facts.repo));
    return facts;
  }

  /** A transferred issue is answered from where it lives now. */
  async function hasMovedAway(repo: Repo, answer: IssueAnswer): Promise<boolean> {
    const home = homeOf(answer).toLowerCase();
    if (home === repoKey(repo) || home === presentNames.get(repoKey(repo))?.toLowerCase()) return false;
    const facts = await loadRepo(repo);
    return facts === undefined || home !== repoKey(facts.repo);
  }

  return {
    now: () => client.now(),
    readRepo: (repo) => recallRepo(repoKey(repo), () => loadRepo(repo)),
    ...createBranchReader(client),
    readRelease: (repo, issue, label, asks = { edits: true }) => readRelease(client, repo, issue, label, asks),
    readEdits: (repo, issue, since) => readEdits(client, repo, issue, since),
    readCommit: (repo, sha) => readCommit(client, repo, sha),
    listCommitsSince: (repo, sha, branch) => listCommitsSince(client, repo, sha, branch),
    listComments: (repo, issue) => listComments(client, repo, issue),
    createComment: (repo, issue, body, marker, known = { isMissing: false }) =>
      createComment(client, repo, { issue, body, marker, ...known }),
    listNewComments: (repo, since) => listNewComments(client, repo, since),
    editComment: (repo, comment, body) => editComment(client, repo, comment, body),
    react: (repo, comment, reaction) => react(client, repo, comment, reaction),
    readFailure: (repo, check) => readFailure({ ...deps, client }, repo, check),
    rerunFailed: (repo, checks) => rerunFailed(client, repo, checks),
    addLabel: (repo, issue, label) => addLabel(client, repo, issue, label, deps),

    async listIssues(repo, label) {
      const params = { labels: label, state: "open", sort: "created", direction: "asc" };
      const found = await client.readAll(repo, { route: "GET /repos/{owner}/{repo}/issues", params }, issuePage, (page) => page);
      return (found ?? []).filter(({ pull_request }) => pull_request === undefined).map(toIssueFacts);
    },

    async readIssue(repo, issue) {
      const answer = await client.read(repo, { route: `GET ${issueRoute}`, params: { issue_number: issue } }, issueAnswer);
      if (answer === undefined || answer.pull_request !== undefined || (await hasMovedAway(repo, answer))) return undefined;
      return toIssueFacts(answer);
    },

    async readPermission(repo, login) {
      const call = { route: "GET /repos/{owner}/{repo}/collaborators/{username}/permission", params: { username: login } };
      const answer = await client.read(repo, call, permissionAnswer);
      return answer === undefined ? "none" : toPermission(answer.permission);
    },

    async readBlockers(repo, issue) {
      const call = { route: `GET ${issueRoute}/dependencies/blocked_by`, params: { issue_number: issue } };
      const found = await client.readAll(repo, call, issuePage, (page) => page);
      return found?.map((blocker) => toBlocker(blocker, presentNames.get(repoKey(repo)) ?? slugOf(repo)));
    },

    async removeLabel(repo, issue, label) {
      const call = { route: `DELETE ${issueRoute}/labels/{name}`, params: { issue_number: issue, name: label } };
      await isDone(client.write(repo, call, z.unknown()));
    },

    async closeIssue(repo, issue) {
      const params = { issue_number: issue, state: "closed", state_reason: "completed" };
      await client.write(repo, { route: `PATCH ${issueRoute}`, params }, z.unknown());
    },

    remote: (repo) => ({ repo, url: `${deps.webUrl}/${slugOf(repo)}.git`, credential: (refused) => credential(repo, refused) }),
  };
}

/** A repo that is gone, or short of a permission that may be granted any moment, is looked at anew each time, its installation too. */
function isUsable(facts: RepoFacts | undefined): boolean {
  return facts !== undefined && facts.mayPush && facts.mayWriteIssues;
}

const issueRoute = "/repos/{owner}/{repo}/issues/{issue_number}";
const issuePage = z.array(issueAnswer);

/** The colour GitHub gives to a label that came to be by being put on an issue. */
const madeUpColor = "ededed";

/** Putting a label on an issue makes it in the repo; only its looks are missing then. */
async function addLabel(client: GitHubClient, repo: Repo, issue: number, label: string, deps: GitHubForgeDeps): Promise<void> {
  const call = { route: `POST ${issueRoute}/labels`, params: { issue_number: issue, labels: [label] } };
  const onIssue = await client.write(repo, call, z.array(labelAnswer));
  const added = onIssue.find(({ name }) => name.toLowerCase() === label.toLowerCase());
  const look = deps.describeLabel?.(label);
  if (look === undefined || added?.color !== madeUpColor || added.description) return;
  const lookCall = { route: "PATCH /repos/{owner}/{repo}/labels/{name}", params: { name: label, ...look } };
  await client.write(repo, lookCall, z.unknown()).catch((error: unknown) => {
    deps.log.warn({ repo: slugOf(repo), label, err: error }, "label left without its colour");
  });
}
