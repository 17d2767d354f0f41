import { readSizes, type Change } from "../change.ts";

/** A change a person can still review; larger ones are vendored code, build output or a run gone astray. */
const maxFiles = 100;
const maxBytes = 4 * 1024 * 1024;

export async function findOversize({ store, paths }: Change): Promise<string | undefined> {
  if (paths.length > maxFiles) return `the change touches ${paths.length} files; at most ${maxFiles} may land at once`;
  const blobs = paths.flatMap(({ blob, mode }) => (blob === undefined || mode === "160000" ? [] : [blob]));
  const sizes = await readSizes(store, blobs);
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return bytes > maxBytes
    ? `the changed files hold ${(bytes / 1024 / 1024).toFixed(1)} MiB; at most ${maxBytes / 1024 / 1024} may land at once`
    : undefined;
}
