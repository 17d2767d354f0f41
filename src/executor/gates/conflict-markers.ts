import { modes, readText, type Change } from "../change.ts";
import { sayPath } from "./say-paths.ts";

/** The three lines around the two sides of a conflict, as git writes them. */
const markers: readonly RegExp[] = [/^<{7} /gm, /^={7}\r?$/gm, /^>{7} /gm];

/** A conflict that was committed as it stood. Such lines that were there before, in a test of a merge tool say, are no conflict. */
export async function findConflictMarkers({ store, paths }: Change): Promise<string | undefined> {
  for (const { path, blob, oldBlob, mode, oldMode } of paths) {
    if (mode === modes.submodule || oldMode === modes.submodule) continue;
    const text = await readText(store, blob);
    if (!markers.every((marker) => text.search(marker) >= 0)) continue;
    const oldText = await readText(store, oldBlob);
    if (markers.every((marker) => count(text, marker) > count(oldText, marker))) return `conflict markers are left in ${sayPath(path)}`;
  }
  return undefined;
}

function count(text: string, marker: RegExp): number {
  return text.match(marker)?.length ?? 0;
}
