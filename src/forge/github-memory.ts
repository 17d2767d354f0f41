/** An answer the forge gave, as it was understood, by which it can say "not changed". */
export interface RememberedAnswer {
  readonly etag: string;
  /** JSON: a text has a size, and takes less room than what it stands for. */
  readonly text: string;
  readonly hasNext: boolean;
}

/** Remembered answers within a bound of characters; the longest unused is forgotten first. */
export interface AnswerMemory {
  get(key: string): RememberedAnswer | undefined;
  /** One that is larger than the whole bound is not kept. */
  set(key: string, answer: RememberedAnswer): void;
  delete(key: string): void;
}

/** `maxChars` counts keys and texts. */
export function createAnswerMemory(maxChars: number): AnswerMemory {
  const answers = new Map<string, RememberedAnswer>();
  let chars = 0;

  function forget(key: string): void {
    const known = answers.get(key);
    if (known === undefined) return;
    answers.delete(key);
    chars -= sizeOf(key, known);
  }

  return {
    get: (key) => answers.get(key),
    delete: forget,
    set(key, answer) {
      forget(key);
      const size = sizeOf(key, answer);
      if (size > maxChars) return;
      answers.set(key, answer);
      chars += size;
      for (const oldest of answers.keys()) {
        if (chars <= maxChars) return;
        forget(oldest);
      }
    },
  };
}

function sizeOf(key: string, { etag, text }: RememberedAnswer): number {
  return key.length + etag.length + text.length;
}
