import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { eventNames } from "../../src/app.ts";
import { webhookPath } from "../../src/http/server.ts";

const text = readFileSync(new URL("../../app.yml", import.meta.url), "utf8");
const operating = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8");

/** What GitHub takes in a manifest. */
const manifestShape = z.strictObject({
  name: z.string().max(34),
  description: z.string(),
  url: z.url(),
  public: z.boolean(),
  hook_attributes: z.strictObject({ url: z.url(), active: z.boolean() }),
  default_permissions: z.record(z.string(), z.enum(["read", "write"])),
  default_events: z.array(z.string()),
});
const manifest = manifestShape.parse(parse(text));

describe("the App's manifest", () => {
  it("asks for the events that AFK listens to, and no others", () => {
    const heard = new Set(eventNames.map((name) => name.replace(/\..*/, "")));
    expect(manifest.default_events.toSorted()).toEqual([...heard].toSorted());
  });

  it("asks for what AFK uses, and no more", () => {
    expect(manifest.default_permissions).toEqual({
      contents: "write",
      issues: "write",
      checks: "read",
      statuses: "read",
      actions: "read",
      metadata: "read",
    });
  });

  it("sends webhooks where AFK takes them", () => {
    expect(new URL(manifest.hook_attributes.url).pathname).toBe(webhookPath);
  });

  it("says why beside every permission and every event", () => {
    const lines = text.split("\n");
    const entries = lines.flatMap((line, index) => (/^ {2}(?:- )?\w+/.test(line) ? [index] : []));
    const unexplained = entries.filter((index) => !/^ {2}(?:#|- )/.test(lines[index - 1] ?? "") && !lines[index]?.includes("active:"));
    expect(unexplained.map((index) => lines[index])).toEqual([]);
  });

  it("is what the registration link in the documentation asks for", () => {
    const link = /https:\/\/github\.com\/settings\/apps\/new\?\S+/.exec(operating)?.[0] ?? "";
    const query = new URL(link).searchParams;
    expect(query.getAll("events[]").toSorted()).toEqual(manifest.default_events.toSorted());
    for (const [permission, access] of Object.entries(manifest.default_permissions)) expect(query.get(permission), permission).toBe(access);
    expect(query.get("webhook_url")).toBe(manifest.hook_attributes.url);
    expect(query.get("public")).toBe("false");
  });
});
