import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBareRepo, tryGitText } from "../../demo/front/bare-repo.ts";
import { createGitHttp, type GitAccess } from "../../demo/front/git-http.ts";
import { slugOf, type Repo } from "../../src/core/run.ts";
import type { Remote } from "../../src/ports.ts";

/** Real git over real HTTP on the loopback, with the faults a forge can have. */
export interface GitServer {
  readonly url: string;
  /** The bare repository on the server's side, for tests that play somebody else. */
  directory(repo: Repo): string;
  createRepo(repo: Repo): Promise<void>;
  remote(repo: Repo, token?: string): Remote;
  /** What the server holds for a ref, by its full name. */
  readRef(repo: Repo, ref: string): Promise<string | undefined>;
  /** Asked for every request; the right token may do anything by default. */
  access: (token: string | undefined, wants: "read" | "write") => GitAccess | Promise<GitAccess>;
  /** Set to refuse every push that touches the ref. */
  protectedRef: { readonly ref: string; readonly message: string } | undefined;
  /** Set to what the next push is answered after it has been accepted: a status, or 0 for a cut connection. */
  nextPushAnswer: number | undefined;
  close(): Promise<void>;
}

export const goodToken = "ghs_0123456789_good";

export async function startGitServer(): Promise<GitServer> {
  const root = await mkdtemp(join(tmpdir(), "afk-git-server-"));
  const stop = new AbortController();
  const handle = createGitHttp({
    root,
    signal: stop.signal,
    authorize: (_repo, credential, wants) => server.access(credential?.password, wants),
    refusePush: (_repo, _credential, commands) => {
      const rule = server.protectedRef;
      const isTouched = rule !== undefined && commands.some(({ ref }) => ref === rule.ref);
      return isTouched ? [{ ref: rule.ref, reason: "protected branch hook declined", message: rule.message }] : [];
    },
    answerInstead(req) {
      if (!req.url?.endsWith("/git-receive-pack") || req.method !== "POST") return undefined;
      const answer = server.nextPushAnswer;
      server.nextPushAnswer = undefined;
      return answer;
    },
  });
  const http = createServer((req, res) => {
    handle(req, res).then(
      (isGit) => isGit || res.writeHead(404).end(),
      () => res.destroy(),
    );
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://${hostOf(http)}`;
  const directory = (repo: Repo): string => join(root, repo.owner, `${repo.name}.git`);

  const server: GitServer = {
    url,
    directory,
    createRepo: (repo) => createBareRepo(directory(repo), "main", { "README.md": "# A repo\n" }, "ada"),
    remote: (repo, token = goodToken) => ({
      repo,
      url: `${url}/${slugOf(repo)}.git`,
      credential: async () => ({ username: "x-access-token", token }),
    }),
    readRef: async (repo, ref) => (await tryGitText(directory(repo), ["rev-parse", "--verify", "--quiet", ref]))?.trim(),
    access: (token) => token === goodToken,
    protectedRef: undefined,
    nextPushAnswer: undefined,
    async close() {
      stop.abort();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await rm(root, { recursive: true, force: true });
    },
  };
  return server;
}

/** `127.0.0.1:<port>` of a server that listens there. */
export function hostOf(http: Server): string {
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port");
  return `127.0.0.1:${address.port}`;
}
