import { z } from "zod";
import type { Release } from "../core/observation.ts";
import type { Repo } from "../core/run.ts";
import { lastEditAnswer, timelineAnswer, type TimelineAnswer } from "./github-answers.ts";
import type { GitHubClient } from "./github-client.ts";

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
  const call = { route: "GET /repos/{owner}/{repo}/issues/{issue_number}/timeline", params: { issue_number: issue } };
  const timeline = (await client.readAll(repo, call, z.array(timelineAnswer), (page) => page)) ?? [];
  const labelling = findLabelling(timeline, label);
  if (labelling === undefined) return undefined;
  if (isRenamedSince(timeline, labelling.at)) return { ...labelling, editedSince: "yes" };
  if (!asks.edits) return { ...labelling, editedSince: "unknown" };
  const answer = await client.query(repo, lastEditQuery, { owner: repo.owner, name: repo.name, number: issue }, lastEditAnswer);
  const found = answer?.repository?.issue;
  if (found == null) return { ...labelling, editedSince: "unknown" };
  const isEdited = found.lastEditedAt !== null && isAtOrAfter(found.lastEditedAt, labelling.at);
  return { ...labelling, editedSince: isEdited ? "yes" : "no" };
}

/** `undefined` when the label was taken off after it was last set, was never set, or the account that set it is gone. */
function findLabelling(timeline: readonly TimelineAnswer[], label: string): Omit<Release, "editedSince"> | undefined {
  const last = timeline.findLast(({ event, label: its }) => isLabelEvent(event) && its?.name.toLowerCase() === label.toLowerCase());
  if (last?.event !== "labeled" || last.actor == null || last.created_at == null) return undefined;
  const { login, id, type } = last.actor;
  return { by: login, byId: id, byIsBot: type === "Bot" || login.endsWith("[bot]"), at: last.created_at };
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
