import { accountJson } from "../forge.ts";
import { listOf, objectOf, textOf, type Json } from "../json.ts";
import { issueNotes, may, type Reaction } from "../model.ts";
import { allPages, ApiFault, created, notFound, ok, page, type Answer, type RepoCall, type RepoRoute } from "../router.ts";

/** Issues live in the emulator. Here is what it lacks (reactions, dependencies) and what it does otherwise than GitHub. */
export const issueRoutes: readonly RepoRoute[] = [
  { method: "POST", path: "/issues", handle: createIssue },
  { method: "GET", path: "/issues", handle: readIssues },
  { method: "GET", path: "/issues/:number", handle: readIssues },
  { method: "PATCH", path: "/issues/:number", handle: patchIssue },
  { method: "POST", path: "/issues/:number/labels", handle: putLabels },
  { method: "PUT", path: "/issues/:number/labels", handle: putLabels },
  { method: "DELETE", path: "/issues/:number/labels", handle: removeAllLabels },
  { method: "DELETE", path: "/issues/:number/labels/:name", handle: changeLabels },
  { method: "GET", path: "/issues/:number/timeline", needs: ["issues", "read"], handle: timeline },
  { method: "GET", path: "/issues/:number/events", needs: ["issues", "read"], handle: timeline },
  { method: "GET", path: "/issues/:number/dependencies/blocked_by", needs: ["issues", "read"], handle: listBlockers },
  { method: "POST", path: "/issues/:number/dependencies/blocked_by", needs: ["issues", "write"], handle: addBlocker },
  { method: "DELETE", path: "/issues/:number/dependencies/blocked_by/:id", needs: ["issues", "write"], handle: removeBlocker },
  { method: "GET", path: "/issues/comments/:id/reactions", needs: ["issues", "read"], handle: (call) => listReactions(call, "comment") },
  { method: "POST", path: "/issues/comments/:id/reactions", needs: ["issues", "read"], handle: (call) => react(call, "comment") },
  {
    method: "DELETE",
    path: "/issues/comments/:id/reactions/:reaction",
    needs: ["issues", "read"],
    handle: (call) => unreact(call, "comment"),
  },
  { method: "GET", path: "/issues/:id/reactions", needs: ["issues", "read"], handle: (call) => listReactions(call, "issue") },
  { method: "POST", path: "/issues/:id/reactions", needs: ["issues", "read"], handle: (call) => react(call, "issue") },
  { method: "DELETE", path: "/issues/:id/reactions/:reaction", needs: ["issues", "read"], handle: (call) => unreact(call, "issue") },
];

/** Labels given at birth are set one by one afterwards: the emulator would leave no `labeled` event. Without write access they are dropped silently. */
async function createIssue(call: RepoCall): Promise<Answer> {
  const { labels, ...body } = call.body;
  const answer = await call.upstream({ body });
  if (answer.status !== 201 || !Array.isArray(labels) || labels.length === 0 || !may(call.identity, call.repo, "issues", "write"))
    return answer;
  const path = `${call.path}/${String(objectOf(answer.body)["number"])}`;
  await makeLabels(call, labels);
  await call.upstream({ method: "POST", path: `${path}/labels`, body: { labels } });
  return { ...answer, body: (await call.upstream({ method: "GET", path })).body };
}

/** The emulator knows nothing of dependencies, which GitHub sums up in every issue. */
async function readIssues(call: RepoCall): Promise<Answer> {
  const answer = await call.upstream();
  if (answer.status !== 200) return answer;
  const body = Array.isArray(answer.body)
    ? await Promise.all(listOf(answer.body).map((issue) => sumUpBlockers(call, issue)))
    : await sumUpBlockers(call, objectOf(answer.body));
  return { ...answer, body };
}

async function sumUpBlockers(call: RepoCall, issue: Json): Promise<Json> {
  if (typeof issue["number"] !== "number") return issue;
  const blockers = await readBlockers(call, issue["number"]);
  const open = blockers.filter(({ state }) => state === "open");
  return { ...issue, issue_dependencies_summary: { blocked_by: open.length, total_blocked_by: blockers.length } };
}

