import { mayWrite } from "../core/approval.ts";
import { parseBodyBlockers } from "../core/blockers.ts";
import { parseStatusMarker } from "../core/checklist.ts";
import { answerMarker, lastRelease, openDesk, type Desk } from "../core/desk.ts";
import { nextToExamine } from "../core/dispatch.ts";
import { openSeal } from "../core/ledger.ts";
import type { Blocker, Candidate, CandidateDetails, CommentFacts, IssueFacts, Release, RepoFacts } from "../core/observation.ts";
import type { Obstacle } from "../core/obstacles.ts";
import { parseRepo, type Ledger, type Repo } from "../core/run.ts";
import type { Forge } from "../ports.ts";
import type { LoopDeps } from "./loop-deps.ts";

/** Reads details of candidates, best first, until it is known which to start. */
export async function examine(
  deps: LoopDeps,
  facts: RepoFacts,
  candidates: readonly Candidate[],
  obstacles: readonly Obstacle[],
): Promise<readonly Candidate[]> {
  const examined = new Map(candidates.map((candidate) => [candidate.issue.number, candidate]));
  const rules = { trustedBots: deps.config.trustedBots, obstacles };
  for (;;) {
    const next = nextToExamine([...examined.values()], rules);
    if (next === undefined) return [...examined.values()];
    examined.set(next.issue.number, await examineOne(deps, facts, next.issue));
  }
}

/**
 * Edits are known since the label was set, so the text must be read after that: one that a listing had before may never have been released.
 * Then it is read anew, and who released it after that again; when the label moves even now, or the forge still answers with the old text, nobody
 * is known to have released anything. A command's release says by itself which text it means.
 */
async function examineOne(deps: LoopDeps, facts: RepoFacts, listed: IssueFacts): Promise<Candidate> {
  const first = await readDetails(deps, facts, listed);
  const { release } = first;
  const isSettled = release === undefined || mayWrite(first.authorPermission) || first.asked !== undefined;
  if (isSettled || isSince(listed, release)) return { issue: listed, details: first };
  const issue = (await deps.forge.readIssue(facts.repo, listed.number)) ?? listed;
  const details = await readDetails(deps, facts, issue);
  const isSame = details.release?.at === release.at && isSince(issue, release);
  return { issue, details: { ...details, release: isSame ? details.release : undefined } };
}

function isSince({ updatedAt }: IssueFacts, { at }: Release): boolean {
  return Date.parse(updatedAt) >= Date.parse(at);
}

/** What AFK itself has written on an issue, as far as it is memory. */
export interface Records {
  /** The last run's ledger. */
  readonly previous: Ledger | undefined;
  readonly desk: Desk | undefined;
  readonly answerComment: number | undefined;
  readonly commandsThrough: number;
}

/** The sealed ledger and the sealed desk among an issue's comments. */
export function readRecords(comments: readonly CommentFacts[], repoId: number, issue: number, secrets: readonly string[]): Records {
  const expected = { repoId, issue, secrets };
  const ours = comments.filter(({ isOurs }) => isOurs);
  const answer = ours.find(({ body }) => body.startsWith(answerMarker));
  const desk = answer === undefined ? undefined : openDesk(answer.body, expected);
  // Only status comments carry a ledger of ours: an end comment quotes what an agent printed, and that may be an older seal.
  const sealed = ours.filter(({ body }) => parseStatusMarker(body) !== undefined).map(({ body }) => openSeal(body, expected));
  const previous = newest(sealed.filter((ledger) => ledger !== undefined));
  const commandsThrough = Math.max(previous?.commandsThrough ?? 0, desk?.through ?? 0);
  return { previous, desk, answerComment: answer?.id, commandsThrough };
}

async function readDetails(deps: LoopDeps, facts: RepoFacts, issue: IssueFacts): Promise<CandidateDetails> {
  const comments = issue.commentCount === 0 ? [] : await deps.forge.listComments(facts.repo, issue.number);
  return detailsFrom(deps, facts, issue, readRecords(comments, facts.id, issue.number, deps.config.stateSecrets));
}

/** Everything that decides whether an issue may be started, with what its comments hold already read. */
export async function detailsFrom(
  { forge, config }: LoopDeps,
  { repo }: RepoFacts,
  issue: IssueFacts,
  { previous, desk, commandsThrough }: Records,
): Promise<CandidateDetails> {
  const [authorPermission, blockers] = await Promise.all([forge.readPermission(repo, issue.author), readBlockers(forge, repo, issue)]);
  // The text of somebody who may write is trusted as it stands, edited or not.
  const byLabel = await forge.readRelease(repo, issue.number, config.labels.ready, { edits: !mayWrite(authorPermission) });
  const { release, asked } = lastRelease(byLabel, desk?.release, issue);
  const isByAuthor = release?.by === issue.author;
  const releaserPermission = release === undefined ? "none" : isByAuthor ? authorPermission : await forge.readPermission(repo, release.by);
  const known = { release, releaserPermission, authorPermission, blockers, previous, commandsThrough };
  return asked === undefined ? known : { ...known, asked };
}

/** The last run by its start; a status comment and an end comment of one run carry the same ledger. */
function newest(ledgers: readonly Ledger[]): Ledger | undefined {
  return ledgers.toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt)).at(-1);
}

/** The forge's dependencies, and what the body says. */
async function readBlockers(forge: Forge, repo: Repo, issue: IssueFacts): Promise<readonly Blocker[]> {
  // Most issues wait for nothing, and the listing said so already.
  const known = issue.blockerCount === 0 ? [] : ((await forge.readBlockers(repo, issue.number)) ?? []);
  const named = parseBodyBlockers(issue.body).filter((reference) => !known.some((blocker) => blocker.reference === reference));
  const read = await Promise.all(
    named.map(async (reference): Promise<Blocker> => ({ reference, isOpen: await isOpen(forge, repo, reference) })),
  );
  return [...known, ...read];
}

/** An issue of this repo that is gone blocks nothing; one in a repo AFK cannot look into blocks until the body says otherwise. */
async function isOpen(forge: Forge, repo: Repo, reference: string): Promise<boolean> {
  const [slug = "", number = ""] = reference.split("#");
  const other = slug === "" ? repo : parseRepo(slug);
  const blocker = other === undefined ? undefined : await forge.readIssue(other, Number(number));
  return blocker?.isOpen ?? slug !== "";
}
