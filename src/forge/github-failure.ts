import { z } from "zod";
import type { FailureReport } from "../core/observation.ts";
import { cleanOutput } from "../core/output.ts";
import { slugOf, type Repo } from "../core/run.ts";
import type { Log } from "../ports.ts";
import { annotationAnswer, checkOutputAnswer, type AnnotationAnswer } from "./github-answers.ts";
import type { GitHubClient } from "./github-client.ts";
import { fetchLogEnd, tidyLog, windowBytes } from "./github-log.ts";
import { unlessRefused } from "./github-refusal.ts";

/** The port's bound. */
const maxChars = 16_000;

export interface FailureDeps {
  readonly client: GitHubClient;
  /** Takes secrets out of a text, by value and by shape. Rejects when it could not look at all of it. */
  readonly redact: (text: string) => Promise<string>;
  readonly log: Log;
}

/** Not allowed, no such thing here (a check of another app has no job), gone (a log is kept for a while only). */
const refusals = [403, 404, 410, 422];

type Source = readonly [FailureReport["from"], (client: GitHubClient, repo: Repo, check: number) => Promise<string | undefined>];

/** From the most telling to the least. */
const sources: readonly Source[] = [
  ["log", readLog],
  ["annotations", readAnnotations],
  ["summary", readSummary],
];

/** Why a check run failed, from the first source that has anything to say. */
export async function readFailure({ client, redact, log }: FailureDeps, repo: Repo, check: number): Promise<FailureReport> {
  for (const [from, read] of sources) {
    const found = await unlessRefused(read(client, repo, check), refusals);
    const text = cleanOutput(found ?? "").trim();
    if (text === "") continue;
    try {
      // More than is kept is searched, so that no secret is cut in half before it is seen.
      return { from, text: endOf((await redact(endOf(text, windowBytes))).trim(), maxChars) };
    } catch (error) {
      log.warn({ repo: slugOf(repo), check, err: error }, "failure report withheld");
      break;
    }
  }
  return { from: "nothing", text: "" };
}

async function readLog(client: GitHubClient, repo: Repo, check: number): Promise<string | undefined> {
  const access = (await client.installation(repo))?.permissions["actions"];
  if (access !== "read" && access !== "write") return undefined;
  const call = { route: "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs", params: { job_id: check } };
  const address = await client.locate(repo, call);
  const end = address === undefined ? undefined : await fetchLogEnd(address);
  return end === undefined ? undefined : tidyLog(end);
}

async function readAnnotations(client: GitHubClient, repo: Repo, check: number): Promise<string | undefined> {
  const params = { check_run_id: check, per_page: 100 };
  const call = { route: "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations", params };
  return (await client.read(repo, call, z.array(annotationAnswer)))?.map(sayAnnotation).join("\n");
}

function sayAnnotation({ path, start_line, annotation_level, title, message }: AnnotationAnswer): string {
  const said = [title, message].filter((part) => part != null && part !== "").join(": ");
  return `${path}:${start_line}: ${annotation_level ?? "failure"}: ${said}`;
}

async function readSummary(client: GitHubClient, repo: Repo, check: number): Promise<string | undefined> {
  const call = { route: "GET /repos/{owner}/{repo}/check-runs/{check_run_id}", params: { check_run_id: check } };
  const answer = await client.read(repo, call, checkOutputAnswer);
  if (answer === undefined) return undefined;
  const { title, summary, text } = answer.output;
  return [title, summary, text].filter((part) => part != null && part !== "").join("\n\n");
}

/** The last characters, without half a pair at the front. */
function endOf(text: string, chars: number): string {
  return text.slice(-chars).replace(/^[\uDC00-\uDFFF]/, "");
}
