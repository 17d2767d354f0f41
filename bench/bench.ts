/** What a bench measures: one number several times, beside the least it could be. */
export interface Figure {
  readonly name: string;
  readonly unit: "ms" | "per s" | "requests";
  /** One a round. Smaller is better, except `per s`. */
  readonly samples: readonly number[];
  /** The same work done by the plainest program there is, measured in turn with the samples. */
  readonly floor?: { readonly name: string; readonly samples: readonly number[] };
  readonly aim?: Aim;
}

/** `times` the floor, or `value` in the figure's own unit. */
export type Aim = { readonly times: number } | { readonly value: number };

/** What a bench runs on; everything it leaves is removed after it. */
export interface Stage {
  /** Told with `--verbose` alone. */
  readonly say: (line: string) => void;
  /** An empty folder. */
  folder(): Promise<string>;
  /** Done after the bench, however it ended, the last one first. */
  after(clean: () => unknown): void;
}

export interface Bench {
  /** What `--only` takes. */
  readonly name: string;
  readonly about: string;
  run(stage: Stage): Promise<readonly Figure[]>;
}

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throws for no samples at all: a figure nobody has measured is a mistake of the bench. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = samples.toSorted((one, other) => one - other);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  const [min, max] = [sorted.at(0), sorted.at(-1)];
  if (low === undefined || high === undefined || min === undefined || max === undefined) throw new Error("a figure without samples");
  return { median: (low + high) / 2, min, max };
}

/** The median of the rounds' ratios, which other work on the machine disturbs less than the times themselves; `undefined` without a floor. */
export function ratioOf({ samples, floor }: Figure): number | undefined {
  return floor === undefined ? undefined : summarize(samples.map((sample, round) => sample / (floor.samples[round] ?? Number.NaN))).median;
}

/** Whether the aim is met; `undefined` without one. */
export function isMet(figure: Figure): boolean | undefined {
  const { aim, unit, samples } = figure;
  if (aim === undefined) return undefined;
  const isLessBetter = unit !== "per s";
  const [measured, wanted] = "value" in aim ? [summarize(samples).median, aim.value] : [ratioOf(figure) ?? Number.NaN, aim.times];
  return isLessBetter ? measured <= wanted : measured >= wanted;
}

/** How long something takes, in milliseconds. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}
