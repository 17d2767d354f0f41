import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { combine, type OperatorPolicy } from "../../src/core/policy.ts";
import { landings, type RepoConfig } from "../../src/core/repo-config.ts";

const operator: OperatorPolicy = {
  landing: "auto",
  agent: "command",
  agentsAllowed: ["command"],
  mayLoosen: ["exempt", "ci-none"],
  budgetUsd: 100,
  turnTimeoutMs: 2_700_000,
};
const privateRepo = { defaultBranch: "main", isPrivate: true };
const publicRepo = { defaultBranch: "main", isPrivate: false };

describe("combining the operator's word with a repo's", () => {
  it("has sensible values where nobody says anything", () => {
    expect(combine(operator, {}, privateRepo)).toEqual({
      policy: {
        base: "main",
        landing: "push",
        agent: "command",
        setup: undefined,
        test: undefined,
        tests: undefined,
        exempt: [],
        protectedPaths: [],
        ci: { required: [], none: false, settleMs: 15_000, timeoutMs: 3_600_000 },
        budgetUsd: 100,
        turnTimeoutMs: 2_700_000,
        instructions: undefined,
        notes: [],
      },
      unsupported: [],
      disallowed: [],
    });
  });

  it.each([
    ["auto", undefined, privateRepo, "push"],
    ["auto", undefined, publicRepo, "pull-request"],
    ["auto", "none", publicRepo, "none"],
    ["push", undefined, publicRepo, "push"],
    ["push", "none", privateRepo, "none"],
    ["pull-request", "none", privateRepo, "none"],
    ["none", undefined, privateRepo, "none"],
  ] as const)("lands, for operator %s and repo %s, by what is stricter", (landing, wish, facts, result) => {
    const { policy, disallowed } = combine({ ...operator, landing }, wish === undefined ? {} : { landing: wish }, facts);
    expect([policy.landing, disallowed]).toEqual([result, []]);
  });

  it.each([
    ["auto", "push", publicRepo],
    ["pull-request", "push", privateRepo],
    ["none", "push", privateRepo],
    ["none", "pull-request", privateRepo],
  ] as const)("does not let a repo loosen %s to %s", (landing, wish, facts) => {
    expect(combine({ ...operator, landing }, { landing: wish }, facts).disallowed).toEqual([expect.stringContaining(`landing: ${wish}`)]);
  });

  it.each<[string, RepoConfig, RegExp]>([
    ["a pull request", { landing: "pull-request" }, /landing by pull request/],
    ["a deployment", { deploy: { environment: "production" } }, /`deploy`/],
    ["git-crypt", { gitCrypt: true }, /`git_crypt`/],
    ["submodules", { submodules: true }, /`submodules`/],
    ["LFS", { lfs: true }, /`lfs`/],
  ])("names %s as not part of this version", (_title, repo, words) => {
    expect(combine(operator, repo, privateRepo).unsupported).toEqual([expect.stringMatching(words)]);
  });

  it("says that a public repo's landing comes from a default, and how to change it", () => {
    expect(combine(operator, {}, publicRepo).unsupported).toEqual([
      "landing by pull request, which is the default on public repositories: say `landing: none` to see the diff on the issue, or have the operator set `AFK_LANDING=push`",
    ]);
  });

  it("takes switches that are off for what they are", () => {
    expect(combine(operator, { gitCrypt: false, submodules: false, lfs: false }, privateRepo).unsupported).toEqual([]);
  });

  it("refuses another agent than the operator allows", () => {
    expect(combine(operator, { agent: "claude" }, privateRepo).disallowed).toEqual(["`agent: claude`: allowed are command"]);
  });

  it.each<[string, RepoConfig]>([
    ["ci: none", { ci: { none: true } }],
    ["exempt", { exempt: ["docs/**"] }],
  ])("lets a repo say `%s` only where the operator does", (_title, repo) => {
    const count = (mayLoosen: OperatorPolicy["mayLoosen"]) => combine({ ...operator, mayLoosen }, repo, privateRepo).disallowed.length;
    expect([count(operator.mayLoosen), count([])]).toEqual([0, 1]);
  });

  it("notes wishes that have no effect", () => {
    expect(combine(operator, { model: "large", budgetUsd: 1 }, privateRepo).policy.notes).toHaveLength(2);
  });

  it("never lets a repo have more than the operator", () => {
    const repos = fc.record({
      budgetUsd: fc.integer({ min: 1, max: 500 }),
      turnTimeoutMs: fc.integer({ min: 1, max: 9_000_000 }),
      landing: fc.constantFrom(...landings),
    });
    fc.assert(
      fc.property(repos, fc.constantFrom(...landings), (repo, landing) => {
        const { policy } = combine({ ...operator, landing }, repo, privateRepo);
        expect(policy.budgetUsd).toBeLessThanOrEqual(operator.budgetUsd);
        expect(policy.turnTimeoutMs).toBeLessThanOrEqual(operator.turnTimeoutMs);
        expect(landings.indexOf(policy.landing)).toBeGreaterThanOrEqual(landings.indexOf(landing));
      }),
    );
  });
});
