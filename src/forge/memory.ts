export interface MemoryOptions<T> {
  readonly now: () => number;
  /** Default: for as long as there is room. */
  readonly ageMs?: number;
  /** The oldest is forgotten first. */
  readonly maxEntries: number;
  /** Default: everything. */
  readonly isWorthKeeping?: (value: T) => boolean;
}

/** Loads a value by its key, or recalls the one loaded before. Failures are never remembered. */
export function createMemory<T>(options: MemoryOptions<T>): (key: string, load: () => Promise<T>) => Promise<T> {
  const { now, ageMs = Number.POSITIVE_INFINITY, maxEntries, isWorthKeeping = () => true } = options;
  const entries = new Map<string, { readonly value: T; readonly untilMs: number }>();

  return async function recall(key, load) {
    const known = entries.get(key);
    if (known !== undefined && now() < known.untilMs) return known.value;
    entries.delete(key);
    const value = await load();
    if (isWorthKeeping(value)) entries.set(key, { value, untilMs: now() + ageMs });
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
    return value;
  };
}
