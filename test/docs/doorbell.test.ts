import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { noticeOf } from "../../src/core/notice.ts";
import { endRun } from "../../src/core/run-steps.ts";
import { keyOf, signedHeaders } from "../../src/doorbell/sign.ts";
import { landed } from "../core/example-ledger.ts";
import { readBlocks, readSection } from "./markdown.ts";

const section = readSection(readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8"), "The doorbell");
const secret = `whsec_${Buffer.from("a signing secret of the test").toString("base64")}`;
const body = '{"type":"run.closed","data":{"title":"Größe"}}';

type Verify = (headers: Readonly<Record<string, string>>, body: string, secret: string) => boolean;

async function loadExample(): Promise<Verify> {
  const [source = ""] = readBlocks(section, "js");
  const example = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { readonly isFromAfk: Verify };
  return example.isFromAfk;
}

function headersAt(nowMs: number): Readonly<Record<string, string>> {
  return signedHeaders(keyOf(secret) ?? Buffer.alloc(0), { id: "7-ab12-end-1", nowMs, body });
}

describe("the page about the doorbell", () => {
  it("shows a notice as it is", () => {
    const [example = ""] = readBlocks(section, "json");
    const ended = endRun(landed, { kind: "handed-over", reason: "ci-timeout", detail: "x" }, "2026-01-02T04:10:05Z");
    const notice = noticeOf(ended, { owner: "acme", name: "shop" }, { number: 7, title: "Sum is wrong", url: "https://x.example/7" });
    const shown: { readonly data: object } = JSON.parse(example);
    expect(Object.keys(shown)).toEqual(["type", "timestamp", "data"]);
    expect(Object.keys(shown.data)).toEqual(Object.keys(notice ?? {}));
  });

  it("shows how to tell AFK's notices from others and from old ones", async () => {
    const isFromAfk = await loadExample();
    const headers = headersAt(Date.now());
    expect(isFromAfk(headers, body, secret)).toBe(true);
    expect(isFromAfk(headers, `${body} `, secret)).toBe(false);
    expect(isFromAfk(headers, body, `whsec_${Buffer.from("another secret of the test").toString("base64")}`)).toBe(false);
    expect(isFromAfk({ ...headers, "webhook-signature": "v1,short" }, body, secret)).toBe(false);
    expect(isFromAfk({}, body, secret)).toBe(false);
    expect(isFromAfk(headersAt(Date.now() - 301_000), body, secret)).toBe(false);
  });
});
