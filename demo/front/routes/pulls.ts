import { gitText, resolveCommit, tryGitText } from "../bare-repo.ts";
import type { Forge } from "../forge.ts";
import { objectOf, textOf, type Json } from "../json.ts";
import type { PullRequest, RepoState } from "../model.ts";
import { allPages, ApiFault, notFound, ok, page, type Answer, type RepoCall, type RepoRoute } from "../router.ts";
import { changedFiles, commitJson, isProtectedFor } from "./git-data.ts";

/** Pull requests live in the emulator, which invents their commits: shas, mergeability and merges are git's here. */
export const pullRoutes: readonly RepoRoute[] = [
  { method: "POST", path: "/pulls", needs: ["pull_requests", "write"], handle: createPull },
  { method: "GET", path: "/pulls", needs: ["pull_requests", "read"], handle: listPulls },
  { method: "GET", path: "/pulls/:number", needs: ["pull_requests", "read"], handle: getPull },
  { method: "PATCH", path: "/pulls/:number", needs: ["pull_requests", "write"], handle: patchPull },
  { method: "PUT", path: "/pulls/:number/merge", needs: ["contents", "write"], handle: mergePull },
  { method: "GET", path: "/pulls/:number/commits", needs: ["pull_requests", "read"], handle: pullCommits },
  { method: "GET", path: "/pulls/:number/files", needs: ["pull_requests", "read"], handle: pullFiles },
];

/** A pull request of the emulator with what git says. Those it does not know are left as they are. */
export async function withGitFacts(forge: Forge, repo: RepoState, json: Json): Promise<Json> {
  const pull = repo.pulls.get(Number(json["number"]));
  if (pull === undefined) return json;
  const { headSha, baseSha } = await shasOf(repo, pull);
  const isMergeable = pull.closed === undefined ? await canMerge(repo, baseSha, headSha) : null;
  return {
    ...json,
    head: { ...objectOf(json["head"]), sha: headSha },
    base: { ...objectOf(json["base"]), sha: baseSha },
    statuses_url: `${forge.url}/api/v3/repos/${repo.fullName}/statuses/${headSha}`,
    mergeable: isMergeable,
    mergeable_state: isMergeable === null ? "unknown" : isMergeable ? "clean" : "dirty",
    merge_commit_sha: pull.closed?.mergeSha ?? null,
    merged: pull.closed !== undefined && pull.closed.mergeSha !== null,
  };
}

async function shasOf(repo: RepoState, pull: PullRequest): Promise<{ readonly headSha: string; readonly baseSha: string }> {
  if (pull.closed !== undefined) return pull.closed;
  const [headSha, baseSha] = await Promise.all([resolveCommit(repo.gitDir, pull.head), resolveCommit(repo.gitDir, pull.base)]);
  return { headSha: headSha ?? "", baseSha: baseSha ?? "" };
}

async function canMerge(repo: RepoState, base: string, head: string): Promise<boolean> {
  return base !== "" && head !== "" && (await tryGitText(repo.gitDir, ["merge-tree", "--write-tree", base, head])) !== undefined;
}

async function createPull(call: RepoCall): Promise<Answer> {
  const { forge, repo, body } = call;
  const head = textOf(body["head"]).replace(`${repo.owner}:`, "");
  const base = textOf(body["base"]);
  const [headSha, baseSha] = await Promise.all([resolveCommit(repo.gitDir, head), resolveCommit(repo.gitDir, base)]);
  if (headSha === undefined) throw new ApiFault(422, "Validation Failed", [{ resource: "PullRequest", field: "head", code: "invalid" }]);
  if (baseSha === undefined) throw new ApiFault(422, "Validation Failed", [{ resource: "PullRequest", field: "base", code: "invalid" }]);
  const twin = [...repo.pulls.values()].find((pull) => pull.closed === undefined && pull.head === head && pull.base === base);
  if (twin !== undefined)
    throw new ApiFault(422, "Validation Failed", [
      { resource: "PullRequest", code: "custom", message: `A pull request already exists for ${repo.owner}:${head}.` },
    ]);
  if ((await gitText(repo.gitDir, ["rev-list", "--count", `${baseSha}..${headSha}`])).trim() === "0") {
    throw new ApiFault(422, "Validation Failed", [
      { resource: "PullRequest", code: "custom", message: `No commits between ${base} and ${head}` },
    ]);
  }
  const answer = await call.upstream({ body: { ...body, head } });
  if (answer.status !== 201) return answer;
  const number = Number(objectOf(answer.body)["number"]);
  repo.pulls.set(number, { number, head, base, closed: undefined });
  return { ...answer, body: await withGitFacts(forge, repo, objectOf(answer.body)) };
}

