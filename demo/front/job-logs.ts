import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** Hands out logs as GitHub's file store does: by a link that is hard to guess, without a credential, in ranges. */
export interface JobLogs {
  /** A new link to a text. */
  linkTo(text: string): string;
  /** `false`: the request is for something else. */
  serve(req: IncomingMessage, res: ServerResponse, pathname: string): boolean;
}

const prefix = "/job-logs/";
/** The oldest link ends with the next one. */
const maxLinks = 100;

export function createJobLogs(url: string): JobLogs {
  const texts = new Map<string, Buffer>();
  return {
    linkTo(text) {
      const path = `${prefix}${randomBytes(16).toString("hex")}.txt`;
      texts.set(path, Buffer.from(text));
      const [oldest] = texts.keys();
      if (texts.size > maxLinks && oldest !== undefined) texts.delete(oldest);
      return `${url}${path}`;
    },
    serve(req, res, pathname) {
      if (!pathname.startsWith(prefix)) return false;
      const bytes = texts.get(pathname);
      if (bytes === undefined) res.writeHead(404, { "content-type": "text/plain" }).end("Not Found\n");
      else if (req.headers.authorization !== undefined) res.writeHead(401, { "content-type": "text/plain" }).end("AuthenticationFailed\n");
      else answerRange(res, bytes, /^bytes=(\d+)-$/.exec(req.headers.range ?? "")?.[1]);
      return true;
    },
  };
}

function answerRange(res: ServerResponse, bytes: Buffer, from: string | undefined): void {
  const start = Number(from ?? 0);
  const isPart = from !== undefined && start < bytes.length;
  const part = isPart ? bytes.subarray(start) : bytes;
  res
    .writeHead(isPart ? 206 : 200, {
      "content-type": "text/plain; charset=utf-8",
      "content-length": part.length,
      "accept-ranges": "bytes",
      ...(isPart ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
    })
    .end(part);
}
