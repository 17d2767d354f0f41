import type { Phase } from "../src/core/run.ts";

/** A line of AFK's checklist that has just been ticked. */
export interface Tick {
  readonly text: string;
  /** The phase that follows. */
  readonly next: Phase;
}

/** Texts of the checklist, by the phase that follows once they are ticked. */
const phaseAfter: Readonly<Record<string, Phase>> = {
  "Workspace ready": "tests-red",
  "New tests fail without the change": "green",
  "All tests pass with the change": "landed",
  Landed: "ci",
  "CI is green": "done",
};

/** Reads a run's status comment, again and again, and answers each line once. */
export function createChecklist(): (body: string) => readonly Tick[] {
  const ticked = new Set<string>();
  return (body) =>
    [...body.matchAll(/^- \[x\] ([^:\n]+)(.*)$/gm)].flatMap(([, text = "", rest = ""]) => {
      const next = phaseAfter[text];
      if (next === undefined || ticked.has(text)) return [];
      ticked.add(text);
      return [{ text: `${text}${rest}`, next }];
    });
}
