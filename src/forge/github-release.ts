import { z } from "zod";
import type { Release } from "../core/observation.ts";
import type { Repo } from "../core/run.ts";
import { lastEditAnswer, timelineAnswer, type TimelineAnswer } from "./github-answers.ts";
import { TooLongError, type GitHubClient } from "./github-client.ts";
import { isOurs } from "./github-facts.ts";

/** REST does not tell when a body was edited. */
const lastEditQuery =
  "query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){issue(number:$number){lastEditedAt}}}";

/** Who set the label that is on the issue now, and whether title or body were edited since. Edits of the body take a question of their own. */
export async function readRelease(
  client: GitHubClient,
  repo: Repo,
  issue: number,
  label: string,
  asks: { readonly edits: boolean },
): Promise<Release | undefined> {
  const timeline = await readTimeline(client, repo, issue);
  if (timeline === undefined) return undefined;
  const last = findLabelling(timeline, label);
  const app = await client.installation(repo);
  if (last?.actor == null || last.created_at == null || app === undefined) return undefined;
  const { login, id, type } = last.actor;
  const labelling = {
    by: login,
    byId: id,
    byIsBot: type === "Bot" || login.endsWith("[bot]"),
    at: last.created_at,
    ...(isOurs(last.actor, last.performed_via_github_app, app) ? { isOurs: true } : {}),
  };
  if (isRenamedSince(timeline, labelling.at)) return { ...labelling, editedSince: "yes" };
  return { ...labelling, editedSince: asks.edits ? await askLastEdit(client, repo, issue, labelling.at) : "unknown" };
}

/** Whether title or body were edited since. */
export async function readEdits(client: GitHubClient, repo: Repo, issue: number, since: string): Promise<Release["editedSince"]> {
  const timeline = await readTimeline(client, repo, issue);
  if (timeline === undefined) return "unknown";
  return isRenamedSince(timeline, since) ? "yes" : askLastEdit(client, repo, issue, since);
}

/** `undefined`: longer than anybody reads. Outsiders can make it so, by mentioning the issue elsewhere; nothing is known then, and nothing released. */
async function readTimeline(client: GitHubClient, repo: Repo, issue: number): Promise<readonly TimelineAnswer[] | undefined> {
  const call = { route: "GET /repos/{owner}/{repo}/issues/{issue_number}/timeline", params: { issue_number: issue } };
  try {
    return (await client.readAll(repo, call, z.array(timelineAnswer), (page) => page)) ?? [];
  } catch (error) {
    if (error instanceof TooLongError) return undefined;
    throw error;
  }
}

async function askLastEdit(client: GitHubClient, repo: Repo, issue: number, since: string): Promise<Release["editedSince"]> {
  const answer = await client.query(repo, lastEditQuery, { owner: repo.owner, name: repo.name, number: issue }, lastEditAnswer);
  const found = answer?.repository?.issue;
  if (found == null) return "unknown";
  return found.lastEditedAt !== null && isAtOrAfter(found.lastEditedAt, since) ? "yes" : "no";
}

/** `undefined` when the label was taken off after it was last set, or was never set. The account that set it may be gone. */
function findLabelling(timeline: readonly TimelineAnswer[], label: string): TimelineAnswer | undefined {
  const last = timeline.findLast(({ event, label: its }) => isLabelEvent(event) && its?.name.toLowerCase() === label.toLowerCase());
  return last?.event === "labeled" ? last : undefined;
}

function isLabelEvent(event: string | undefined): boolean {
  return event === "labeled" || event === "unlabeled";
}

function isRenamedSince(timeline: readonly TimelineAnswer[], at: string): boolean {
  return timeline.some(({ event, created_at }) => event === "renamed" && isAtOrAfter(created_at ?? "", at));
}

/** By whole seconds, as GitHub keeps them. Within one second nobody can tell what came first, so it counts as after; so does no time. */
function isAtOrAfter(time: string, reference: string): boolean {
  return !(secondsOf(time) < secondsOf(reference));
}

function secondsOf(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
