import { isNamedBot, mayWrite } from "../core/approval.ts";
import { parseCommands } from "../core/commands.ts";
import type { CandidateDetails, RepoComment, RepoFacts } from "../core/observation.ts";
import type { Request } from "../core/requests.ts";
import { repoKey, slugOf, type Ledger, type Repo } from "../core/run.ts";
import type { LoopDeps } from "./loop-deps.ts";
import { detailsFrom, readRecords, type Records } from "./observe-candidates.ts";

/** What is kept of comments between passes: hints, so that nothing is read without need. */
export interface RequestMemory {
  /** The repos whose comments are to be looked through: a webhook told of one, or the sweep came. */
  readonly commented: Set<string>;
  /** By repo: the last comment that this process has dealt with. */
  readonly through: Map<string, number>;
}

/** AFK may have been away over a long weekend; an older command is no longer what anybody waits for. */
const oldestMs = 7 * 24 * 60 * 60_000;

/**
 * The oldest comment with commands that nobody has taken yet, on any issue of the repo. A process that starts looks through the comments of
 * some days; what was taken is known from the run's ledger, or from what is sealed on the issue itself.
 */
export async function findRequest(
  deps: LoopDeps,
  memory: RequestMemory,
  facts: RepoFacts,
  live: Ledger | undefined,
): Promise<Request | undefined> {
  const { commented } = memory;
  const key = repoKey(facts.repo);
  // Forgotten first: whoever speaks while this looks asks for another look.
  if (!commented.delete(key)) return undefined;
  try {
    const request = await findOldest(deps, memory, facts, live);
    if (request !== undefined) commented.add(key);
    return request;
  } catch (error) {
    commented.add(key);
    throw error;
  }
}

async function findOldest(
  deps: LoopDeps,
  { through }: RequestMemory,
  facts: RepoFacts,
  live: Ledger | undefined,
): Promise<Request | undefined> {
  const { repo } = facts;
  const after = through.get(repoKey(repo));
  const notBefore = new Date(deps.forge.now() - oldestMs).toISOString();
  const comments = await deps.forge.listNewComments(repo, after === undefined ? { notBefore } : { notBefore, after });
  for (const comment of comments.toSorted((one, other) => one.id - other.id)) {
    const request = await readRequest(deps, facts, comment, live);
    if (request !== undefined) return request;
    through.set(repoKey(repo), comment.id);
  }
  return undefined;
}

/** `undefined`: it commands nothing, or is taken already. */
async function readRequest(deps: LoopDeps, facts: RepoFacts, comment: RepoComment, live: Ledger | undefined): Promise<Request | undefined> {
  const commands = parseCommands(comment.body);
  if (commands.length === 0 || isIgnored(deps, facts.repo, comment)) return undefined;
  const { forge, config } = deps;
  const { repo, id } = facts;
  const records = readRecords(await forge.listComments(repo, comment.issue), id, comment.issue, config.stateSecrets);
  const taken = Math.max(records.commandsThrough, live?.issue === comment.issue ? live.commandsThrough : 0);
  if (comment.id <= taken) return undefined;
  // Forges answer no permission for a bot; that the operator named it is what counts.
  const permission = comment.authorIsBot ? "write" : await forge.readPermission(repo, comment.author);
  const isRefused = !mayWrite(permission);
  // Whoever goes on without the right to is not worth a write each time, nor do they take the place of what others were answered.
  if (isRefused && records.answerComment !== undefined) return ignore(deps, repo, comment, "its author may not write");
  const issue = await forge.readIssue(repo, comment.issue);
  if (issue === undefined) return ignore(deps, repo, comment, "the issue is gone");
  const { desk, answerComment } = records;
  const known = { comment, commands, permission, issue, desk, answerComment };
  if (isRefused) return { ...known, editedSince: "unknown", details: unread(records) };
  const details = await detailsFrom(deps, facts, issue, records);
  // Whoever may write is trusted with their own text; nobody asks about edits then.
  const editedSince = mayWrite(details.authorPermission) ? "unknown" : await forge.readEdits(repo, comment.issue, comment.createdAt);
  return { ...known, editedSince, details };
}

/** A refusal needs no more. */
function unread({ previous, commandsThrough }: Records): CandidateDetails {
  return { release: undefined, releaserPermission: "none", authorPermission: "none", blockers: [], previous, commandsThrough };
}

/** AFK's own words, other bots' and edited ones command nothing. */
function isIgnored(deps: LoopDeps, repo: Repo, comment: RepoComment): boolean {
  if (comment.isOurs) return true;
  const isUntrustedBot = comment.authorIsBot && !isNamedBot(comment.author, deps.config.trustedBots);
  const why = comment.isEdited ? "it was edited" : isUntrustedBot ? "it is by a bot" : undefined;
  if (why !== undefined) ignore(deps, repo, comment, why);
  return why !== undefined;
}

function ignore({ log }: LoopDeps, repo: Repo, comment: RepoComment, why: string): undefined {
  log.info({ repo: slugOf(repo), issue: comment.issue, comment: comment.id, by: comment.author, why }, "command ignored");
}
