import { gitBytes, gitText, isSafeName, resolveCommit, tryGitText, zeroOid } from "../bare-repo.ts";
import type { Forge } from "../forge.ts";
import type { Json } from "../json.ts";
import type { RepoState } from "../model.ts";
import { ApiFault, created, cutPage, notFound, ok, page, type Answer, type RepoCall, type RepoRoute } from "../router.ts";

/**
 * Contents, refs, branches, commits and comparisons, answered from the bare repository: what a push has moved is what the API
 * says, with no second copy in the emulator to keep equal (modes, symlinks, binary files and history of any size included).
 */
export const gitDataRoutes: readonly RepoRoute[] = [
  { method: "GET", path: "/contents", needs: ["contents", "read"], handle: contents },
  { method: "GET", path: "/contents/:path*", needs: ["contents", "read"], handle: contents },
  { method: "GET", path: "/git/ref/:ref*", needs: ["contents", "read"], handle: getRef },
  { method: "GET", path: "/git/matching-refs/:ref*", needs: ["contents", "read"], handle: matchingRefs },
  { method: "POST", path: "/git/refs", needs: ["contents", "write"], handle: createRef },
  { method: "PATCH", path: "/git/refs/:ref*", needs: ["contents", "write"], handle: updateRef },
  { method: "DELETE", path: "/git/refs/:ref*", needs: ["contents", "write"], handle: deleteRef },
  { method: "GET", path: "/git/commits/:sha", needs: ["contents", "read"], handle: getGitCommit },
  { method: "GET", path: "/git/trees/:sha", needs: ["contents", "read"], handle: getTree },
  { method: "GET", path: "/git/blobs/:sha", needs: ["contents", "read"], handle: getBlob },
  { method: "GET", path: "/branches", needs: ["contents", "read"], handle: listBranches },
  { method: "GET", path: "/branches/:branch*", needs: ["contents", "read"], handle: getBranch },
  { method: "GET", path: "/rules/branches/:branch*", needs: ["metadata", "read"], handle: branchRules },
  { method: "GET", path: "/compare/:range*", needs: ["contents", "read"], handle: compare },
  { method: "GET", path: "/commits", needs: ["contents", "read"], handle: listCommits },
  { method: "GET", path: "/commits/:ref*", needs: ["contents", "read"], handle: getCommit },
];

async function contents(call: RepoCall): Promise<Answer> {
  const { repo, params, query } = call;
  const ref = query.get("ref") ?? repo.defaultBranch;
  const path = (params["path"] ?? "").replace(/\/+$/, "");
  const sha = await commitOf(repo, ref);
  const entries = await listTree(repo, sha, path);
  const self = entries.find((entry) => entry.path === path);
  if (self === undefined || self.type === "tree") {
    const inside = path === "" ? entries : await listTree(repo, sha, `${path}/`);
    if (inside.length === 0) throw notFound();
    return ok(inside.map((entry) => entryJson(call, entry, ref)));
  }
  if (self.type === "commit") return ok({ ...entryJson(call, self, ref), submodule_git_url: null });
  const bytes = await gitBytes(repo.gitDir, ["cat-file", "blob", self.sha]);
  if (/\braw\b/.test(call.accept))
    return { status: 200, body: bytes, headers: { "content-type": "application/vnd.github.raw+json; charset=utf-8" } };
  if (self.mode === "120000") return ok({ ...entryJson(call, self, ref), target: bytes.toString("utf8") });
  // GitHub gives content in JSON up to 1 MB.
  const isLarge = bytes.length > 1024 * 1024;
  return ok({ ...entryJson(call, self, ref), encoding: isLarge ? "none" : "base64", content: isLarge ? "" : wrapBase64(bytes) });
}

type ObjectType = "blob" | "tree" | "commit";

interface TreeEntry {
  readonly mode: string;
  readonly type: ObjectType;
  readonly sha: string;
  readonly size: number | null;
  readonly path: string;
}

