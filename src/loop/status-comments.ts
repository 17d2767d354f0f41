import { isStatusCommentOf, statusMarker } from "../core/checklist.ts";
import { repoKey, type Repo } from "../core/run.ts";
import type { CommentFacts, Forge } from "../ports.ts";
import type { Timers } from "./timers.ts";

/** Unless something important changed, an edit comes at most so often: people read it, nobody wants a ticker. */
export const editIntervalMs = 15_000;
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
}

export function createStatusComments(forge: Forge, timers: Timers): StatusComments {
  const shown = new Map<string, Shown>();

  function remember(key: string, entry: Shown): void {
    shown.delete(key);
    shown.set(key, entry);
    const [oldest] = shown.keys();
    if (shown.size > maxRemembered && oldest !== undefined) shown.delete(oldest);
  }

  /** The comment of this run, or the one an issue without a run was given before. */
  async function find({ repo, issue, run }: StatusText): Promise<CommentFacts | undefined> {
    const ours = (await forge.listComments(repo, issue)).filter((comment) => comment.isOurs);
    return ours.findLast(({ body }) => isStatusCommentOf(body, run)) ?? ours.findLast(({ body }) => isStatusCommentOf(body, undefined));
  }

  async function create(text: StatusText): Promise<number> {
    return (await forge.createComment(text.repo, text.issue, text.body, statusMarker(text.run))).id;
  }

  return {
    async show(text) {
      const key = `${repoKey(text.repo)}#${text.issue}`;
      const known = shown.get(key);
      const entry = { run: text.run, body: text.body, headline: text.headline, at: timers.now() };
      if (known === undefined || (known.run !== undefined && known.run !== text.run)) {
        const found = await find(text);
        if (found !== undefined && found.body !== text.body) await forge.editComment(text.repo, found.id, text.body);
        remember(key, { ...entry, comment: found?.id ?? (await create(text)) });
        return {};
      }
      if (known.body === text.body) return {};
      const restMs = known.at + editIntervalMs - timers.now();
      if (known.headline === text.headline && restMs > 0) return { againInMs: restMs };
      const isThere = await forge.editComment(text.repo, known.comment, text.body);
      remember(key, { ...entry, comment: isThere ? known.comment : await create(text) });
      return {};
    },
  };
}
