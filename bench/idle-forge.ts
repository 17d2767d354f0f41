import { createServer } from "node:http";
import { once } from "node:events";
import type { Stage } from "./bench.ts";

/** A forge on which nothing ever happens, as cheap as one can be: constant answers, 304 for whoever has them already. */
export interface IdleForge {
  readonly host: string;
  /** Requests that GitHub would count: neither 304s nor the minting of tokens, nor git. */
  counted(): number;
}

/** A repository without a single ref, as git asks for it. */
const noRefs = "001e# service=git-upload-pack\n00000000";
const permissions = { contents: "write", issues: "write", metadata: "read" };

export async function startIdleForge(stage: Stage): Promise<IdleForge> {
  let counted = 0;
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (path.includes(".git/")) {
      response.writeHead(200, { "content-type": "application/x-git-upload-pack-advertisement" }).end(noRefs);
      return;
    }
    const isMinting = path.endsWith("/access_tokens");
    const isUnchanged = request.headers["if-none-match"] === etag;
    if (!isUnchanged && !isMinting) counted += 1;
    response.writeHead(isUnchanged ? 304 : isMinting ? 201 : 200, { "content-type": "application/json", etag });
    response.end(isUnchanged ? undefined : JSON.stringify(answerTo(path)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stage.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { host: `127.0.0.1:${typeof address === "object" ? address?.port : ""}`, counted: () => counted };
}

const etag = '"the same as ever"';

function answerTo(path: string): unknown {
  if (path.endsWith("/installation")) return { id: 1, app_id: 1, app_slug: "afk", permissions };
  if (path.endsWith("/access_tokens")) return { token: "t", expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions };
  if (path.includes("/issues")) return [];
  const [owner = "", name = ""] = path.split("/").slice(-2);
  return { id: 1, name, owner: { login: owner }, default_branch: "main", private: true };
}
