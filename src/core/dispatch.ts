import { judgeRelease, type ApprovalRefusal } from "./approval.ts";
import type { Candidate, CandidateDetails } from "./observation.ts";
import type { AskedRelease } from "./desk.ts";
import type { Obstacle } from "./obstacles.ts";
import type { Approval, Ledger } from "./run.ts";

/** Where an issue with the ready label stands in the queue of its repo. */
export type Standing =
  | { readonly kind: "dispatchable"; readonly approval: Approval; readonly resumes: Ledger | undefined; readonly asked?: AskedRelease }
  | { readonly kind: "behind"; readonly issue: number }
  | { readonly kind: "blocked"; readonly by: readonly string[] }
  | { readonly kind: "refused"; readonly why: ApprovalRefusal; readonly by: string | undefined }
  /** Nothing can be started in this repo at all. */
  | { readonly kind: "obstructed"; readonly obstacles: readonly Obstacle[] }
  /** The label is left over from a run that has ended: a replica's lag, or an end half shown. Somebody has to set it anew. */
  | { readonly kind: "over" }
  | { readonly kind: "unexamined" };

/** What is asked of every candidate alike. */
export interface DispatchRules {
  readonly trustedBots: readonly string[];
  readonly obstacles: readonly Obstacle[];
}

/** Unlabelled issues come last. */
const noPriority = Number.POSITIVE_INFINITY;

/** `priority:<n>` or `P<n>`, lower first; the most urgent label counts. */
export function priorityOf(labels: readonly string[]): number {
  const found = labels.flatMap((label) => {
    const match = /^(?:priority:\s*|p)(\d{1,4})$/i.exec(label.trim());
    return match?.[1] === undefined ? [] : [Number(match[1])];
  });
  return Math.min(noPriority, ...found);
}

/** The repo's own order: by priority, then by number. */
export function inDispatchOrder(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.toSorted((a, b) => comparePriorities(a, b) || a.issue.number - b.issue.number);
}

function comparePriorities(a: Candidate, b: Candidate): number {
  const [left, right] = [priorityOf(a.issue.labels), priorityOf(b.issue.labels)];
  return left === right ? 0 : left < right ? -1 : 1;
}

/** Issues of an obstructed repo that are looked at, to tell their people why nothing happens. */
const maxObstructed = 10;

/** The next candidate whose details are needed to know what to start; `undefined` when enough is known. */
export function nextToExamine(candidates: readonly Candidate[], rules: DispatchRules): Candidate | undefined {
  const inOrder = inDispatchOrder(candidates);
  for (const candidate of rules.obstacles.length === 0 ? inOrder : inOrder.slice(0, maxObstructed)) {
    if (candidate.details === undefined) return candidate;
    if (judgeAlone(candidate, rules).kind === "dispatchable") return undefined;
  }
  return undefined;
}

/** One candidate's standing, leaving out the others. First match wins. */
function judgeAlone({ issue, details }: Candidate, rules: DispatchRules): Standing {
  if (details === undefined) return { kind: "unexamined" };
  if (isOver(details)) return { kind: "over" };
  const answer = judgeRelease({ issue, ...details, trustedBots: rules.trustedBots });
  if (answer.kind === "refused") return answer;
  const open = details.blockers.filter((blocker) => blocker.isOpen).map((blocker) => blocker.reference);
  if (open.length > 0) return { kind: "blocked", by: open };
  if (rules.obstacles.length > 0) return { kind: "obstructed", obstacles: rules.obstacles };
  const { previous, asked } = details;
  const goesOn = previous?.end === undefined || (asked?.continues === true && previous.end.kind !== "closed");
  return {
    kind: "dispatchable",
    approval: answer.approval,
    resumes: goesOn ? previous : undefined,
    ...(asked === undefined ? {} : { asked }),
  };
}

/** The run that this very release started has ended already. */
export function isOver({ previous, release }: CandidateDetails): boolean {
  if (previous?.end === undefined || release === undefined) return false;
  return Date.parse(release.at) <= Date.parse(previous.approval.at);
}

/**
 * Every candidate with its standing, in dispatch order. At most one is dispatchable; those after it wait behind it, and while a run has
 * the repo (`running` is its issue) all of them wait behind that.
 */
export function rankCandidates(
  candidates: readonly Candidate[],
  rules: DispatchRules,
  running: number | undefined,
): readonly (readonly [Candidate, Standing])[] {
  let ahead = running;
  return inDispatchOrder(candidates)
    .filter(({ issue }) => issue.number !== running)
    .map((candidate) => {
      const alone = judgeAlone(candidate, rules);
      if (ahead !== undefined && (alone.kind === "dispatchable" || alone.kind === "unexamined")) {
        return [candidate, { kind: "behind", issue: ahead }] as const;
      }
      if (alone.kind === "dispatchable") ahead = candidate.issue.number;
      return [candidate, alone] as const;
    });
}

/** What to start. `undefined`: nothing that is released, unblocked and possible here. */
export interface Selection {
  readonly candidate: Candidate;
  readonly approval: Approval;
  /** The run in the sealed comment that goes on, with its counts: a live one whose lock is lost, or one that people want continued. */
  readonly resumes: Ledger | undefined;
  /** What came with a release by command. */
  readonly asked?: AskedRelease;
}

/** Picks the best candidate of a repo. */
export function selectDispatchable(
  candidates: readonly Candidate[],
  rules: DispatchRules,
  running: number | undefined,
): Selection | undefined {
  for (const [candidate, standing] of rankCandidates(candidates, rules, running)) {
    if (standing.kind !== "dispatchable") continue;
    const { kind: _, ...selected } = standing;
    return { candidate, ...selected };
  }
  return undefined;
}
