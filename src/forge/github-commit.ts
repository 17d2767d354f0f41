import { z } from "zod";
import type { Repo } from "../core/run.ts";
import type { CommitFacts } from "../core/verdict.ts";
import { ForgeError } from "../ports.ts";
import { checkRunAnswer, compareAnswer, statusAnswer } from "./github-answers.ts";
import type { GitHubClient } from "./github-client.ts";
import { toCheckRun, toCommitStatus } from "./github-facts.ts";

/** The answers that say "not for you" or "no such commit" (yet): nothing is known then, which is not the same as nothing being there. */
const refusals: readonly (number | undefined)[] = [403, 404, 409, 422];

/** All check runs, the latest of each suite, and every commit status ever set: folding them is core's. */
export async function readCommit(client: GitHubClient, repo: Repo, sha: string): Promise<CommitFacts> {
  const runsCall = { route: "GET /repos/{owner}/{repo}/commits/{ref}/check-runs", params: { ref: sha, filter: "latest" } };
  const statusesCall = { route: "GET /repos/{owner}/{repo}/commits/{ref}/statuses", params: { ref: sha } };
  try {
    const [runs, statuses] = await Promise.all([
      client.readAll(repo, runsCall, z.object({ check_runs: z.array(checkRunAnswer) }), (page) => page.check_runs),
      client.readAll(repo, statusesCall, z.array(statusAnswer), (page) => page),
    ]);
    if (runs === undefined) return { kind: "unknown", why: "the forge shows no check runs of this commit (404)" };
    if (statuses === undefined) return { kind: "unknown", why: "the forge shows no statuses of this commit (404)" };
    return { kind: "known", checks: runs.map(toCheckRun), statuses: statuses.map(toCommitStatus) };
  } catch (error) {
    if (error instanceof ForgeError && refusals.includes(error.status)) return { kind: "unknown", why: error.message };
    throw error;
  }
}

/** The port's bound: whoever asks wants the nearest descendants. */
const maxCommits = 50;

/** Only true descendants: a comparison also lists what a later merge brought in from beside. */
export async function listCommitsSince(client: GitHubClient, repo: Repo, sha: string, branch: string): Promise<readonly string[]> {
  const params = { basehead: `${sha}...${branch}`, per_page: maxCommits, page: 1 };
  const answer = await client.read(repo, { route: "GET /repos/{owner}/{repo}/compare/{basehead}", params }, compareAnswer);
  if (answer === undefined || answer.status !== "ahead") return [];
  const line = new Set([sha]);
  for (const commit of answer.commits) {
    if (commit.parents.some((parent) => line.has(parent.sha))) line.add(commit.sha);
  }
  return [...line].slice(1, maxCommits + 1);
}