async function listTree(repo: RepoState, sha: string, path: string, isRecursive = false): Promise<readonly TreeEntry[]> {
  const args = [
    "--literal-pathspecs",
    "ls-tree",
    "-z",
    "--long",
    "--full-tree",
    ...(isRecursive ? ["-r", "-t"] : []),
    sha,
    ...(path === "" ? [] : ["--", path]),
  ];
  const text = (await tryGitText(repo.gitDir, args)) ?? "";
  return text
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => {
      const [, mode = "", kind = "", oid = "", size = "", name = ""] = /^(\d+) (\w+) (\w+) +(\S+)\t(.*)$/s.exec(line) ?? [];
      const type: ObjectType = kind === "tree" || kind === "commit" ? kind : "blob";
      return { mode, type, sha: oid, size: size === "-" ? null : Number(size), path: name };
    });
}

function entryJson({ forge, repo }: RepoCall, entry: TreeEntry, ref: string): Json {
  const url = `${forge.url}/api/v3/repos/${repo.fullName}/contents/${encodeURI(entry.path)}?ref=${encodeURIComponent(ref)}`;
  const html = `${forge.url}/${repo.fullName}/blob/${ref}/${encodeURI(entry.path)}`;
  const types = { tree: "dir", commit: "submodule", blob: entry.mode === "120000" ? "symlink" : "file" } as const;
  return {
    type: types[entry.type],
    name: entry.path.split("/").at(-1),
    path: entry.path,
    sha: entry.sha,
    size: entry.size ?? 0,
    url,
    html_url: html,
    git_url: `${forge.url}/api/v3/repos/${repo.fullName}/git/${entry.type === "tree" ? "trees" : "blobs"}/${entry.sha}`,
    download_url: entry.type === "blob" ? `${forge.url}/${repo.fullName}/raw/${ref}/${encodeURI(entry.path)}` : null,
    _links: { self: url, html, git: null },
  };
}

function wrapBase64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/.{60}/g, "$&\n");
}

async function getRef({ forge, repo, params }: RepoCall): Promise<Answer> {
  const ref = fullRef(params["ref"]);
  const line = await tryGitText(repo.gitDir, ["for-each-ref", "--format=%(objectname) %(objecttype) %(refname)", ref]);
  const exact = (line ?? "").split("\n").find((candidate) => candidate.endsWith(` ${ref}`));
  if (exact === undefined) throw notFound();
  return ok(refJson(forge, repo, exact));
}

async function matchingRefs(call: RepoCall): Promise<Answer> {
  const prefix = fullRef(call.params["ref"]);
  const lines = (await gitText(call.repo.gitDir, ["for-each-ref", "--format=%(objectname) %(objecttype) %(refname)"])).split("\n");
  const matching = lines.filter((line) => line.split(" ")[2]?.startsWith(prefix));
  return page(
    call,
    matching.map((line) => refJson(call.forge, call.repo, line)),
  );
}

function refJson(forge: Forge, repo: RepoState, line: string): Json {
  const [sha = "", type = "", ref = ""] = line.trim().split(" ");
  const base = `${forge.url}/api/v3/repos/${repo.fullName}/git`;
  return { ref, node_id: `REF_${ref}`, url: `${base}/${ref}`, object: { sha, type, url: `${base}/${type}s/${sha}` } };
}

async function createRef(call: RepoCall): Promise<Answer> {
  const { forge, repo, body } = call;
  const ref = String(body["ref"]);
  if (!ref.startsWith("refs/") || !isSafeName(ref)) throw new ApiFault(422, "Reference name must start with 'refs/'.");
  await moveRef(call, ref, String(body["sha"]), zeroOid, "Reference already exists");
  return created(refJson(forge, repo, `${String(body["sha"])} commit ${ref}`));
}

async function updateRef(call: RepoCall): Promise<Answer> {
  const { forge, repo, body, params } = call;
  const ref = fullRef(params["ref"]);
  const before = await oidOf(repo, ref);
  const after = String(body["sha"]);
  if (!isSafeName(after)) throw new ApiFault(422, "Object does not exist");
  const isForward = (await tryGitText(repo.gitDir, ["merge-base", "--is-ancestor", before, after])) !== undefined;
  if (!isForward && body["force"] !== true) throw new ApiFault(422, "Update is not a fast forward");
  await moveRef(call, ref, after, before, "Object does not exist");
  return ok(refJson(forge, repo, `${after} commit ${ref}`));
}

