import { judgeRelease } from "./approval.ts";
import { isOver } from "./dispatch.ts";
import type { LabelNames } from "./labels.ts";
import { codeSpan } from "./markdown.ts";
import { sayApprovalRefusal, sayObstacle, sayReference } from "./messages.ts";
import type { CandidateDetails, IssueFacts } from "./observation.ts";
import type { Obstacle } from "./obstacles.ts";

/** One question that is asked before an issue is started, with its answer: both Markdown that is safe to show. */
export interface Gate {
  readonly question: string;
  readonly isPassed: boolean;
  readonly answer: string;
}

export interface ExplainFacts {
  readonly issue: IssueFacts;
  readonly isReady: boolean;
  readonly labels: LabelNames;
  readonly details: CandidateDetails;
  readonly trustedBots: readonly string[];
  readonly obstacles: readonly Obstacle[];
  /** The issue whose run has the repo. */
  readonly running: number | undefined;
  /** The issue that is to be started before this one. */
  readonly ahead: number | undefined;
  readonly freeSlots: number;
}

type Answer = readonly [isPassed: boolean, words: string];

/** Every gate of dispatch with its answer, in the order they are asked. That AFK answers at all says that the switch is off and the repo enrolled. */
export function explainDispatch(facts: ExplainFacts): readonly Gate[] {
  const { issue, isReady, labels, details, obstacles, running, ahead, freeSlots } = facts;
  const isRunning = running === issue.number;
  const gates: readonly (readonly [question: string, answer: Answer])[] = [
    ["Is the kill switch off, and the repository enrolled?", [true, "Yes."]],
    ["Is the issue open?", [issue.isOpen, issue.isOpen ? "Yes." : "It is closed."]],
    [`Is ${codeSpan(labels.ready)} on it?`, [isReady, isReady ? "Yes." : "No."]],
    ["May whoever released it do so, and is the text what they saw?", explainRelease(facts)],
    ["Was it released anew since its last run?", explainOver(details)],
    ["Are the issues closed that it waits for?", explainBlockers(details)],
    [
      "Can AFK land work here?",
      [obstacles.length === 0, obstacles.length === 0 ? "Yes." : obstacles.slice(0, 5).map(sayObstacle).join(" ")],
    ],
    ["Is the repository free?", explainTaken(running, isRunning)],
    ["Is it the first in line?", [ahead === undefined, ahead === undefined ? "Yes." : `No, #${ahead} comes first.`]],
    ["Is an agent free?", [freeSlots > 0, freeSlots > 0 ? `Yes, ${freeSlots}.` : "No, none is."]],
  ];
  return gates.map(([question, [isPassed, answer]]) => ({ question, isPassed, answer }));
}

function explainRelease({ issue, isReady, details, trustedBots, labels }: ExplainFacts): Answer {
  if (!isReady && details.release === undefined) return [false, "Nobody has released it."];
  const judged = judgeRelease({ issue, ...details, trustedBots });
  return judged.kind === "approved"
    ? [true, `Yes, ${codeSpan(judged.approval.by)} released it.`]
    : [false, sayApprovalRefusal(judged.why, judged.by, labels)];
}

function explainOver(details: CandidateDetails): Answer {
  if (details.previous?.end === undefined) return [true, "No run of it has ended."];
  if (details.release === undefined) return [false, "No."];
  return isOver(details) ? [false, "No, the label is left over from that run."] : [true, "Yes."];
}

function explainBlockers({ blockers }: CandidateDetails): Answer {
  const open = blockers.filter(({ isOpen }) => isOpen).map(({ reference }) => sayReference(reference));
  if (open.length > 0) return [false, `No: ${open.slice(0, 20).join(", ")}.`];
  return [true, blockers.length === 0 ? "It waits for none." : "Yes."];
}

function explainTaken(running: number | undefined, isRunning: boolean): Answer {
  if (running === undefined) return [true, "Yes."];
  return isRunning ? [true, "This issue has it."] : [false, `No, AFK works on #${running}.`];
}
