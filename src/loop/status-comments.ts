import { isStatusCommentOf, statusMarker } from "../core/checklist.ts";
import { repoKey, type Repo } from "../core/run.ts";
import type { CommentFacts, Forge } from "../ports.ts";
import type { Timers } from "./timers.ts";

/** Unless something important changed, an edit comes at most so often: people read it, nobody wants a ticker. */
export const editIntervalMs = 15_000;
/**
 * An agent that talks for an hour is not worth 240 edits: while the headline stays the same, each wait is twice the one before, up to this.
 * GitHub takes 500 such writes an hour; ten agents then make about 150 of them.
 */
const longestIntervalMs = 240_000;
/** People edit and delete comments, and other replicas speak on issues that wait: what was written so long ago is looked at again. */
const lookAgainMs = 600_000;
/** Comments remembered; a forgotten one is only looked up again. */
const maxRemembered = 1_000;

export interface StatusText {
  readonly repo: Repo;
  readonly issue: number;
  /** `undefined`: the issue waits or is refused, no run speaks. A run takes that comment over. */
  readonly run: string | undefined;
  readonly body: string;
  /** What makes an edit urgent when it changes: the phase, or a reason for waiting. */
  readonly headline: string;
  /** The issue was just seen without any comment. */
  readonly isUncommented: boolean;
}

/** The one status comment per run, created once, edited in place, repaired when somebody else changed or removed it. */
export interface StatusComments {
  /** Answers in how many milliseconds to come back when the edit was put off. */
  show(text: StatusText): Promise<{ readonly againInMs?: number }>;
}

interface Shown {
  readonly comment: number;
  readonly run: string | undefined;
  readonly body: string;
  readonly headline: string;
  readonly at: number;
  /** Until the next edit under the same headline. */
  readonly intervalMs: number;
}

export function createStatusComments(forge: Forge, timers: Timers): StatusComments {
  const shown = new Map<string, Shown>();
  /** A comment whose making failed may be there after all, whatever a listing says: it is looked for. */
  const inDoubt = new Set<string>();

  function remember(key: string, entry: Shown): void {
    shown.delete(key);
    shown.set(key, entry);
    const [oldest] = shown.keys();
    if (shown.size > maxRemembered && oldest !== undefined) shown.delete(oldest);
  }

  /** The comment of this run, or the one an issue without a run was given before. */
  async function find({ repo, issue, run, isUncommented }: StatusText, key: string): Promise<CommentFacts | undefined> {
    if (isUncommented && !inDoubt.has(key)) return undefined;
    const ours = (await forge.listComments(repo, issue)).filter((comment) => comment.isOurs);
    return ours.findLast(({ body }) => isStatusCommentOf(body, run)) ?? ours.findLast(({ body }) => isStatusCommentOf(body, undefined));
  }

  /** Whoever comes here has looked. */
  async function create(text: StatusText, key: string): Promise<number> {
    const isMissing = !inDoubt.has(key);
    if (inDoubt.size < maxRemembered) inDoubt.add(key);
    const { id } = await forge.createComment(text.repo, text.issue, text.body, statusMarker(text.run), { isMissing });
    inDoubt.delete(key);
    return id;
  }

  async function show(text: StatusText): Promise<{ readonly againInMs?: number }> {
    const key = `${repoKey(text.repo)}#${text.issue}`;
    const known = shown.get(key);
    const entry = { run: text.run, body: text.body, headline: text.headline, at: timers.now(), intervalMs: editIntervalMs };
    if (known === undefined || known.run !== text.run || timers.now() - known.at >= lookAgainMs) {
      const found = await find(text, key);
      if (found !== undefined && found.body !== text.body) await forge.editComment(text.repo, found.id, text.body);
      remember(key, { ...entry, comment: found?.id ?? (await create(text, key)) });
      return {};
    }
    if (known.body === text.body) return {};
    const isQuiet = known.headline === text.headline;
    const restMs = known.at + known.intervalMs - timers.now();
    if (isQuiet && restMs > 0) return { againInMs: restMs };
    const isThere = await forge.editComment(text.repo, known.comment, text.body);
    // Whoever had the run meanwhile may have made another.
    if (!isThere && shown.delete(key)) return show(text);
    const intervalMs = isQuiet ? Math.min(known.intervalMs * 2, longestIntervalMs) : editIntervalMs;
    remember(key, { ...entry, intervalMs, comment: known.comment });
    return {};
  }

  return { show };
}
