import { landings, type AgentName, type LandingWay, type RepoConfig } from "./repo-config.ts";

/** Keys of `.github/afk.yml` that loosen, and that the operator therefore lets repos use or not. */
export const loosenings = ["exempt", "ci-none"] as const;
export type Loosening = (typeof loosenings)[number];

/** The operator's part in a repo's policy. `auto` lands by push on private repos and by pull request on public ones. */
export interface OperatorPolicy {
  readonly landing: LandingWay | "auto";
  readonly agent: AgentName;
  readonly agentsAllowed: readonly AgentName[];
  readonly mayLoosen: readonly Loosening[];
  readonly budgetUsd: number;
  readonly turnTimeoutMs: number;
}

/** What holds for one repo. Times in milliseconds. */
export interface Policy {
  readonly base: string;
  readonly landing: LandingWay;
  readonly agent: AgentName;
  readonly setup: string | undefined;
  /** `undefined`: detect it at the base. */
  readonly test: string | undefined;
  /** `undefined`: the default patterns. */
  readonly tests: readonly string[] | undefined;
  readonly exempt: readonly string[];
  /** Besides AFK's own. */
  readonly protectedPaths: readonly string[];
  readonly ci: { readonly required: readonly string[]; readonly none: boolean; readonly settleMs: number; readonly timeoutMs: number };
  readonly budgetUsd: number;
  readonly turnTimeoutMs: number;
  readonly instructions: string | undefined;
  /** Wishes without effect that harm nothing, to be said once. */
  readonly notes: readonly string[];
}

export interface Combined {
  readonly policy: Policy;
  /** What the repo or the operator asks for and this version does not do. With any, nothing may start: AFK would not do as asked. */
  readonly unsupported: readonly string[];
  /** What the repo asks for and the operator does not allow. With any, nothing may start. */
  readonly disallowed: readonly string[];
}

/** Late jobs of a green commit have this long to show up. */
const defaultSettleMs = 15_000;
/** How long CI may take, or stay silent, before a human is asked. */
const defaultCiTimeoutMs = 60 * 60_000;

/** Combines the operator's word with the repo's wishes, which may only tighten it. */
export function combine(
  operator: OperatorPolicy,
  repo: RepoConfig,
  facts: { readonly defaultBranch: string; readonly isPrivate: boolean },
): Combined {
  const allowedLanding = resolveLanding(operator.landing, facts.isPrivate);
  const landing = stricter(allowedLanding, repo.landing ?? allowedLanding);
  const agent = repo.agent ?? operator.agent;
  const policy: Policy = {
    base: repo.base ?? facts.defaultBranch,
    landing,
    agent,
    setup: repo.setup,
    test: repo.test,
    tests: repo.tests,
    exempt: repo.exempt ?? [],
    protectedPaths: repo.protected ?? [],
    ci: {
      required: repo.ci?.required ?? [],
      none: repo.ci?.none ?? false,
      settleMs: repo.ci?.settleMs ?? defaultSettleMs,
      timeoutMs: repo.ci?.timeoutMs ?? defaultCiTimeoutMs,
    },
    budgetUsd: Math.min(operator.budgetUsd, repo.budgetUsd ?? operator.budgetUsd),
    turnTimeoutMs: Math.min(operator.turnTimeoutMs, repo.turnTimeoutMs ?? operator.turnTimeoutMs),
    instructions: repo.instructions,
    notes: findNotes(repo),
  };
  return {
    policy,
    unsupported: findUnsupported(policy, repo, operator.landing),
    disallowed: findDisallowed(operator, repo, allowedLanding),
  };
}

function resolveLanding(landing: LandingWay | "auto", isPrivate: boolean): LandingWay {
  if (landing !== "auto") return landing;
  return isPrivate ? "push" : "pull-request";
}

function stricter(one: LandingWay, other: LandingWay): LandingWay {
  return landings.indexOf(one) > landings.indexOf(other) ? one : other;
}

function findUnsupported(policy: Policy, repo: RepoConfig, operatorLanding: LandingWay | "auto"): string[] {
  const why = repo.landing === undefined && operatorLanding === "auto" ? ", which is the default on public repositories" : "";
  const remedy = "say `landing: none` to see the diff on the issue, or have the operator set `AFK_LANDING=push`";
  return pick([
    [policy.landing === "pull-request", `landing by pull request${why}: ${remedy}`],
    [policy.agent !== "command", `\`agent: ${policy.agent}\`: only \`command\` runs`],
    [repo.deploy !== undefined, "`deploy`: deployments are not watched"],
    [repo.gitCrypt === true, "`git_crypt`: encrypted files are not unlocked"],
    [repo.submodules === true, "`submodules`: they are not fetched"],
    [repo.lfs === true, "`lfs`: large files are not fetched"],
  ]);
}

function findDisallowed(operator: OperatorPolicy, repo: RepoConfig, allowed: LandingWay): string[] {
  const may = (loosening: Loosening) => operator.mayLoosen.includes(loosening);
  return pick([
    [
      repo.landing !== undefined && stricter(allowed, repo.landing) !== repo.landing,
      `\`landing: ${repo.landing}\`: here AFK lands by \`${allowed}\` at most`,
    ],
    [
      repo.agent !== undefined && !operator.agentsAllowed.includes(repo.agent),
      `\`agent: ${repo.agent}\`: allowed are ${operator.agentsAllowed.join(", ")}`,
    ],
    [repo.ci?.none === true && !may("ci-none"), "`ci: none`: work lands here only where CI watches it"],
    [(repo.exempt ?? []).length > 0 && !may("exempt"), "`exempt`: every change needs a test that fails without it"],
  ]);
}

function findNotes(repo: RepoConfig): string[] {
  return pick([
    [repo.model !== undefined, "`model` has no effect: the `command` agent chooses its own"],
    [repo.budgetUsd !== undefined, "`budget_usd` has no effect: the `command` agent reports no cost"],
  ]);
}

function pick(rows: readonly (readonly [boolean, string])[]): string[] {
  return rows.filter(([applies]) => applies).map(([, text]) => text);
}
