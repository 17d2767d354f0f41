import type { Forge } from "./forge.ts";
import { isObject, objectOf, parseObject, textOf, type Json } from "./json.ts";
import type { RepoState } from "./model.ts";
import { completeComment } from "./routes/comments.ts";
import { withGitFacts } from "./routes/pulls.ts";

/** The front announces these itself, from what git and its own routes have seen. */
const ownEvents = new Set(["push", "create", "delete", "check_run", "check_suite", "status", "deployment", "deployment_status"]);

/** The App does not ask for these, so GitHub would not send them: labels that the front makes on the way to an issue. */
const unasked = new Set(["label"]);

/** Takes the emulator's webhooks, completes them to what GitHub sends, and has them signed and delivered in the order they came. */
export function createRelay(forge: Forge): (event: string, text: string) => void {
  let tail: Promise<void> = Promise.resolve();
  return function relay(event, text) {
    if (ownEvents.has(event) || unasked.has(event)) return;
    const payload = parseObject(forge.emulator.rewrite(text));
    tail = tail.then(async () => forge.deliveries.send(event, await complete(forge, event, payload)));
  };
}

async function complete(forge: Forge, event: string, payload: Json): Promise<Json> {
  const fullName = textOf(objectOf(payload["repository"])["full_name"]);
  const repo = forge.repos.get(fullName.toLowerCase());
  if (repo === undefined) return payload;
  return {
    ...payload,
    ...(await completeLabel(forge, repo, payload)),
    ...completeIssue(forge, repo, payload),
    ...(event === "issue_comment" ? { comment: completeComment(repo, objectOf(payload["comment"])) } : {}),
    ...completeChanges(repo, payload),
    ...(isObject(payload["pull_request"])
      ? { pull_request: await withGitFacts(forge, repo, payload["pull_request"]), number: payload["pull_request"]["number"] }
      : {}),
    repository: forge.repoJson(repo),
    installation: { id: repo.installationId, node_id: `I_${repo.installationId}` },
  };
}

/** The emulator sends a label's name and color only. */
async function completeLabel(forge: Forge, repo: RepoState, payload: Json): Promise<Json> {
  const label = payload["label"];
  if (!isObject(label) || label["id"] !== undefined) return {};
  const path = `/repos/${repo.fullName}/labels/${encodeURIComponent(String(label["name"]))}`;
  const answer = await forge.emulator.request({ method: "GET", path, token: forge.emulator.tokenOf(repo.owner) });
  return answer.status === 200 ? { label: parseObject(answer.text) } : {};
}

/** A comment on a pull request carries `issue.pull_request`: that is how receivers tell it. */
function completeIssue(forge: Forge, repo: RepoState, payload: Json): Json {
  const issue = payload["issue"];
  if (!isObject(issue) || !repo.pulls.has(Number(issue["number"]))) return {};
  const number = String(issue["number"]);
  return {
    issue: {
      ...issue,
      pull_request: {
        url: `${forge.url}/api/v3/repos/${repo.fullName}/pulls/${number}`,
        html_url: `${forge.url}/${repo.fullName}/pull/${number}`,
      },
    },
  };
}

/** The emulator says that something changed, GitHub says from what. */
function completeChanges(repo: RepoState, payload: Json): Json {
  if (payload["action"] !== "edited") return {};
  const key = isObject(payload["comment"])
    ? `comment/${String(payload["comment"]["id"])}`
    : isObject(payload["issue"])
      ? `issue/${String(payload["issue"]["number"])}`
      : "";
  const changes = repo.changes.get(key);
  repo.changes.delete(key);
  return changes === undefined ? {} : { changes };
}
