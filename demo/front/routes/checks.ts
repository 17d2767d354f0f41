import { resolveCommit } from "../bare-repo.ts";
import { runJson, suiteJson, type Forge } from "../forge.ts";
import { objectOf, textOf, textOrNull, type Json } from "../json.ts";
import type { AppAccount, CheckRun, CheckSuite, Identity, RepoState } from "../model.ts";
import { ApiFault, created, notFound, ok, page, type Answer, type RepoCall, type RepoRoute } from "../router.ts";

/**
 * Check runs and suites are the front's own. The emulator's carry `app: null`, share one suite among all apps and are never
 * announced as completed, and it finds them only by commits it has a copy of.
 */
export const checkRoutes: readonly RepoRoute[] = [
  { method: "POST", path: "/check-runs", needs: ["checks", "write"], handle: postRun },
  { method: "PATCH", path: "/check-runs/:id", needs: ["checks", "write"], handle: patchRun },
  { method: "GET", path: "/check-runs/:id", needs: ["checks", "read"], handle: (call) => ok(oneRun(call)) },
  { method: "GET", path: "/check-runs/:id/annotations", needs: ["checks", "read"], handle: (call) => (oneRun(call), ok([])) },
  {
    method: "POST",
    path: "/check-runs/:id/rerequest",
    needs: ["checks", "write"],
    handle: (call) => rerun(call, findRun(call.repo, call.params["id"]).suite),
  },
  {
    method: "GET",
    path: "/check-suites/:id",
    needs: ["checks", "read"],
    handle: (call) => ok(suiteJson(call.forge, call.repo, findSuite(call.repo, call.params["id"]))),
  },
  {
    method: "GET",
    path: "/check-suites/:id/check-runs",
    needs: ["checks", "read"],
    handle: (call) => pageOfRuns(call, [findSuite(call.repo, call.params["id"])]),
  },
  {
    method: "POST",
    path: "/check-suites/:id/rerequest",
    needs: ["checks", "write"],
    handle: (call) => rerun(call, findSuite(call.repo, call.params["id"])),
  },
  {
    method: "GET",
    path: "/commits/:ref*/check-runs",
    needs: ["checks", "read"],
    handle: async (call) => pageOfRuns(call, await suitesOf(call)),
  },
  { method: "GET", path: "/commits/:ref*/check-suites", needs: ["checks", "read"], handle: listSuites },
];

/** The fields of a check run that its author may set. */
export interface CheckRunInput {
  readonly name?: string;
  readonly status?: CheckRun["status"];
  readonly conclusion?: string | null;
  readonly output?: Partial<CheckRun["output"]>;
  readonly external_id?: string;
  readonly details_url?: string | null;
  readonly started_at?: string | null;
  readonly completed_at?: string | null;
  /** What its job printed. */
  readonly log?: string;
}

/** Creates a run in its app's suite for the commit and announces it. */
export function createRun(
  forge: Forge,
  repo: RepoState,
  app: AppAccount,
  sha: string,
  input: CheckRunInput,
  branch: string | null = null,
): CheckRun {
  const suite = suiteOf(forge, repo, app, sha, branch);
  const run: CheckRun = {
    id: forge.nextId(),
    app,
    sha,
    name: input.name ?? "check",
    status: "queued",
    conclusion: null,
    externalId: "",
    detailsUrl: null,
    startedAt: new Date().toISOString(),
    completedAt: null,
    output: { title: null, summary: null, text: null },
    log: null,
  };
  suite.runs.push(run);
  change(run, input);
  announceRun(forge, repo, suite, run, "created");
  settle(forge, repo, suite, run, false);
  return run;
}

/** Changes a run and announces what that completes: the run, and its suite when it was the last. */
export function updateRun(forge: Forge, repo: RepoState, run: CheckRun, input: CheckRunInput): void {
  const wasCompleted = run.status === "completed";
  change(run, input);
  settle(forge, repo, findRun(repo, String(run.id)).suite, run, wasCompleted);
}

