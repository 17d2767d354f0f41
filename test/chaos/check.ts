import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseStatusMarker } from "../../src/core/checklist.ts";
import { openSeal } from "../../src/core/ledger.ts";
import { carriesMarker, endMarker } from "../../src/core/messages.ts";
import type { Ledger } from "../../src/core/run.ts";
import { processesBelow } from "../e2e/processes.ts";
import { person } from "../e2e/support.ts";
import type { ReleasedIssue } from "./round.ts";
import { stateSecret, type Stage } from "./stage.ts";

/** Everything that is not as it must be after a round, in words. */
export async function findFaults(stage: Stage, issues: readonly ReleasedIssue[]): Promise<readonly string[]> {
  const faults = await Promise.all(issues.map((issue) => findIssueFaults(stage, issue)));
  return [...faults.flat(), ...stage.repos.flatMap((slug) => findRepoFaults(stage, slug)), ...findLeftovers(stage), ...stage.errors()];
}

async function findIssueFaults({ world }: Stage, { slug, number }: ReleasedIssue): Promise<readonly string[]> {
  const path = `/repos/${slug}`;
  const { isOpen, labels, comments } = await world.issue(slug, number);
  const { id: repoId } = (await world.forge.api(person, "GET", path)) as { id: number };
  const events = (await world.forge.api(person, "GET", `${path}/issues/${number}/events?per_page=100`)) as { event: string }[];
  const closings = events.filter(({ event }) => event === "closed").length;
  const statuses = comments.filter((body) => parseStatusMarker(body) !== undefined);
  const ledger = openSeal(statuses[0] ?? "", { repoId, issue: number, secrets: [stateSecret] });
  const ends = comments.filter((body) => ledger !== undefined && carriesMarker(body, endMarker(ledger)));
  const trailer = ledger === undefined ? "" : world.git(slug, "log", "--format=%H", `--grep=^AFK-Run: ${ledger.run}$`, "main").trim();
  const faults = [
    isOpen && "it is open",
    labels.length > 0 && `it has the labels ${labels.join(", ")}`,
    closings !== 1 && `it was closed ${closings} times`,
    statuses.length !== 1 && `it has ${statuses.length} status comments`,
    ends.length !== 1 && `it has ${ends.length} end comments`,
    comments.length !== 2 && `it has ${comments.length} comments of AFK's`,
    ...findLedgerFaults(ledger),
    trailer !== ledger?.landed?.sha && `main has the commits ${trailer || "(none)"} of its run, which landed ${ledger?.landed?.sha}`,
  ];
  return faults.filter((fault) => fault !== false).map((fault) => `${slug}#${number}: ${fault}`);
}

function findLedgerFaults(ledger: Ledger | undefined): readonly (string | false)[] {
  if (ledger === undefined) return ["no ledger is sealed in its status comment"];
  const { attempts, nudges, end } = ledger;
  return [
    end?.kind !== "closed" && `its run ended ${end?.kind ?? "never"}`,
    attempts !== 1 && `its run took ${attempts} attempts`,
    nudges !== 0 && `its run took ${nudges} nudges`,
  ];
}

/** One commit an issue, and no ref but the branch. */
function findRepoFaults({ world }: Stage, slug: string): readonly string[] {
  const refs = world.git(slug, "for-each-ref", "--format=%(refname)").trim().split("\n");
  const others = refs.filter((ref) => ref !== "refs/heads/main");
  const trailers = world.git(slug, "log", "--format=%(trailers:key=Refs,valueonly,separator=%x20)", "main").trim().split("\n");
  const twice = trailers.filter((issue, index) => trailers.indexOf(issue) !== index);
  return [
    ...others.map((ref) => `${slug}: there is ${ref}`),
    ...twice.map((issue) => `${slug}: main has more than one commit for ${issue}`),
  ];
}

function findLeftovers(stage: Stage): readonly string[] {
  const { homes, server } = stage;
  const runs = join(server().home, "runs");
  const workspaces = existsSync(runs) ? readdirSync(runs) : [];
  const processes = homes().flatMap((home) => processesBelow(join(home, "runs")));
  return [...workspaces.map((run) => `the workspace of ${run} is left`), ...processes.map((pid) => `the process ${pid} is left`)];
}
