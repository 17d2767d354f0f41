import { objectOf, textOf, type Json } from "../json.ts";
import { covers, may, permissionOf, type Permission, type RepoState } from "../model.ts";
import { ApiFault, notFound, ok, page, type Answer, type Call, type RepoCall, type RepoRoute, type Route } from "../router.ts";

/** Repositories and their people, as the caller's own permissions show them. */
export const repoRoutes: readonly RepoRoute[] = [
  { method: "GET", path: "", needs: ["metadata", "read"], handle: getRepo },
  { method: "GET", path: "/installation", handle: getInstallation },
  { method: "GET", path: "/collaborators/:login/permission", needs: ["metadata", "read"], handle: getPermission },
  { method: "PUT", path: "/collaborators/:login", handle: putCollaborator },
  { method: "DELETE", path: "/collaborators/:login", handle: deleteCollaborator },
];

/** Routes outside of one repository. */
export const accountRoutes: readonly Route[] = [
  { method: "GET", path: "/installation/repositories", handle: installationRepositories },
  { method: "POST", path: "/app/installations/:id/access_tokens", handle: mintToken },
];

async function getRepo(call: RepoCall): Promise<Answer> {
  const answer = await call.upstream();
  return answer.status === 200 ? ok({ ...objectOf(answer.body), permissions: rightsOf(call) }) : answer;
}

function rightsOf({ identity, repo }: Pick<RepoCall, "identity" | "repo">): Json {
  const own = identity.kind === "person" ? permissionOf(repo, identity.login) : "none";
  const push = own === "admin" || own === "write" || (identity.kind === "installation" && may(identity, repo, "contents", "write"));
  return { admin: own === "admin", maintain: own === "admin", push, triage: own === "admin" || own === "write", pull: true };
}

/** The App's own view, asked for with its JWT. */
async function getInstallation(call: RepoCall): Promise<Answer> {
  if (call.identity.kind !== "app") throw new ApiFault(401, "A JSON web token could not be decoded");
  return call.upstream();
}

const apiNames = { admin: "admin", write: "push", read: "pull" } as const;
const fromApiName: Readonly<Record<string, Permission>> = {
  admin: "admin",
  maintain: "write",
  push: "write",
  write: "write",
  triage: "read",
  pull: "read",
  read: "read",
};

/** GitHub answers for every account that exists, members or not; the emulator only for members, and in other words. */
async function getPermission(call: RepoCall): Promise<Answer> {
  const { repo, params } = call;
  const login = params["login"] ?? "";
  const user = await call.upstream({ path: `/users/${encodeURIComponent(login)}` });
  if (user.status !== 200) throw new ApiFault(404, `${login} is not a user`);
  const permission = permissionOf(repo, login);
  const rights = {
    admin: permission === "admin",
    maintain: permission === "admin",
    push: permission === "admin" || permission === "write",
    triage: permission === "admin" || permission === "write",
    pull: permission !== "none",
  };
  return ok({ permission, role_name: permission, user: { ...objectOf(user.body), permissions: rights, role_name: permission } });
}

async function putCollaborator(call: RepoCall): Promise<Answer> {
  const permission = fromApiName[textOf(call.body["permission"], "push")];
  if (permission === undefined || permission === "none") throw new ApiFault(422, "Validation Failed");
  const answer = await call.upstream({ body: { permission: apiNames[permission] } });
  if (answer.status < 300) call.repo.permissions.set(call.params["login"] ?? "", permission);
  return answer;
}

async function deleteCollaborator(call: RepoCall): Promise<Answer> {
  const answer = await call.upstream();
  if (answer.status < 300) call.repo.permissions.delete(call.params["login"] ?? "");
  return answer;
}

function installationRepositories(call: Call): Answer {
  const { identity, forge } = call;
  if (identity.kind !== "installation")
    throw new ApiFault(403, "You must authenticate with an installation access token in order to list repositories for an installation.");
  const repos = [...forge.repos.values()].filter((repo) => covers(identity, repo));
  const items = repos.map((repo: RepoState) => ({ ...forge.repoJson(repo), permissions: rightsOf({ identity, repo }) }));
  return page(call, items, (slice) => ({
    total_count: repos.length,
    repository_selection: identity.repositories === "all" ? "all" : "selected",
    repositories: slice,
  }));
}

/** Remembers every token that is minted, and what it was narrowed to: git over HTTP asks for it. */
async function mintToken(call: Call): Promise<Answer> {
  const answer = await call.upstream();
  if (answer.status !== 201) return answer;
  const id = Number(call.path.split("/")[3]);
  const owner = [...call.forge.repos.values()].find(({ installationId }) => installationId === id)?.owner;
  if (owner === undefined) throw notFound();
  call.forge.tokens.remember(id, owner, JSON.stringify(call.body), objectOf(answer.body));
  return answer;
}
