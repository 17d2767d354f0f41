import { resolveCommit } from "../bare-repo.ts";
import { deploymentJson, deploymentStatusJson, statusJson, type Forge } from "../forge.ts";
import { textOf, textOrNull, type Json } from "../json.ts";
import type { Account, CommitStatus, Deployment, DeploymentStatus, RepoState } from "../model.ts";
import { ApiFault, created, notFound, ok, page, type Answer, type RepoCall, type RepoRoute } from "../router.ts";
import { commitJson } from "./git-data.ts";

/** Commit statuses and deployments: the emulator has neither. */
export const statusRoutes: readonly RepoRoute[] = [
  { method: "POST", path: "/statuses/:sha", needs: ["statuses", "write"], handle: postStatus },
  { method: "GET", path: "/commits/:ref*/statuses", needs: ["statuses", "read"], handle: listStatuses },
  { method: "GET", path: "/statuses/:ref*", needs: ["statuses", "read"], handle: listStatuses },
  { method: "GET", path: "/commits/:ref*/status", needs: ["statuses", "read"], handle: combinedStatus },
  { method: "POST", path: "/deployments", needs: ["deployments", "write"], handle: postDeployment },
  { method: "GET", path: "/deployments", needs: ["deployments", "read"], handle: listDeployments },
  {
    method: "GET",
    path: "/deployments/:id",
    needs: ["deployments", "read"],
    handle: (call) => ok(deploymentJson(call.forge, call.repo, findDeployment(call))),
  },
  { method: "POST", path: "/deployments/:id/statuses", needs: ["deployments", "write"], handle: postDeploymentStatus },
  { method: "GET", path: "/deployments/:id/statuses", needs: ["deployments", "read"], handle: listDeploymentStatuses },
];

export interface StatusInput {
  readonly state: CommitStatus["state"];
  /** Default `default`, as on GitHub. */
  readonly context?: string;
  readonly description?: string | null;
  readonly target_url?: string | null;
}

/** Sets a status on a commit that exists and announces it. */
export async function addStatus(forge: Forge, repo: RepoState, sha: string, input: StatusInput, creator: Account): Promise<CommitStatus> {
  const status: CommitStatus = {
    id: forge.nextId(),
    sha,
    state: input.state,
    context: input.context ?? "default",
    description: input.description ?? null,
    targetUrl: input.target_url ?? null,
    creator,
    createdAt: new Date().toISOString(),
  };
  repo.statuses.push(status);
  const { state, context, description, targetUrl, id, createdAt } = status;
  const payload = {
    id,
    sha,
    name: repo.fullName,
    state,
    context,
    description,
    target_url: targetUrl,
    branches: [],
    created_at: createdAt,
    updated_at: createdAt,
  };
  forge.announce(repo, "status", { ...payload, commit: await commitJson(forge, repo, sha) }, creator);
  return status;
}

export function addDeployment(
  forge: Forge,
  repo: RepoState,
  input: Pick<Deployment, "sha" | "ref" | "environment" | "description">,
  creator: Account,
): Deployment {
  const deployment: Deployment = { ...input, id: forge.nextId(), creator, createdAt: new Date().toISOString(), statuses: [] };
  repo.deployments.push(deployment);
  forge.announce(repo, "deployment", { action: "created", deployment: deploymentJson(forge, repo, deployment) }, creator);
  return deployment;
}

export function addDeploymentStatus(
  forge: Forge,
  repo: RepoState,
  deployment: Deployment,
  input: Pick<DeploymentStatus, "state" | "description" | "logUrl">,
  creator: Account,
): DeploymentStatus {
  const status: DeploymentStatus = { ...input, id: forge.nextId(), creator, createdAt: new Date().toISOString() };
  deployment.statuses.push(status);
  const payload = {
    action: "created",
    deployment_status: deploymentStatusJson(forge, repo, deployment, status),
    deployment: deploymentJson(forge, repo, deployment),
  };
  forge.announce(repo, "deployment_status", payload, creator);
  return status;
}

const statusStates = ["error", "failure", "pending", "success"] as const;

