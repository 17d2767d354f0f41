import type { CommandRecord, Evidence, Gate, TurnOutcome } from "../core/run.ts";
import { git } from "../git/run-git.ts";
import type { Identity } from "../git/store.ts";
import type { Claim, Lock, TurnOrder } from "../ports.ts";
import type { Change } from "./change.ts";
import { findRefusal, gateContext } from "./gates/gates.ts";
import { matchPaths, matchTests } from "./gates/test-files.ts";
import { land, type GreenProof } from "./land.ts";
import type { Mirror } from "./mirror.ts";
import { howItFailed, isRed, makeRedCommit, prove, type ProofSite } from "./proofs.ts";
import { redact } from "./tail.ts";

export interface JudgeSite {
  readonly order: TurnOrder;
  readonly claim: Claim;
  readonly lock: Lock;
  readonly mirror: Mirror;
  readonly identity: Identity;
  readonly now: () => number;
  readonly proofs: ProofSite;
  /** What of this run has landed before the turn: the work is a correction of it. */
  readonly landed: string | undefined;
  /** Adds to the turn's evidence and answers all of it. */
  readonly note: (evidence: Evidence, phase?: "green" | "landed") => Evidence;
}

/** What is shown on the issue when nothing lands; a comment holds 65,536 characters. */
const maxPatchBytes = 40 * 1024;
/** The end of a failing command's output, as an agent or a person needs it in a sentence about the failure. */
const maxReasonTail = 1500;

/** Judges committed work on a base that passes: the gates in order, the proofs, and then it lands. */
export async function judge(site: JudgeSite, change: Change): Promise<TurnOutcome> {
  const { order, proofs } = site;
  site.note({ files: change.files });
  const refusal = await findRefusal(change, gateContext(order.repo, order.plan, proofs.recipe.test, proofs.secrets));
  if (refusal !== undefined) return refuse(site, refusal.gate, refusal.reason);
  return (await proveRed(site, change)) ?? (await proveGreenAndLand(site, change));
}

function refuse({ note }: JudgeSite, gate: Gate, reason: string): TurnOutcome {
  return { kind: "refused", gate, reason, evidence: note({}) };
}

/**
 * The change's tests must fail on the base without the rest of the change: otherwise they say nothing about it. A correction of what has landed is
 * measured by CI, so there it is only noted. `undefined`: go on.
 */
async function proveRed(site: JudgeSite, change: Change): Promise<TurnOutcome | undefined> {
  const { order, proofs, note } = site;
  const isCorrection = site.landed !== undefined;
  const refuseRed = (reason: string): TurnOutcome | undefined => {
    if (!isCorrection) return refuse(site, "tests-red", reason);
    note({ notes: [`No red proof (${reason}): a correction of what has landed needs none.`] }, "green");
    return undefined;
  };
  const isExempt = matchPaths(order.plan.exempt);
  if (change.paths.every(({ path, from }) => isExempt(path) && isExempt(from ?? path))) {
    // The run's evidence speaks of all its work, and this is only the last of it.
    if (isCorrection) return refuseRed("every path is exempt");
    note({ redExempt: true }, "green");
    return undefined;
  }
  const commit = await makeRedCommit(change, matchTests(order.plan.tests), site.identity, site.now());
  if (commit === undefined) return refuseRed("the change has no separable tests: add a test file that fails without it");
  const { step, record } = await prove(proofs, "red", change.store, commit);
  if (step === "setup") return { kind: "failed", reason: "setup failed in a fresh checkout of the base", tail: record.tail };
  if (record.exitCode === 0) return refuseRed("the new tests pass without the change, so they do not test it");
  if (!isRed(record)) return refuseRed(`without the change the tests do not fail but ${sayEnd(record)}, which proves nothing`);
  note({ red: { ...record, how: howItFailed(record.tail) } }, "green");
  return undefined;
}

async function proveGreenAndLand(site: JudgeSite, change: Change): Promise<TurnOutcome> {
  const { order, proofs, note } = site;
  const answer = await land(
    {
      ...site,
      signal: proofs.signal,
      proveGreen: (commit) => proveGreen(proofs, change.store, commit),
      onGreen: (green) => note({ green }, "landed"),
    },
    change,
  );
  switch (answer.kind) {
    case "landed":
      return { kind: "landed", evidence: note({}) };
    case "proved":
      return { kind: "proved", evidence: note({}), patch: await readPatch(change.store, answer.base, answer.commit, proofs) };
    case "not-green": {
      const { step, record } = answer.proof;
      const what = step === "setup" ? "setup does not work with the change" : "the tests fail with the change";
      return refuse(site, "tests-green", `${what} (${sayEnd(record)}):\n${record.tail.slice(-maxReasonTail)}`);
    }
    case "conflict":
      return { kind: "conflict", reason: answer.reason, evidence: note({}) };
    case "unchanged":
      return { kind: "unchanged" };
    case "rejected":
      return { kind: "unworkable", reason: `the forge does not take the push to ${order.base}: ${redact(answer.reason, proofs.secrets)}` };
    default:
      return answer satisfies never;
  }
}

/** One more run tells a flaky suite from a failing one. */
async function proveGreen(proofs: ProofSite, store: string, commit: string): Promise<GreenProof> {
  const first = await prove(proofs, "green", store, commit);
  if (first.step === "test" && first.record.exitCode === 0) return { proof: first, flaky: false };
  return { proof: await prove(proofs, "green", store, commit), flaky: true };
}

export function sayEnd({ exitCode, endedBy, durationMs }: CommandRecord): string {
  if (endedBy === "time-limit") return `reached the time limit after ${Math.round(durationMs / 1000)} s`;
  if (exitCode === null) return "were ended by a signal";
  return exitCode === 126 || exitCode === 127 ? `could not be run (exit ${exitCode})` : `exit ${exitCode}`;
}

async function readPatch(store: string, base: string, commit: string, { secrets }: ProofSite): Promise<string> {
  const patch = redact(await git(["diff", "--no-color", "--no-ext-diff", "--no-textconv", base, commit], { dir: store }), secrets);
  const bytes = Buffer.from(patch);
  return bytes.length <= maxPatchBytes
    ? patch
    : `${bytes
        .subarray(0, maxPatchBytes)
        .toString()
        .replace(/\uFFFD+$/, "")}\n… cut after 40 KiB\n`;
}
