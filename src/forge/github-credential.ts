import { repoKey, type Repo } from "../core/run.ts";
import type { GitCredential } from "../git/run-git.ts";
import { ForgeError } from "../ports.ts";
import { tokenAnswer } from "./github-answers.ts";
import type { GitHubClient } from "./github-client.ts";

/** A token is handed out until this long before its end: the longest git operation is given 10 minutes, but begins with its credential. */
const spareMs = 5 * 60_000;

/**
 * Mints what git needs for one repo: an installation token narrowed to that repo and to writing its contents. A token lives an hour and is
 * handed out again until 5 minutes before its end, so that renewing a lease every few minutes does not mint one each time; unless the forge has
 * refused it meanwhile.
 */
export function createCredentials(client: GitHubClient): (repo: Repo, refused?: GitCredential) => Promise<GitCredential> {
  const minted = new Map<string, { readonly credential: GitCredential; readonly installationId: number; readonly untilMs: number }>();

  return async function credential(repo, refused) {
    const installation = await client.installation(repo);
    if (installation === undefined) throw new ForgeError("the app is not installed in this repository", 404);
    const known = minted.get(repoKey(repo));
    const isGood = known?.installationId === installation.id && client.now() < known.untilMs && known.credential.token !== refused?.token;
    if (known !== undefined && isGood) return known.credential;
    const call = {
      route: "POST /app/installations/{installation_id}/access_tokens",
      params: { installation_id: installation.id, repositories: [repo.name], permissions: { contents: "write" } },
    };
    const answer = await client.asApp(call, tokenAnswer);
    const fresh = { username: "x-access-token", token: answer.token };
    minted.set(repoKey(repo), { credential: fresh, installationId: installation.id, untilMs: Date.parse(answer.expires_at) - spareMs });
    return fresh;
  };
}
