import { describe, expect, it } from "vitest";
import { guardWrites, type GuardedForge } from "../../src/loop/guard-writes.ts";
import { HaltedError, StaleClaimError } from "../../src/ports.ts";
import { createFakeForge } from "../support/fake-forge.ts";
import { createManualClock } from "../support/manual-clock.ts";

const repo = { owner: "acme", name: "api" };
const claim = { repo, run: "1-abc", epoch: 1 };
const leaseMs = 30_000;

function createGuarded({ isOn = false, leaseLeftMs = leaseMs }) {
  const fake = createFakeForge({ clock: createManualClock() });
  const killSwitch = { isOn: () => isOn, watch: () => () => {} };
  return { fake, forge: guardWrites({ forge: fake, killSwitch, lock: { leaseLeftMs: () => leaseLeftMs }, leaseMs }) };
}

describe.each<[string, (forge: GuardedForge) => Promise<unknown>]>([
  ["creating a comment", (forge) => forge.createComment(repo, 1, "text", "text")],
  ["editing a comment", (forge) => forge.editComment(repo, 1, "text")],
  ["adding a label", (forge) => forge.addLabel(repo, 1, "label")],
  ["removing a label", (forge) => forge.removeLabel(repo, 1, "label")],
  ["closing an issue", (forge) => forge.closeIssue(repo, 1)],
])("%s", (_what, write) => {
  it("is refused once the kill switch is on", async () => {
    const { fake, forge } = createGuarded({ isOn: true });
    await expect(write(forge)).rejects.toThrow(HaltedError);
    expect(fake.calls).toEqual([]);
  });

  it("is refused under a claim whose lease is all but over", async () => {
    const { fake, forge } = createGuarded({ leaseLeftMs: leaseMs * 0.09 });
    await expect(forge.underClaim(claim, () => write(forge))).rejects.toThrow(StaleClaimError);
    expect(fake.calls).toEqual([]);
  });
});

it("reading goes on while the kill switch is on", async () => {
  const { fake, forge } = createGuarded({ isOn: true });
  await forge.readRepo(repo);
  expect(fake.calls.map(({ method }) => method)).toEqual(["readRepo"]);
});

it("what is written in no run's name needs no claim", async () => {
  const { fake, forge } = createGuarded({ leaseLeftMs: 0 });
  await forge.underClaim(claim, async () => {});
  fake.addRepo("acme/api", { isPrivate: true });
  const issue = fake.openIssue(repo, "ann", { title: "Sum is wrong", body: "" });
  await forge.createComment(repo, issue, "text", "text");
  expect(fake.readComments(repo, issue)).toHaveLength(1);
});
