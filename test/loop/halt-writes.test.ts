import { expect, it } from "vitest";
import { haltWrites } from "../../src/loop/halt-writes.ts";
import { HaltedError, type Forge } from "../../src/ports.ts";
import { createFakeForge } from "../support/fake-forge.ts";
import { createManualClock } from "../support/manual-clock.ts";

const repo = { owner: "acme", name: "api" };

it.each<[string, (forge: Forge) => Promise<unknown>]>([
  ["creating a comment", (forge) => forge.createComment(repo, 1, "text", "text")],
  ["editing a comment", (forge) => forge.editComment(repo, 1, "text")],
  ["adding a label", (forge) => forge.addLabel(repo, 1, "label")],
  ["removing a label", (forge) => forge.removeLabel(repo, 1, "label")],
  ["closing an issue", (forge) => forge.closeIssue(repo, 1)],
])("%s is refused once the kill switch is on", async (_what, write) => {
  const fake = createFakeForge({ clock: createManualClock() });
  await expect(write(haltWrites(fake, { isOn: () => true }))).rejects.toThrow(HaltedError);
  expect(fake.calls).toEqual([]);
});

it("reading goes on while the kill switch is on", async () => {
  const fake = createFakeForge({ clock: createManualClock() });
  await haltWrites(fake, { isOn: () => true }).readRepo(repo);
  expect(fake.calls.map(({ method }) => method)).toEqual(["readRepo"]);
});