async function listPulls(call: RepoCall): Promise<Answer> {
  const filters = new URLSearchParams([...call.query].filter(([name]) => name !== "page" && name !== "per_page"));
  const pulls = await allPages(call, `${call.path}?${filters.toString()}`);
  return page(call, await Promise.all(pulls.map((pull) => withGitFacts(call.forge, call.repo, pull))));
}

async function getPull(call: RepoCall): Promise<Answer> {
  const answer = await call.upstream();
  return answer.status === 200 ? ok(await withGitFacts(call.forge, call.repo, objectOf(answer.body))) : answer;
}

async function patchPull(call: RepoCall): Promise<Answer> {
  const { repo, body } = call;
  const pull = findPull(call);
  if (body["state"] === "closed" && pull.closed === undefined) pull.closed = { ...(await shasOf(repo, pull)), mergeSha: null };
  if (body["state"] === "open" && pull.closed?.mergeSha === null) pull.closed = undefined;
  if (typeof body["base"] === "string") pull.base = body["base"];
  return getPull(call);
}

async function mergePull(call: RepoCall): Promise<Answer> {
  const { forge, repo, body, identity } = call;
  const pull = findPull(call);
  if (pull.closed !== undefined) throw new ApiFault(405, "Pull Request is not mergeable");
  if (isProtectedFor(repo, `refs/heads/${pull.base}`) && identity.kind === "installation")
    throw new ApiFault(405, "At least 1 approving review is required by reviewers with write access.");
  const { headSha, baseSha } = await shasOf(repo, pull);
  if (typeof body["sha"] === "string" && body["sha"] !== headSha)
    throw new ApiFault(409, "Head branch was modified. Review and try the merge again.");
  const method = textOf(body["merge_method"], "merge");
  const tree = await tryGitText(repo.gitDir, ["merge-tree", "--write-tree", baseSha, headSha]);
  if (tree === undefined) throw new ApiFault(405, "Pull Request is not mergeable");
  const message = `${textOf(body["commit_title"], `Merge pull request #${pull.number} from ${repo.owner}/${pull.head}`)}\n\n${textOf(body["commit_message"])}`;
  const parents = method === "merge" ? [baseSha, headSha] : [baseSha];
  const sha = (await gitText(repo.gitDir, ["commit-tree", tree.trim(), ...parents.flatMap((parent) => ["-p", parent])], message)).trim();
  const ref = `refs/heads/${pull.base}`;
  if ((await tryGitText(repo.gitDir, ["update-ref", ref, sha, baseSha])) === undefined)
    throw new ApiFault(409, "Base branch was modified. Review and try the merge again.");
  pull.closed = { headSha, baseSha, mergeSha: sha };
  const { sha: _expected, ...rest } = body;
  await call.upstream({ body: rest });
  forge.refsMoved(repo, [{ ref, before: baseSha, after: sha }], identity);
  return ok({ sha, merged: true, message: "Pull Request successfully merged" });
}

async function pullCommits(call: RepoCall): Promise<Answer> {
  const { forge, repo } = call;
  const { headSha, baseSha } = await shasOf(repo, findPull(call));
  const shas = (await gitText(repo.gitDir, ["rev-list", "--reverse", `${baseSha}..${headSha}`])).split("\n").filter(Boolean);
  return page(call, await Promise.all(shas.map((sha) => commitJson(forge, repo, sha))));
}

async function pullFiles(call: RepoCall): Promise<Answer> {
  const { repo } = call;
  const { headSha, baseSha } = await shasOf(repo, findPull(call));
  const mergeBase = (await gitText(repo.gitDir, ["merge-base", baseSha, headSha])).trim();
  return page(call, await changedFiles(repo, mergeBase, headSha));
}

function findPull({ repo, params }: RepoCall): PullRequest {
  const pull = repo.pulls.get(Number(params["number"]));
  if (pull === undefined) throw notFound();
  return pull;
}
