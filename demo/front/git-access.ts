import type { Forge } from "./forge.ts";
import type { BasicCredential, GitHttpOptions } from "./git-http.ts";
import { may, type Identity } from "./model.ts";
import { isProtectedFor } from "./routes/git-data.ts";

/** Who may read and push over HTTP, and what follows from a push: the front's rules on top of plain git. */
export function createGitAccess(forge: Forge): Required<Pick<GitHttpOptions, "authorize" | "onPush" | "refusePush">> {
  const identify = (credential: BasicCredential | undefined): Identity | undefined => forge.tokens.identify(credential?.password);
  return {
    authorize(name, credential, wants) {
      const identity = identify(credential);
      if (identity === undefined || identity.kind === "app") return 401;
      const repo = forge.repos.get(name.toLowerCase());
      const isReadable = repo !== undefined && (may(identity, repo, "contents", "read") || !repo.isPrivate);
      // Without a credential everything asks for one, so that nothing tells which private repositories there are.
      if (identity.kind === "anonymous") return isReadable && wants === "read" ? true : 401;
      if (!isReadable) return repo !== undefined && may(identity, repo, "metadata", "read") ? 403 : 404;
      return wants === "read" || may(identity, repo, "contents", "write") ? true : 403;
    },
    refusePush(name, credential, commands) {
      const repo = forge.repos.get(name.toLowerCase());
      if (repo === undefined || identify(credential)?.kind !== "installation") return [];
      return commands
        .filter(({ ref }) => isProtectedFor(repo, ref))
        .map(({ ref }) => ({
          ref,
          reason: "protected branch hook declined",
          message: `error: GH006: Protected branch update failed for ${ref}.\nerror: Changes must be made through a pull request.`,
        }));
    },
    onPush({ repo: name, credential, ref, before, after }) {
      const repo = forge.repos.get(name.toLowerCase());
      const identity = identify(credential);
      if (repo !== undefined) forge.refsMoved(repo, [{ ref, before, after }], identity ?? { kind: "anonymous" });
    },
  };
}