/** Notes what was edited and when: GraphQL's `lastEditedAt`, the timeline's `renamed`, the webhook's `changes`. */
async function patchIssue(call: RepoCall): Promise<Answer> {
  const { repo, params, body, identity } = call;
  const before = await call.upstream({ method: "GET" });
  if (before.status !== 200) return call.upstream();
  const issue = objectOf(before.body);
  const isAuthor = identity.kind === "person" && identity.login === objectOf(issue["user"])["login"];
  const isBeyondAuthor = ["labels", "assignees", "milestone"].some((key) => key in body);
  if (!may(identity, repo, "issues", "write") && (!isAuthor || isBeyondAuthor))
    throw new ApiFault(403, "Must have write access to the repository.");

  const title =
    typeof body["title"] === "string" && body["title"] !== issue["title"] ? { from: textOf(issue["title"]), to: body["title"] } : undefined;
  const text = "body" in body && textOf(body["body"]) !== textOf(issue["body"]) ? { from: textOf(issue["body"]) } : undefined;
  const number = Number(params["number"]);
  if (title !== undefined || text !== undefined) {
    repo.changes.set(`issue/${number}`, {
      ...(title === undefined ? {} : { title: { from: title.from } }),
      ...(text === undefined ? {} : { body: text }),
    });
  }
  const answer = await call.upstream();
  if (answer.status !== 200) return answer;
  const notes = issueNotes(repo, number);
  const at = new Date().toISOString();
  // GitHub counts a new title as a rename, not as an edit of the content.
  if (text !== undefined) notes.lastEditedAt = at;
  if (title !== undefined)
    notes.renames.push({ id: call.forge.nextId(), at, actor: accountJson(call.forge, call.forge.accountOf(identity)), ...title });
  return answer;
}

/** The body is the list of names, or an object with it. */
async function putLabels(call: RepoCall): Promise<Answer> {
  requireTriage(call);
  const labels: unknown = Array.isArray(call.body) ? call.body : call.body["labels"];
  if (Array.isArray(labels)) await makeLabels(call, labels);
  return call.upstream();
}

/** A label that comes to be by being put on an issue is grey on GitHub; the emulator would make a colour up. One that is there stays as it is. */
async function makeLabels(call: RepoCall, labels: readonly unknown[]): Promise<void> {
  for (const label of labels) {
    const name = typeof label === "string" ? label : textOf(objectOf(label)["name"]);
    await call.upstream({ method: "POST", path: `/repos/${call.repo.fullName}/labels`, body: { name, color: "ededed" } });
  }
}

async function changeLabels(call: RepoCall): Promise<Answer> {
  requireTriage(call);
  return call.upstream();
}

/** One by one: the emulator would leave no `unlabeled` events. */
async function removeAllLabels(call: RepoCall): Promise<Answer> {
  requireTriage(call);
  for (const label of await allPages(call, call.path)) {
    await call.upstream({ method: "DELETE", path: `${call.path}/${encodeURIComponent(String(label["name"]))}` });
  }
  return { status: 204 };
}

function requireTriage({ identity, repo }: RepoCall): void {
  if (may(identity, repo, "issues", "write") || may(identity, repo, "pull_requests", "write")) return;
  throw new ApiFault(
    403,
    identity.kind === "installation" ? "Resource not accessible by integration" : "Must have triage access to the repository.",
  );
}

/** GitHub's timeline knows renames and no `opened` or `edited`. */
async function timeline(call: RepoCall): Promise<Answer> {
  const { forge, repo, params, path } = call;
  const number = Number(params["number"]);
  const events = (await allPages(call, path)).filter(({ event }) => event !== "opened" && event !== "edited");
  const renamed = issueNotes(repo, number).renames.map(({ id, at, actor, from, to }) => ({
    id,
    url: `${forge.url}/api/v3/repos/${repo.fullName}/issues/events/${id}`,
    actor,
    event: "renamed",
    commit_id: null,
    commit_url: null,
    created_at: at,
    rename: { from, to },
  }));
  const all: Json[] = [...events, ...renamed];
  if (path.endsWith("/timeline")) {
    for (const comment of await allPages(call, path.replace(/timeline$/, "comments")))
      all.push({ ...comment, event: "commented", actor: comment["user"] });
  }
  all.sort((a, b) => String(a["created_at"]).localeCompare(String(b["created_at"])));
  return page(call, all);
}