async function deleteRef(call: RepoCall): Promise<Answer> {
  const ref = fullRef(call.params["ref"]);
  await moveRef(call, ref, zeroOid, await oidOf(call.repo, ref), "Reference does not exist");
  return { status: 204 };
}

async function moveRef({ forge, repo, identity }: RepoCall, ref: string, after: string, before: string, fault: string): Promise<void> {
  if (isProtectedFor(repo, ref) && identity.kind === "installation") throw new ApiFault(422, `Protected branch update failed for ${ref}.`);
  if (!isSafeName(after)) throw new ApiFault(422, "Object does not exist");
  const moved = await tryGitText(repo.gitDir, ["update-ref", "--end-of-options", ref, after, before]);
  if (moved === undefined) throw new ApiFault(422, fault);
  forge.refsMoved(repo, [{ ref, before, after }], identity);
}

/** Whether a rule keeps Apps from moving the ref. */
export function isProtectedFor(repo: RepoState, ref: string): boolean {
  return ref.startsWith("refs/heads/") && repo.protectedBranches.has(ref.slice("refs/heads/".length));
}

async function oidOf(repo: RepoState, ref: string): Promise<string> {
  const sha = await tryGitText(repo.gitDir, ["rev-parse", "--verify", "--quiet", "--end-of-options", ref]);
  if (sha === undefined) throw new ApiFault(422, "Reference does not exist");
  return sha.trim();
}

function fullRef(param: string | undefined): string {
  const ref = `refs/${(param ?? "").replace(/^refs\//, "")}`;
  if (!isSafeName(ref)) throw notFound();
  return ref;
}

async function commitOf(repo: RepoState, name: string): Promise<string> {
  const sha = await resolveCommit(repo.gitDir, name);
  if (sha === undefined) throw new ApiFault(404, `No commit found for the ref ${name}`);
  return sha;
}

async function getGitCommit({ forge, repo, params }: RepoCall): Promise<Answer> {
  const { sha, node_id, commit, parents } = await commitJson(forge, repo, await commitOf(repo, params["sha"] ?? ""));
  const { author, committer, message, tree, url, verification } = commit;
  return ok({ sha, node_id, url, author, committer, message, tree, verification, parents });
}

