import { slugOf, type Repo } from "../core/run.ts";
import { ForgeError, type Log } from "../ports.ts";

/**
 * The forge's own word that nothing can be said on this issue: its conversation is locked, it has all the comments it may have, it is gone. A
 * missing permission looks the same; then the labels, which come next, fail and bring the pass back.
 */
const refusals: readonly (number | undefined)[] = [403, 404, 410, 422];

/** A comment that the forge refuses must not keep a run from ending, nor the repo's other issues waiting: it is logged and done without. */
export async function unlessRefused<T>(
  log: Log,
  { repo, issue }: { repo: Repo; issue: number },
  saying: Promise<T>,
): Promise<T | undefined> {
  try {
    return await saying;
  } catch (error) {
    if (!(error instanceof ForgeError) || !refusals.includes(error.status)) throw error;
    log.warn({ repo: slugOf(repo), issue, status: error.status, err: error }, "comment refused");
    return undefined;
  }
}
