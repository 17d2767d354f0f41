import { z } from "zod";
import type { BranchFacts } from "../core/observation.ts";
import { repoKey, type Repo } from "../core/run.ts";
import { ForgeError } from "../ports.ts";
import { branchAnswer, contentAnswer, ruleAnswer } from "./github-answers.ts";
import type { GitHubClient } from "./github-client.ts";
import { createMemory } from "./memory.ts";

/**
 * Rules that refuse a push to the branch whatever its commit is: a review, a queue, a check or a signature must come first, or nobody may
 * push at all. Rules about what a commit contains are left to the push, and lists of who may pass a rule are not visible here.
 */
const rulesAgainstPushing: readonly string[] = [
  "pull_request",
  "merge_queue",
  "update",
  "required_status_checks",
  "required_deployments",
  "required_signatures",
  "workflows",
  "code_scanning",
];

/** Rulesets change seldom and the push itself is the judge: asked at most this often per branch. */
const rulesAgeMs = 5 * 60_000;
const maxBranches = 1000;
/** One or two a repo are ever asked for. Absence is what costs a request: there is no "not changed" for a 404. */
const maxFiles = 2000;

export interface BranchReader {
  readBranch(repo: Repo, branch: string): Promise<BranchFacts | undefined>;
  readFile(repo: Repo, branch: string, path: string): Promise<string | undefined>;
}

/** Reads the head of a branch. Protected is what classic protection or a ruleset keeps AFK from pushing to. */
export function createBranchReader(client: GitHubClient): BranchReader {
  const recallRules = createMemory<boolean>({ now: () => client.now(), ageMs: rulesAgeMs, maxEntries: maxBranches });
  /** By the commit that was the head before the file was looked for, so that a push meanwhile is not missed. */
  const recallAbsence = createMemory<string | undefined>({
    now: () => client.now(),
    maxEntries: maxFiles,
    isWorthKeeping: (text) => text === undefined,
  });
  /** The files that were there when last looked for. */
  const present = new Set<string>();

  function readHead(repo: Repo, branch: string): Promise<z.infer<typeof branchAnswer> | undefined> {
    return client.read(repo, { route: "GET /repos/{owner}/{repo}/branches/{branch}", params: { branch } }, branchAnswer);
  }

  return {
    async readBranch(repo, branch) {
      const head = await readHead(repo, branch);
      if (head === undefined) return undefined;
      const isRuled = (): Promise<boolean> =>
        recallRules(JSON.stringify([repoKey(repo), branch]), () => hasRulesAgainstPushing(client, repo, branch));
      return { sha: head.commit.sha, isProtected: head.protected === true || (await isRuled()) };
    },
    /**
     * Asking for a file that has not changed is free, whatever else the branch got since; asking for one that is not there is not, but asking
     * whether the branch has moved is.
     */
    async readFile(repo, branch, path) {
      const key = JSON.stringify([repoKey(repo), branch, path]);
      const text = present.has(key) ? await readFileAt(client, repo, branch, path) : undefined;
      if (text !== undefined) return text;
      present.delete(key);
      const sha = (await readHead(repo, branch))?.commit.sha;
      if (sha === undefined) return undefined;
      const found = await recallAbsence(JSON.stringify([key, sha]), () => readFileAt(client, repo, branch, path));
      if (found !== undefined && present.size < maxFiles) present.add(key);
      return found;
    },
  };
}

async function readFileAt(client: GitHubClient, repo: Repo, ref: string, path: string): Promise<string | undefined> {
  const call = { route: "GET /repos/{owner}/{repo}/contents/{path}", params: { path, ref } };
  const answer = await client.read(repo, call, contentAnswer);
  if (answer === undefined || Array.isArray(answer) || answer.type !== "file") return undefined;
  if (answer.encoding !== "base64" || answer.content === undefined) throw new ForgeError(`${path} is too large to be read`, undefined);
  return Buffer.from(answer.content, "base64").toString("utf8");
}

/** Older servers have no rulesets (404), and a plan without them answers 403: then there are none. */
async function hasRulesAgainstPushing(client: GitHubClient, repo: Repo, branch: string): Promise<boolean> {
  const call = { route: "GET /repos/{owner}/{repo}/rules/branches/{branch}", params: { branch } };
  try {
    const rules = (await client.readAll(repo, call, z.array(ruleAnswer), (page) => page)) ?? [];
    return rules.some(({ type }) => rulesAgainstPushing.includes(type));
  } catch (error) {
    if (error instanceof ForgeError && error.status === 403) return false;
    throw error;
  }
}