function suiteOf(forge: Forge, repo: RepoState, app: AppAccount, sha: string, branch: string | null): CheckSuite {
  const existing = repo.suites.find((suite) => suite.app.id === app.id && suite.sha === sha);
  if (existing !== undefined) return existing;
  const now = new Date().toISOString();
  const suite: CheckSuite = {
    id: forge.nextId(),
    app,
    sha,
    branch,
    status: "queued",
    conclusion: null,
    createdAt: now,
    updatedAt: now,
    runs: [],
  };
  repo.suites.push(suite);
  return suite;
}

function change(run: CheckRun, input: CheckRunInput): void {
  const now = new Date().toISOString();
  if (input.name !== undefined) run.name = input.name;
  if (input.external_id !== undefined) run.externalId = input.external_id;
  if (input.details_url !== undefined) run.detailsUrl = input.details_url;
  if (input.started_at !== undefined) run.startedAt = input.started_at;
  if (input.output !== undefined) run.output = { ...run.output, ...input.output };
  if (input.log !== undefined) run.log = input.log;
  const status = input.conclusion === undefined || input.conclusion === null ? input.status : "completed";
  if (status === undefined) return;
  run.status = status;
  run.conclusion = status === "completed" ? (input.conclusion ?? run.conclusion) : null;
  run.completedAt = status === "completed" ? (input.completed_at ?? now) : null;
}

/** From harmless to grave; a suite says the gravest of its runs. */
const gravity = ["skipped", "neutral", "success", "stale", "cancelled", "action_required", "timed_out", "startup_failure", "failure"];

function settle(forge: Forge, repo: RepoState, suite: CheckSuite, run: CheckRun, wasCompleted: boolean): void {
  if (run.status === "completed" && !wasCompleted) announceRun(forge, repo, suite, run, "completed");
  const latest = latestByName(suite.runs);
  const isDone = latest.every(({ status }) => status === "completed");
  const isNews = isDone && suite.status !== "completed";
  suite.status = isDone ? "completed" : latest.some(({ status }) => status === "in_progress") ? "in_progress" : "queued";
  suite.conclusion = isDone ? gravest(latest) : null;
  suite.updatedAt = new Date().toISOString();
  if (isNews) forge.announce(repo, "check_suite", { action: "completed", check_suite: suiteJson(forge, repo, suite) }, botOf(suite.app));
}

function gravest(runs: readonly CheckRun[]): string | null {
  const said = new Set(runs.map(({ conclusion }) => conclusion));
  return gravity.findLast((conclusion) => said.has(conclusion)) ?? null;
}

function announceRun(forge: Forge, repo: RepoState, suite: CheckSuite, run: CheckRun, action: "created" | "completed"): void {
  const full = { ...runJson(forge, repo, suite, run), check_suite: suiteJson(forge, repo, suite) };
  forge.announce(repo, "check_run", { action, check_run: full }, botOf(run.app));
}

function botOf(app: AppAccount): { login: string; id: number; type: "Bot" } {
  return { login: `${app.slug}[bot]`, id: app.id, type: "Bot" };
}

export function latestByName(runs: readonly CheckRun[]): readonly CheckRun[] {
  return [...new Map(runs.map((run) => [run.name, run])).values()];
}

function appOf(forge: Forge, identity: Identity): AppAccount {
  return identity.kind === "installation" ? forge.app : forge.ciApp;
}

/** GitHub lets only Apps write checks. Here a person may too, and is then taken for the CI. */
async function postRun({ forge, repo, identity, body }: RepoCall): Promise<Answer> {
  const sha = await resolveCommit(repo.gitDir, textOf(body["head_sha"]));
  if (sha === undefined) throw new ApiFault(422, "No commit found for SHA: the head_sha must be in the repository.");
  const input = parseInput(body);
  if (input.name === undefined) throw new ApiFault(422, 'Invalid request. "name" wasn\'t supplied.');
  const run = createRun(forge, repo, appOf(forge, identity), sha, input);
  return created(runJson(forge, repo, findRun(repo, String(run.id)).suite, run));
}

