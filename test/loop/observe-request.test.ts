import { expect, it } from "vitest";
import { findRequest } from "../../src/loop/observe-request.ts";
import { createBotTester } from "../support/bot-tester.ts";

it("looks again when somebody comments while it looks", async () => {
  const { forge, config, api } = await createBotTester();
  const facts = await forge.readRepo(api);
  if (facts === undefined) throw new Error("no repo");
  const memory = { commented: new Set(["acme/api"]), through: new Map<string, number>() };
  const listNewComments = async () => {
    memory.commented.add("acme/api");
    return [];
  };
  const deps = { forge: { ...forge, listNewComments }, config };
  await findRequest(deps as unknown as Parameters<typeof findRequest>[0], memory, facts, undefined);
  expect(memory.commented.has("acme/api")).toBe(true);
});