async function getTree({ forge, repo, params, query }: RepoCall): Promise<Answer> {
  const name = params["sha"] ?? "";
  const sha = isSafeName(name)
    ? await tryGitText(repo.gitDir, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{tree}`])
    : undefined;
  if (sha === undefined) throw notFound();
  const entries = await listTree(repo, sha.trim(), "", query.get("recursive") !== null);
  const base = `${forge.url}/api/v3/repos/${repo.fullName}/git`;
  const tree = entries.map(({ size, ...entry }) => ({
    ...entry,
    ...(size === null ? {} : { size }),
    url: `${base}/${entry.type}s/${entry.sha}`,
  }));
  return ok({ sha: sha.trim(), url: `${base}/trees/${sha.trim()}`, tree, truncated: false });
}

async function getBlob({ repo, params, accept }: RepoCall): Promise<Answer> {
  const sha = params["sha"] ?? "";
  if (!/^[0-9a-f]{40}$/.test(sha) || (await tryGitText(repo.gitDir, ["cat-file", "-e", sha])) === undefined) throw notFound();
  const bytes = await gitBytes(repo.gitDir, ["cat-file", "blob", sha]);
  if (/\braw\b/.test(accept))
    return { status: 200, body: bytes, headers: { "content-type": "application/vnd.github.raw+json; charset=utf-8" } };
  return ok({ sha, size: bytes.length, encoding: "base64", content: wrapBase64(bytes) });
}

async function listBranches(call: RepoCall): Promise<Answer> {
  const { repo } = call;
  const lines = (await gitText(repo.gitDir, ["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads/"]))
    .split("\n")
    .filter(Boolean);
  const items = lines.map((line) => ({
    name: line.slice(41),
    commit: { sha: line.slice(0, 40) },
    protected: repo.protectedBranches.has(line.slice(41)),
  }));
  return page(call, items);
}

async function getBranch({ forge, repo, params }: RepoCall): Promise<Answer> {
  const name = params["branch"] ?? "";
  const sha = isSafeName(name) ? await tryGitText(repo.gitDir, ["rev-parse", "--verify", "--quiet", `refs/heads/${name}`]) : undefined;
  if (sha === undefined) throw new ApiFault(404, "Branch not found");
  const isProtected = repo.protectedBranches.has(name);
  return ok({
    name,
    commit: await commitJson(forge, repo, sha.trim()),
    protected: isProtected,
    protection: { enabled: isProtected, required_status_checks: { enforcement_level: "off", contexts: [], checks: [] } },
    protection_url: `${forge.url}/api/v3/repos/${repo.fullName}/branches/${encodeURIComponent(name)}/protection`,
  });
}

function branchRules({ repo, params }: RepoCall): Answer {
  const rule = {
    type: "pull_request",
    ruleset_source_type: "Repository",
    ruleset_source: repo.fullName,
    ruleset_id: repo.id,
    parameters: {
      required_approving_review_count: 1,
      dismiss_stale_reviews_on_push: false,
      require_code_owner_review: false,
      require_last_push_approval: false,
      required_review_thread_resolution: false,
    },
  };
  return ok(repo.protectedBranches.has(params["branch"] ?? "") ? [rule] : []);
}

async function compare({ forge, repo, params }: RepoCall): Promise<Answer> {
  const [baseName, headName, more] = (params["range"] ?? "").split("...");
  if (baseName === undefined || headName === undefined || more !== undefined) throw notFound();
  const [base, head] = await Promise.all([commitOf(repo, baseName), commitOf(repo, headName)]);
  const mergeBase = (await tryGitText(repo.gitDir, ["merge-base", base, head]))?.trim();
  if (mergeBase === undefined) throw new ApiFault(404, `No common ancestor between ${baseName} and ${headName}.`);
  const counts = await gitText(repo.gitDir, ["rev-list", "--left-right", "--count", `${base}...${head}`]);
  const [behind = 0, ahead = 0] = counts.trim().split("\t").map(Number);
  const shas = (await gitText(repo.gitDir, ["rev-list", "--reverse", "--max-count=250", `${base}..${head}`])).split("\n").filter(Boolean);
  return ok({
    url: `${forge.url}/api/v3/repos/${repo.fullName}/compare/${baseName}...${headName}`,
    status: ahead > 0 && behind > 0 ? "diverged" : ahead > 0 ? "ahead" : behind > 0 ? "behind" : "identical",
    ahead_by: ahead,
    behind_by: behind,
    total_commits: ahead,
    base_commit: await commitJson(forge, repo, base),
    merge_base_commit: await commitJson(forge, repo, mergeBase),
    commits: await Promise.all(shas.map((sha) => commitJson(forge, repo, sha))),
    files: await changedFiles(repo, mergeBase, head),
  });
}

async function listCommits(call: RepoCall): Promise<Answer> {
  const { forge, repo, query } = call;
  const sha = await commitOf(repo, query.get("sha") ?? repo.defaultBranch);
  const path = query.get("path");
  const filters = ["since", "until"].flatMap((name) => (query.get(name) === null ? [] : [`--${name}=${query.get(name) ?? ""}`]));
  const shas = (await gitText(repo.gitDir, ["rev-list", "--max-count=1000", ...filters, sha, "--", ...(path === null ? [] : [path])]))
    .split("\n")
    .filter(Boolean);
  const { items, headers } = cutPage(call, shas);
  return { status: 200, body: await Promise.all(items.map((each) => commitJson(forge, repo, each))), headers };
}

async function getCommit({ forge, repo, params, accept }: RepoCall): Promise<Answer> {
  const sha = await commitOf(repo, params["ref"] ?? "");
  if (/\bsha\b/.test(accept))
    return { status: 200, body: Buffer.from(sha), headers: { "content-type": "application/vnd.github.sha; charset=utf-8" } };
  const json = await commitJson(forge, repo, sha);
  const files = await changedFiles(repo, json.parents[0]?.sha ?? emptyTree, sha);
  const sum = (key: string): number => files.reduce((total, file) => total + Number(file[key]), 0);
  return ok({ ...json, stats: { total: sum("changes"), additions: sum("additions"), deletions: sum("deletions") }, files });
}

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

interface Signature {
  readonly name: string;
  readonly email: string;
  readonly date: string;
}

/** A commit as lists, branches and comparisons show it. */
export interface CommitJson extends Json {
  readonly sha: string;
  readonly html_url: string;
  readonly commit: {
    readonly message: string;
    readonly author: Signature;
    readonly committer: Signature;
    readonly tree: Json;
    readonly url: string;
    readonly comment_count: number;
    readonly verification: Json;
  };
  readonly parents: readonly { readonly sha: string; readonly url: string }[];
}

export async function commitJson(forge: Forge, repo: RepoState, sha: string): Promise<CommitJson> {
  const format = ["%H", "%T", "%P", "%an", "%ae", "%aI", "%cn", "%ce", "%cI", "%B"].join("%x00");
  const fields = (await gitText(repo.gitDir, ["show", "--no-patch", `--format=${format}`, sha])).split("\0");
  const [oid = "", tree = "", parents = "", an = "", ae = "", ad = "", cn = "", ce = "", cd = "", message = ""] = fields;
  const api = `${forge.url}/api/v3/repos/${repo.fullName}`;
  return {
    sha: oid,
    node_id: `C_${oid}`,
    url: `${api}/commits/${oid}`,
    html_url: `${forge.url}/${repo.fullName}/commit/${oid}`,
    commit: {
      author: { name: an, email: ae, date: toUtc(ad) },
      committer: { name: cn, email: ce, date: toUtc(cd) },
      message: message.replace(/\n+$/, ""),
      tree: { sha: tree, url: `${api}/git/trees/${tree}` },
      url: `${api}/git/commits/${oid}`,
      comment_count: 0,
      verification: { verified: false, reason: "unsigned", signature: null, payload: null },
    },
    author: null,
    committer: null,
    parents: parents
      .split(" ")
      .filter(Boolean)
      .map((parent) => ({ sha: parent, url: `${api}/commits/${parent}` })),
  };
}

function toUtc(date: string): string {
  return new Date(date).toISOString().replace(".000Z", "Z");
}

/** The files between two commits, with their patches, as comparisons and pull requests list them. */
export async function changedFiles(repo: RepoState, from: string, to: string): Promise<readonly Json[]> {
  const raw = (await gitText(repo.gitDir, ["diff", "--raw", "-z", "--no-abbrev", "-M", from, to])).split("\0");
  const numbers = (await gitText(repo.gitDir, ["diff", "--numstat", "-z", "--no-renames", from, to])).split("\0");
  const lines = new Map(numbers.filter(Boolean).map((line) => [line.split("\t")[2] ?? "", line.split("\t")] as const));
  const names: Record<string, string> = { A: "added", D: "removed", M: "modified", R: "renamed", C: "copied", T: "changed" };
  const files: Json[] = [];
  for (let index = 0; index < raw.length && raw[index] !== "";) {
    const [, , , sha = "", letter = ""] = (raw[index] ?? "").split(" ");
    const isMove = letter.startsWith("R") || letter.startsWith("C");
    const filename = raw[index + (isMove ? 2 : 1)] ?? "";
    const [added = "0", removed = "0"] = lines.get(filename) ?? [];
    const [additions, deletions] = [Number(added) || 0, Number(removed) || 0];
    const patch = added === "-" ? undefined : await gitText(repo.gitDir, ["--literal-pathspecs", "diff", from, to, "--", filename]);
    files.push({
      sha,
      filename,
      status: names[letter.charAt(0)] ?? "changed",
      additions,
      deletions,
      changes: additions + deletions,
      ...(isMove ? { previous_filename: raw[index + 1] } : {}),
      ...(patch === undefined || !patch.includes("@@") ? {} : { patch: patch.slice(patch.indexOf("@@")).replace(/\n$/, "") }),
    });
    index += isMove ? 3 : 2;
  }
  return files;
}