function patchRun({ forge, repo, identity, params, body }: RepoCall): Answer {
  const { suite, run } = findRun(repo, params["id"]);
  if (run.app.id !== appOf(forge, identity).id) throw new ApiFault(403, "Resource not accessible by integration");
  updateRun(forge, repo, run, parseInput(body));
  return ok(runJson(forge, repo, suite, run));
}

const runStatuses = ["queued", "in_progress", "completed"] as const;

function parseInput(body: Json): CheckRunInput {
  const status = runStatuses.find((candidate) => candidate === body["status"]);
  if (body["status"] !== undefined && status === undefined) throw new ApiFault(422, "Invalid status");
  const conclusion = textOrNull(body["conclusion"]);
  if (status === "completed" && conclusion === null) throw new ApiFault(422, "A completed check run needs a conclusion.");
  if (conclusion !== null && !gravity.includes(conclusion)) throw new ApiFault(422, "Invalid conclusion");
  const output = objectOf(body["output"]);
  return {
    ...pick(body, ["name", "external_id"]),
    ...(status === undefined ? {} : { status }),
    ...(conclusion === null ? {} : { conclusion }),
    ...(body["output"] === undefined ? {} : { output: pick(output, ["title", "summary", "text"]) }),
    ...pick(body, ["details_url", "started_at", "completed_at"]),
  };
}

/** Those of the named fields that hold text. */
function pick<Name extends string>(body: Json, names: readonly Name[]): { [Key in Name]?: string } {
  const picked: { [Key in Name]?: string } = {};
  for (const name of names) if (typeof body[name] === "string") picked[name] = textOf(body[name]);
  return picked;
}

function findRun(repo: RepoState, id: string | undefined): { readonly suite: CheckSuite; readonly run: CheckRun } {
  for (const suite of repo.suites) {
    const run = suite.runs.find((candidate) => String(candidate.id) === id);
    if (run !== undefined) return { suite, run };
  }
  throw notFound();
}

function findSuite(repo: RepoState, id: string | undefined): CheckSuite {
  const suite = repo.suites.find((candidate) => String(candidate.id) === id);
  if (suite === undefined) throw notFound();
  return suite;
}

function oneRun({ forge, repo, params }: RepoCall): Json {
  const { suite, run } = findRun(repo, params["id"]);
  return runJson(forge, repo, suite, run);
}

async function suitesOf({ repo, params, query }: RepoCall): Promise<readonly CheckSuite[]> {
  const name = params["ref"] ?? "";
  const sha = await resolveCommit(repo.gitDir, name);
  if (sha === undefined) throw new ApiFault(422, `No commit found for SHA: ${name}`);
  const appId = query.get("app_id");
  return repo.suites.filter((suite) => suite.sha === sha && (appId === null || String(suite.app.id) === appId));
}

function pageOfRuns(call: RepoCall, suites: readonly CheckSuite[]): Answer {
  const { forge, repo, query } = call;
  const runs = suites.flatMap((suite) => {
    const list = query.get("filter") === "all" ? suite.runs : latestByName(suite.runs);
    return list
      .filter((run) => (query.get("check_name") ?? run.name) === run.name && (query.get("status") ?? run.status) === run.status)
      .map((run) => runJson(forge, repo, suite, run));
  });
  return page(call, runs, (slice) => ({ total_count: runs.length, check_runs: slice }));
}

async function listSuites(call: RepoCall): Promise<Answer> {
  const suites = await suitesOf(call);
  const items = suites.map((suite) => ({ ...suiteJson(call.forge, call.repo, suite), repository: call.forge.repoJson(call.repo) }));
  return page(call, items, (slice) => ({ total_count: suites.length, check_suites: slice }));
}

/** The embedded CI runs again by itself; another app is asked to. */
function rerun({ forge, repo, identity }: RepoCall, suite: CheckSuite): Answer {
  if (suite.app.id === forge.ciApp.id) forge.rerunCi(repo, suite.sha);
  else
    forge.announce(repo, "check_suite", { action: "rerequested", check_suite: suiteJson(forge, repo, suite) }, forge.accountOf(identity));
  return created({});
}
