import type { Repo } from "../../src/core/run.ts";
import type { World } from "./world.ts";

/** Why a job failed, as its log tells; nothing: it does not. */
const logs = [undefined, "Expected 3, got 4", "Cannot find module './sum.js'"] as const;

/** A check run, and what the simulation knows by it. `why` chooses what a failure shows. */
export function speakAsCi(world: World, repo: Repo, sha: string, conclusion: string | undefined, name: string, why = 0): string {
  const { forge, witness, clock } = world;
  const text = logs[why % logs.length];
  if (conclusion === "failure" && text !== undefined) forge.explainFailure(repo, sha, name, { from: "log", text });
  forge.ci(repo, sha, conclusion, name);
  const words = witness.ciWords.get(sha) ?? new Map();
  witness.ciWords.set(sha, words.set(name, [...(words.get(name) ?? []), { atMs: clock.now(), conclusion }]));
  const checks = [...(forge.inside(repo).commits.get(sha)?.checks.values() ?? [])];
  const isGood = checks.every((check) => ["success", "neutral", "skipped"].includes(check.conclusion ?? ""));
  if (isGood && checks.some((check) => check.conclusion !== "skipped")) witness.green.add(sha);
  return `CI says ${conclusion ?? "running"} (${name}) about ${sha.slice(-6)}`;
}
