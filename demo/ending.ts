import { execFileSync } from "node:child_process";
import type { EmbeddedForge } from "./front/embedded-forge.ts";
import type { Outcome } from "./tell.ts";

/** How a story is to end. What is not given may be anything. */
export interface Ending {
  readonly outcome: Outcome;
  /** Landed on main. */
  readonly commits?: number;
  /** As the last end comment counts them. */
  readonly attempts?: number;
  readonly labels?: readonly string[];
  /** By AFK. */
  readonly comments?: number;
  /** How often the issue was closed. */
  readonly closings?: number;
  readonly branches?: readonly string[];
  /** What AFK's comments contain. */
  readonly says?: readonly string[];
}

/** How the story did end, as the forge has it. */
export type Found = Required<Ending>;

interface Comment {
  readonly body: string;
  readonly user: { readonly login: string };
}

/** Asks the forge, as a person would. `says` holds AFK's comments. */
export async function readEnding(
  forge: EmbeddedForge,
  { person, slug }: { readonly person: string; readonly slug: string },
  issue: number,
  outcome: Outcome,
): Promise<Found> {
  const path = `/repos/${slug}/issues/${issue}`;
  const { labels } = (await forge.api(person, "GET", path)) as { labels: { name: string }[] };
  const all = (await forge.api(person, "GET", `${path}/comments?per_page=100`)) as Comment[];
  const timeline = (await forge.api(person, "GET", `${path}/timeline?per_page=100`)) as { event: string }[];
  const says = all.filter(({ user }) => user.login === `${forge.appSlug}[bot]`).map(({ body }) => body);
  const git = (...args: readonly string[]): readonly string[] =>
    execFileSync("git", ["-C", forge.gitDir(slug), ...args], { encoding: "utf8" })
      .trim()
      .split("\n");
  return {
    outcome,
    commits: git("log", "--format=%H", "--committer=AFK", "main").filter((sha) => sha !== "").length,
    attempts: Number(/<sub>(\d+) attempt/.exec(says.findLast((body) => body.includes("<sub>")) ?? "")?.[1] ?? 0),
    labels: labels.map(({ name }) => name).toSorted(),
    comments: says.length,
    closings: timeline.filter(({ event }) => event === "closed").length,
    branches: git("for-each-ref", "--format=%(refname:short)", "refs/heads"),
    says,
  };
}

/** What is not as it should be, a line each. */
export function differences({ says = [], ...expected }: Ending, found: Found): readonly string[] {
  const facts = new Map<string, unknown>(Object.entries(found));
  const differing = Object.entries(expected).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(facts.get(name)));
  const unsaid = says.filter((text) => !found.says.some((body) => body.includes(text)));
  return [
    ...differing.map(([name, value]) => `${name}: ${JSON.stringify(value)} was expected, and it is ${JSON.stringify(facts.get(name))}`),
    ...unsaid.map((text) => `no comment of AFK's says ${JSON.stringify(text)}`),
  ];
}
