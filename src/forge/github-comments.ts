import { z } from "zod";
import { carriesMarker } from "../core/messages.ts";
import type { CommentFacts, RepoComment } from "../core/observation.ts";
import type { Repo, Time } from "../core/run.ts";
import { ForgeError, type Reaction } from "../ports.ts";
import { commentAnswer, repoCommentAnswer } from "./github-answers.ts";
import type { GitHubClient } from "./github-client.ts";
import { toCommentFacts, toRepoComment } from "./github-facts.ts";
import { isDone } from "./github-refusal.ts";

const issueRoute = "/repos/{owner}/{repo}/issues/{issue_number}";
const commentRoute = "/repos/{owner}/{repo}/issues/comments/{comment_id}";

export async function listComments(client: GitHubClient, repo: Repo, issue: number): Promise<readonly CommentFacts[]> {
  const app = await client.installation(repo);
  const call = { route: `GET ${issueRoute}/comments`, params: { issue_number: issue } };
  const found = await client.readAll(repo, call, z.array(commentAnswer), (page) => page);
  return app === undefined ? [] : (found ?? []).map((comment) => toCommentFacts(comment, app));
}

/** The port's bound of 1,000 comments. */
const maxNewPages = 10;

/** The question is always the same, whatever `since` says: as long as nobody comments the answer is free. */
export async function listNewComments(
  client: GitHubClient,
  repo: Repo,
  since: { readonly notBefore: Time; readonly after?: number },
): Promise<readonly RepoComment[]> {
  const app = await client.installation(repo);
  if (app === undefined) return [];
  const call = { route: "GET /repos/{owner}/{repo}/issues/comments", params: { sort: "created", direction: "desc" } };
  const oldest = Date.parse(since.notBefore);
  // A comment that comes while the list is read moves others to the next page, where they are seen again.
  const found = new Map<number, RepoComment>();
  let pages = 0;
  for await (const page of client.readPages(repo, call, z.array(repoCommentAnswer))) {
    for (const answer of page) {
      if (answer.id <= (since.after ?? 0) || Date.parse(answer.created_at) < oldest) return [...found.values()];
      const comment = toRepoComment(answer, app);
      if (comment !== undefined) found.set(comment.id, comment);
    }
    pages += 1;
    if (pages === maxNewPages) break;
  }
  return [...found.values()];
}

export interface NewComment {
  readonly issue: number;
  readonly body: string;
  readonly marker: string;
  readonly isMissing: boolean;
}

/** Looks, then creates once. After a failure that may have come after the writing, it looks again before it gives up. */
export async function createComment(
  client: GitHubClient,
  repo: Repo,
  { issue, body, marker, isMissing }: NewComment,
): Promise<CommentFacts> {
  const findOwn = async (): Promise<CommentFacts | undefined> =>
    (await listComments(client, repo, issue)).find((comment) => comment.isOurs && carriesMarker(comment.body, marker));
  const already = isMissing ? undefined : await findOwn();
  if (already !== undefined) return already;
  const call = { route: `POST ${issueRoute}/comments`, params: { issue_number: issue, body } };
  try {
    const { id, user, html_url, created_at } = await client.create(repo, call, commentAnswer);
    const author = { author: user?.login ?? "", authorId: user?.id ?? 0, authorIsBot: true, isOurs: true };
    return { id, ...author, isEdited: false, body, url: html_url, createdAt: created_at };
  } catch (error) {
    const isInDoubt = error instanceof ForgeError && (error.status === undefined || error.status >= 500);
    const written = isInDoubt ? await findOwn() : undefined;
    if (written === undefined) throw error;
    return written;
  }
}

export function editComment(client: GitHubClient, repo: Repo, comment: number, body: string): Promise<boolean> {
  return isDone(client.write(repo, { route: `PATCH ${commentRoute}`, params: { comment_id: comment, body } }, z.unknown()));
}

/** GitHub answers a reaction that is there already with 200 instead of 201. */
export function react(client: GitHubClient, repo: Repo, comment: number, reaction: Reaction): Promise<boolean> {
  const call = { route: `POST ${commentRoute}/reactions`, params: { comment_id: comment, content: reaction } };
  return isDone(client.write(repo, call, z.unknown()), [404, 410, 422]);
}
