import { listOf, objectOf, textOf, type Json } from "../json.ts";
import { may, type RepoState } from "../model.ts";
import { ApiFault, page, type Answer, type RepoCall, type RepoRoute } from "../router.ts";

/** Comments live in the emulator, which does not tell an edited one from a new one and takes a repo's list of them for an issue. */
export const commentRoutes: readonly RepoRoute[] = [
  { method: "GET", path: "/issues/comments", needs: ["issues", "read"], handle: listComments },
  { method: "GET", path: "/issues/comments/:comment", handle: complete },
  { method: "PATCH", path: "/issues/comments/:comment", handle: patchComment },
  { method: "DELETE", path: "/issues/comments/:comment", handle: deleteComment },
  { method: "GET", path: "/issues/:number/comments", handle: complete },
  { method: "POST", path: "/issues/:number/comments", handle: writeComment },
];

/** As GitHub shows a comment: `updated_at` moves by an edit alone, and one on a pull request links there. */
export function completeComment(repo: RepoState, comment: Json): Json {
  const number = Number(textOf(comment["issue_url"]).split("/").at(-1));
  const link = textOf(comment["html_url"]);
  return {
    ...comment,
    updated_at: repo.commentEdits.get(Number(comment["id"])) ?? comment["created_at"],
    html_url: repo.pulls.has(number) ? link.replace(`/issues/${number}#`, `/pull/${number}#`) : link,
  };
}

function listComments(call: RepoCall): Answer {
  const { repo, query } = call;
  const field = query.get("sort") === "updated" ? "updated_at" : "created_at";
  const since = Date.parse(query.get("since") ?? "") || 0;
  const oldestFirst = [...repo.comments.values()]
    .filter((comment) => Date.parse(textOf(comment["updated_at"])) >= since)
    .toSorted((one, other) => textOf(one[field]).localeCompare(textOf(other[field])) || Number(one["id"]) - Number(other["id"]));
  const isNewestFirst = query.get("sort") !== null && query.get("direction") === "desc";
  return page(call, isNewestFirst ? oldestFirst.toReversed() : oldestFirst);
}

async function complete(call: RepoCall): Promise<Answer> {
  const answer = await call.upstream();
  if (answer.status >= 300) return answer;
  const body = Array.isArray(answer.body)
    ? listOf(answer.body).map((comment) => completeComment(call.repo, comment))
    : completeComment(call.repo, objectOf(answer.body));
  return { ...answer, body };
}

async function writeComment(call: RepoCall): Promise<Answer> {
  const answer = await complete(call);
  const comment = objectOf(answer.body);
  if (answer.status < 300) call.repo.comments.set(Number(comment["id"]), comment);
  return answer;
}

/** An edit is at least a second after the comment, so that it shows whatever a client makes of the times. */
async function patchComment(call: RepoCall): Promise<Answer> {
  const { repo, params, identity } = call;
  const before = await call.upstream({ method: "GET" });
  if (before.status !== 200) return call.upstream();
  const comment = objectOf(before.body);
  const isAuthor = call.forge.accountOf(identity).login === objectOf(comment["user"])["login"];
  if (!isAuthor && !may(identity, repo, "issues", "write")) throw new ApiFault(403, "Must have write access to the repository.");
  repo.changes.set(`comment/${params["comment"] ?? ""}`, { body: { from: comment["body"] } });
  const editedAt = Math.max(Date.now(), Date.parse(textOf(comment["created_at"])) + 1000);
  repo.commentEdits.set(Number(comment["id"]), new Date(editedAt).toISOString());
  return writeComment(call);
}

async function deleteComment(call: RepoCall): Promise<Answer> {
  const answer = await call.upstream();
  if (answer.status < 300) call.repo.comments.delete(Number(call.params["comment"]));
  return answer;
}