async function postStatus({ forge, repo, identity, params, body }: RepoCall): Promise<Answer> {
  const name = params["sha"] ?? "";
  const sha = await resolveCommit(repo.gitDir, name);
  if (sha === undefined) throw new ApiFault(422, `No commit found for SHA: ${name}`);
  const state = statusStates.find((candidate) => candidate === body["state"]);
  if (state === undefined) throw new ApiFault(422, "Validation Failed");
  const input = {
    state,
    context: textOf(body["context"], "default"),
    description: textOrNull(body["description"]),
    target_url: textOrNull(body["target_url"]),
  };
  const status = await addStatus(forge, repo, sha, input, forge.accountOf(identity));
  return created(statusJson(forge, repo, status));
}

async function statusesOf({ repo, params }: RepoCall): Promise<{ readonly sha: string; readonly newestFirst: readonly CommitStatus[] }> {
  const sha = await resolveCommit(repo.gitDir, params["ref"] ?? "");
  if (sha === undefined) throw notFound();
  return { sha, newestFirst: repo.statuses.filter((status) => status.sha === sha).toReversed() };
}

async function listStatuses(call: RepoCall): Promise<Answer> {
  const { newestFirst } = await statusesOf(call);
  return page(
    call,
    newestFirst.map((status) => statusJson(call.forge, call.repo, status)),
  );
}

async function combinedStatus(call: RepoCall): Promise<Answer> {
  const { forge, repo } = call;
  const { sha, newestFirst } = await statusesOf(call);
  const latest = newestFirst.filter((status, index) => newestFirst.findIndex(({ context }) => context === status.context) === index);
  return page(
    call,
    latest.map((status) => statusJson(forge, repo, status)),
    (slice) => ({
      state: combine(latest),
      statuses: slice,
      sha,
      total_count: latest.length,
      repository: forge.repoJson(repo),
      url: `${forge.url}/api/v3/repos/${repo.fullName}/commits/${sha}/status`,
    }),
  );
}

/** As on GitHub, a commit without statuses is pending. */
function combine(latest: readonly CommitStatus[]): string {
  if (latest.some(({ state }) => state === "error" || state === "failure")) return "failure";
  return latest.length === 0 || latest.some(({ state }) => state === "pending") ? "pending" : "success";
}

async function postDeployment({ forge, repo, identity, body }: RepoCall): Promise<Answer> {
  const ref = textOf(body["ref"]);
  const sha = await resolveCommit(repo.gitDir, ref);
  if (sha === undefined) throw new ApiFault(422, `No ref found for: ${ref}`);
  const input = { sha, ref, environment: textOf(body["environment"], "production"), description: textOrNull(body["description"]) };
  return created(deploymentJson(forge, repo, addDeployment(forge, repo, input, forge.accountOf(identity))));
}

function listDeployments(call: RepoCall): Answer {
  const { forge, repo, query } = call;
  const matches = (deployment: Deployment): boolean =>
    (["sha", "ref", "environment"] as const).every((key) => query.get(key) === null || query.get(key) === deployment[key]);
  return page(
    call,
    repo.deployments
      .filter(matches)
      .toReversed()
      .map((deployment) => deploymentJson(forge, repo, deployment)),
  );
}

function postDeploymentStatus(call: RepoCall): Answer {
  const { forge, repo, identity, body } = call;
  const deployment = findDeployment(call);
  const input = { state: String(body["state"]), description: textOrNull(body["description"]), logUrl: textOrNull(body["log_url"]) };
  const status = addDeploymentStatus(forge, repo, deployment, input, forge.accountOf(identity));
  return created(deploymentStatusJson(forge, repo, deployment, status));
}

function listDeploymentStatuses(call: RepoCall): Answer {
  const deployment = findDeployment(call);
  const items: Json[] = deployment.statuses.toReversed().map((status) => deploymentStatusJson(call.forge, call.repo, deployment, status));
  return page(call, items);
}

function findDeployment({ repo, params }: RepoCall): Deployment {
  const deployment = repo.deployments.find(({ id }) => String(id) === params["id"]);
  if (deployment === undefined) throw notFound();
  return deployment;
}
