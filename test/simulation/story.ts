/** What happened, one line each, in the words of somebody who watched. */
export interface Story {
  readonly lines: readonly string[];
  tell(sentence: string): void;
}

/** A world that runs wild is cut short; how it began tells enough. */
const maxLines = 2_000;

export function createStory(nowMs: () => number): Story {
  const lines: string[] = [];
  return {
    lines,
    tell(sentence) {
      if (lines.length < maxLines) lines.push(`${new Date(nowMs()).toISOString().slice(11, 19)} ${sentence}`);
    },
  };
}
