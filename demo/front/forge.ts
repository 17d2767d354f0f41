import type { Json } from "./json.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Emulator } from "./emulator.ts";
import type { ForgeEvents } from "./events.ts";
import type {
  Account,
  AppAccount,
  CheckRun,
  CheckSuite,
  CommitStatus,
  Deployment,
  DeploymentStatus,
  Identity,
  RepoState,
} from "./model.ts";
import type { JobLogs } from "./job-logs.ts";
import type { Tokens } from "./tokens.ts";

/** A ref that was moved, by a push or by the API. */
export interface RefChange {
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

/** What the routes work on: the repositories, who is who, and the ways to tell the world. */
export interface Forge {
  readonly url: string;
  readonly app: AppAccount;
  /** The third party whose checks the repo's CI writes: never the attached bot's own App. */
  readonly ciApp: AppAccount;
  readonly repos: ReadonlyMap<string, RepoState>;
  readonly emulator: Emulator;
  readonly tokens: Tokens;
  readonly events: ForgeEvents;
  readonly deliveries: Deliveries;
  /** Ids of everything the front itself makes: above the emulator's, so that they never meet. */
  nextId(): number;
  accountOf(identity: Identity): Account;
  /** A repository as webhooks and answers show it. */
  repoJson(repo: RepoState): Json;
  /** Sends a webhook about a repo, with `installation`, `repository` and `sender` added. */
  announce(repo: RepoState, event: string, payload: Json, sender: Account): void;
  /** Everything that follows from a ref having moved: events, webhooks, closing keywords, CI. */
  refsMoved(repo: RepoState, changes: readonly RefChange[], by: Identity): void;
  /** Runs CI for a commit once more. */
  rerunCi(repo: RepoState, sha: string): void;
  /** Runs CI for a check run that is queued. */
  runJob(repo: RepoState, run: CheckRun, branch: string | null): void;
  readonly jobLogs: JobLogs;
}

export function accountJson(forge: Forge, account: Account): Json {
  return {
    login: account.login,
    id: account.id,
    node_id: `U_${account.id}`,
    type: account.type,
    site_admin: false,
    url: `${forge.url}/api/v3/users/${encodeURIComponent(account.login)}`,
    html_url: `${forge.url}/${account.login}`,
  };
}

export function appJson(forge: Forge, app: AppAccount): Json {
  return { id: app.id, slug: app.slug, name: app.name, node_id: `A_${app.id}`, html_url: `${forge.url}/apps/${app.slug}` };
}

export function runJson(forge: Forge, repo: RepoState, suite: CheckSuite, run: CheckRun): Json {
  const base = `${forge.url}/api/v3/repos/${repo.fullName}`;
  return {
    id: run.id,
    node_id: `CR_${run.id}`,
    name: run.name,
    head_sha: run.sha,
    external_id: run.externalId,
    url: `${base}/check-runs/${run.id}`,
    html_url: `${forge.url}/${repo.fullName}/runs/${run.id}`,
    details_url: run.detailsUrl,
    status: run.status,
    conclusion: run.conclusion,
    started_at: run.startedAt,
    completed_at: run.completedAt,
    output: { ...run.output, annotations_count: 0, annotations_url: `${base}/check-runs/${run.id}/annotations` },
    check_suite: { id: suite.id },
    app: appJson(forge, run.app),
    pull_requests: [],
  };
}

export function suiteJson(forge: Forge, repo: RepoState, suite: CheckSuite): Json {
  return {
    id: suite.id,
    node_id: `CS_${suite.id}`,
    head_branch: suite.branch,
    head_sha: suite.sha,
    status: suite.status,
    conclusion: suite.conclusion,
    url: `${forge.url}/api/v3/repos/${repo.fullName}/check-suites/${suite.id}`,
    app: appJson(forge, suite.app),
    pull_requests: [],
    latest_check_runs_count: suite.runs.length,
    created_at: suite.createdAt,
    updated_at: suite.updatedAt,
  };
}

export function statusJson(forge: Forge, repo: RepoState, status: CommitStatus): Json {
  return {
    id: status.id,
    node_id: `SC_${status.id}`,
    url: `${forge.url}/api/v3/repos/${repo.fullName}/statuses/${status.sha}`,
    state: status.state,
    context: status.context,
    description: status.description,
    target_url: status.targetUrl,
    creator: accountJson(forge, status.creator),
    created_at: status.createdAt,
    updated_at: status.createdAt,
  };
}

export function deploymentJson(forge: Forge, repo: RepoState, deployment: Deployment): Json {
  const url = `${forge.url}/api/v3/repos/${repo.fullName}/deployments/${deployment.id}`;
  return {
    id: deployment.id,
    node_id: `DE_${deployment.id}`,
    url,
    sha: deployment.sha,
    ref: deployment.ref,
    task: "deploy",
    payload: {},
    environment: deployment.environment,
    original_environment: deployment.environment,
    description: deployment.description,
    creator: accountJson(forge, deployment.creator),
    created_at: deployment.createdAt,
    updated_at: deployment.statuses.at(-1)?.createdAt ?? deployment.createdAt,
    statuses_url: `${url}/statuses`,
    repository_url: `${forge.url}/api/v3/repos/${repo.fullName}`,
  };
}

export function deploymentStatusJson(forge: Forge, repo: RepoState, deployment: Deployment, status: DeploymentStatus): Json {
  const url = `${forge.url}/api/v3/repos/${repo.fullName}/deployments/${deployment.id}`;
  return {
    id: status.id,
    node_id: `DES_${status.id}`,
    url: `${url}/statuses/${status.id}`,
    state: status.state,
    environment: deployment.environment,
    description: status.description,
    log_url: status.logUrl,
    target_url: status.logUrl,
    environment_url: "",
    creator: accountJson(forge, status.creator),
    created_at: status.createdAt,
    updated_at: status.createdAt,
    deployment_url: url,
  };
}
