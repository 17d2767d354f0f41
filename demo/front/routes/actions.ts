import type { Forge } from "../forge.ts";
import type { CheckRun, CheckSuite, RepoState } from "../model.ts";
import { ApiFault, created, notFound, ok, type Answer, type RepoCall, type RepoRoute } from "../router.ts";
import { createRun, latestByName } from "./checks.ts";

/** The embedded CI as GitHub Actions shows itself: a job is a check run, with its id, and a workflow run is their suite. */
export const actionRoutes: readonly RepoRoute[] = [
  { method: "GET", path: "/actions/jobs/:id", needs: ["actions", "read"], handle: getJob },
  { method: "GET", path: "/actions/jobs/:id/logs", needs: ["actions", "read"], handle: getLogs },
  { method: "POST", path: "/actions/runs/:id/rerun-failed-jobs", needs: ["actions", "write"], handle: rerunFailedJobs },
];

function suitesOf(forge: Forge, repo: RepoState): readonly CheckSuite[] {
  return repo.suites.filter(({ app }) => app.id === forge.ciApp.id);
}

function findJob({ forge, repo, params }: RepoCall): { readonly suite: CheckSuite; readonly run: CheckRun } {
  for (const suite of suitesOf(forge, repo)) {
    const run = suite.runs.find(({ id }) => String(id) === params["id"]);
    if (run !== undefined) return { suite, run };
  }
  throw notFound();
}

function getJob(call: RepoCall): Answer {
  const { suite, run } = findJob(call);
  const { id, name, sha, status, conclusion, startedAt, completedAt } = run;
  const base = `${call.forge.url}/api/v3/repos/${call.repo.fullName}`;
  const attempt = suite.runs.filter((other) => other.name === name && other.id <= id).length;
  return ok({
    id,
    run_id: suite.id,
    run_attempt: attempt,
    run_url: `${base}/actions/runs/${suite.id}`,
    check_run_url: `${base}/check-runs/${id}`,
    url: `${base}/actions/jobs/${id}`,
    head_sha: sha,
    head_branch: suite.branch,
    name,
    status,
    conclusion,
    started_at: startedAt,
    completed_at: completedAt,
    steps: [],
  });
}

/** A running job has no log yet. */
function getLogs(call: RepoCall): Answer {
  const { log } = findJob(call).run;
  if (log === null) throw notFound();
  return { status: 302, headers: { location: call.forge.jobLogs.linkTo(log) } };
}

const passing: readonly (string | null)[] = ["success", "neutral", "skipped"];

/** New check runs are there at once, queued, as on GitHub. */
function rerunFailedJobs({ forge, repo, params }: RepoCall): Answer {
  const suite = suitesOf(forge, repo).find(({ id }) => String(id) === params["id"]);
  if (suite === undefined) throw notFound();
  if (suite.status !== "completed") throw new ApiFault(403, "This workflow is already running");
  const failed = latestByName(suite.runs).filter(({ conclusion }) => !passing.includes(conclusion));
  if (failed.length === 0) throw new ApiFault(403, "This workflow run cannot be retried: it has no failed jobs");
  for (const { name } of failed) {
    forge.runJob(repo, createRun(forge, repo, forge.ciApp, suite.sha, { name, status: "queued" }, suite.branch), suite.branch);
  }
  return created({});
}