async function listBlockers(call: RepoCall): Promise<Answer> {
  return page(call, await readBlockers(call, Number(call.params["number"])));
}

async function readBlockers(call: RepoCall, issue: number): Promise<readonly Json[]> {
  const { blockers } = issueNotes(call.repo, issue);
  const answers = blockers.map(({ repo, number }) => call.upstream({ method: "GET", path: `/repos/${repo}/issues/${number}` }));
  return (await Promise.all(answers)).map(({ body }) => objectOf(body));
}

/** The issue that blocks is named by its id, not its number, as on GitHub. */
async function addBlocker(call: RepoCall): Promise<Answer> {
  const { forge, repo, params, body } = call;
  for (const candidate of forge.repos.values()) {
    const path = `/repos/${candidate.fullName}/issues?state=all`;
    const list = await allPages(call, path).catch(() => [] as Json[]);
    const issue = list.find(({ id }) => id === body["issue_id"]);
    if (issue === undefined) continue;
    const notes = issueNotes(repo, Number(params["number"]));
    const blocker = { repo: candidate.fullName, number: Number(issue["number"]), id: Number(issue["id"]) };
    if (!notes.blockers.some(({ id }) => id === blocker.id)) notes.blockers.push(blocker);
    return created(issue);
  }
  throw notFound();
}

function removeBlocker({ repo, params }: RepoCall): Answer {
  const { blockers } = issueNotes(repo, Number(params["number"]));
  const index = blockers.findIndex(({ id }) => String(id) === params["id"]);
  if (index < 0) throw notFound();
  return ok(blockers.splice(index, 1)[0]);
}

const reactionContents = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

function reactionsOf({ repo, params }: RepoCall, on: "issue" | "comment"): Reaction[] {
  const key = `${on}/${params["id"] ?? ""}`;
  const list = repo.reactions.get(key) ?? [];
  repo.reactions.set(key, list);
  return list;
}

function reactionJson({ forge }: RepoCall, reaction: Reaction): Json {
  return {
    id: reaction.id,
    node_id: `REA_${reaction.id}`,
    user: accountJson(forge, reaction.user),
    content: reaction.content,
    created_at: reaction.createdAt,
  };
}

async function requireTarget(call: RepoCall, on: "issue" | "comment"): Promise<void> {
  const path = `/repos/${call.repo.fullName}/issues/${on === "comment" ? "comments/" : ""}${call.params["id"] ?? ""}`;
  if ((await call.upstream({ method: "GET", path })).status !== 200) throw notFound();
}

async function listReactions(call: RepoCall, on: "issue" | "comment"): Promise<Answer> {
  await requireTarget(call, on);
  const content = call.query.get("content");
  return page(
    call,
    reactionsOf(call, on)
      .filter((reaction) => content === null || reaction.content === content)
      .map((reaction) => reactionJson(call, reaction)),
  );
}

/** 201 for a new reaction, 200 for one that was there. */
async function react(call: RepoCall, on: "issue" | "comment"): Promise<Answer> {
  const content = String(call.body["content"]);
  if (!reactionContents.includes(content)) throw new ApiFault(422, "Validation Failed");
  await requireTarget(call, on);
  if (call.identity.kind === "installation" && !may(call.identity, call.repo, "issues", "write"))
    throw new ApiFault(403, "Resource not accessible by integration");
  const list = reactionsOf(call, on);
  const user = call.forge.accountOf(call.identity);
  const existing = list.find((reaction) => reaction.content === content && reaction.user.login === user.login);
  if (existing !== undefined) return ok(reactionJson(call, existing));
  const reaction: Reaction = { id: call.forge.nextId(), content, user, createdAt: new Date().toISOString() };
  list.push(reaction);
  return created(reactionJson(call, reaction));
}

function unreact(call: RepoCall, on: "issue" | "comment"): Answer {
  const list = reactionsOf(call, on);
  const index = list.findIndex(({ id }) => String(id) === call.params["reaction"]);
  if (index < 0) throw notFound();
  list.splice(index, 1);
  return { status: 204 };
}
