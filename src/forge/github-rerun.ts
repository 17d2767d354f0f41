import { z } from "zod";
import type { Repo } from "../core/run.ts";
import { jobAnswer } from "./github-answers.ts";
import type { GitHubClient } from "./github-client.ts";
import { isDone, unlessRefused } from "./github-refusal.ts";

/** Red checks beyond these are most likely jobs of the same workflow runs. */
const maxChecks = 10;

/** Not allowed, not a job of GitHub Actions, still running, too old, or the workflow is gone. */
const refusals = [403, 404, 409, 410, 422];

/** Re-running a workflow run's failed jobs takes in all of them, so that each run is asked once, and never blindly again. */
export async function rerunFailed(client: GitHubClient, repo: Repo, checks: readonly number[]): Promise<boolean> {
  const runs = new Set<number>();
  for (const check of checks.slice(0, maxChecks)) {
    const call = { route: "GET /repos/{owner}/{repo}/actions/jobs/{job_id}", params: { job_id: check } };
    const job = await unlessRefused(client.read(repo, call, jobAnswer), refusals);
    if (job !== undefined) runs.add(job.run_id);
  }
  let isAnyRunning = false;
  for (const run of runs) {
    const call = { route: "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs", params: { run_id: run } };
    if (await isDone(client.create(repo, call, z.unknown()), refusals)) isAnyRunning = true;
  }
  return isAnyRunning;
}
