import { mayWrite } from "../core/approval.ts";
import { parseBodyBlockers } from "../core/blockers.ts";
import { parseStatusMarker } from "../core/checklist.ts";
import { nextToExamine } from "../core/dispatch.ts";
import { isSameLabel } from "../core/labels.ts";
import { openSeal } from "../core/ledger.ts";
import type {
  Blocker,
  Candidate,
  CandidateDetails,
  Control,
  IssueFacts,
  Observation,
  PolicyReading,
  RepoFacts,
  RunObservation,
} from "../core/observation.ts";
import { findObstacles, type Obstacle } from "../core/obstacles.ts";
import { combine, type Combined } from "../core/policy.ts";
import { parseRepoConfig, repoConfigPath } from "../core/repo-config.ts";
import { concludeTurn, parseRepo, repoKey, slugOf, type Ledger, type Repo } from "../core/run.ts";
import { foldVerdict, type CommitReading } from "../core/verdict.ts";
import type { Executor, Forge, LockView, Remote } from "../ports.ts";
import type { LoopDeps } from "./loop-deps.ts";

/** An observation with what `perform` needs to act on it. */
export interface Scene {
  readonly observation: Observation;
  readonly remote: Remote;
  readonly facts: RepoFacts | undefined;
  readonly lock: LockView | undefined;
}

/** What `observe` keeps between passes: only hints, each safe to lose. */
export interface ObserveMemory {
  /** The last answer of the push probe by repo. It is asked again when a candidate is looked at after `probeForMs`. */
  readonly probes: Map<string, { readonly at: number; readonly fault: string | undefined }>;
  /** The run that each repo's lock named when it was last read. */
  readonly runs: Map<string, string>;
  /** Why the executor took no turns when last asked, so that a change is logged once. */
  ailment: string | undefined;
}

/** A repo's ability to take atomic pushes hardly ever changes. */
const probeForMs = 600_000;

/** Reads everything about one repo, starting from the lock. Nothing is written. */
export async function observe(deps: LoopDeps, memory: ObserveMemory, repo: Repo): Promise<Scene> {
  const { forge, killSwitch, config } = deps;
  const remote = forge.remote(repo);
  const blank: Observation = {
    repo,
    at: forge.now(),
    isSwitchedOff: killSwitch.isOn(),
    isEnrolled: config.allowlist.some((enrolled) => repoKey(enrolled) === repoKey(repo)),
    policy: { kind: "faulty", faults: [] },
    run: undefined,
    candidates: [],
    obstacles: [],
    slots: { free: 0, olderElsewhere: 0 },
  };
  if (blank.isSwitchedOff || !blank.isEnrolled) return { observation: blank, remote, facts: undefined, lock: undefined };
  const [facts, lock, issues] = await Promise.all([
    forge.readRepo(repo),
    deps.lock.read(remote),
    forge.listIssues(repo, config.labels.ready),
  ]);
  noteRun(memory, repo, lock);
  const isQuiet = lock === undefined && issues.length === 0;
  if (facts !== undefined && hasMoved(facts, repo)) {
    deps.log.warn({ repo: slugOf(repo), now: slugOf(facts.repo) }, "repository has moved");
    return { observation: { ...blank, isEnrolled: false }, remote, facts, lock: undefined };
  }
  if (facts === undefined || isQuiet) return { observation: blank, remote, facts, lock: undefined };

  const policyAnswer = await readPolicy(deps, facts);
  await noteAilment(deps, memory);
  const candidates = issues.map((issue): Candidate => ({ issue, details: undefined }));
  const common = { ...blank, policy: policyReading(policyAnswer), at: forge.now() };
  if (lock !== undefined && lock !== "unreadable") {
    const run = await observeRun(deps, facts, lock, issues);
    return { observation: { ...common, run, candidates }, remote, facts, lock };
  }
  const obstacles =
    lock === "unreadable" ? [{ kind: "lock-unreadable" } as const] : await readObstacles(deps, memory, facts, policyAnswer, remote);
  const examined = await examine(deps, facts, candidates, obstacles);
  return { observation: { ...common, obstacles, candidates: examined }, remote, facts, lock: undefined };
}

function noteRun({ runs }: ObserveMemory, repo: Repo, lock: LockView | "unreadable" | undefined): void {
  if (lock === undefined || lock === "unreadable") runs.delete(repoKey(repo));
  else runs.set(repoKey(repo), lock.ledger.run);
}

/** The operator enrolled a name. What answers to it after a rename or a transfer may be somebody else's. */
function hasMoved(facts: RepoFacts, asked: Repo): boolean {
  return repoKey(facts.repo) !== repoKey(asked);
}

/** Asks the executor how it is; a change is logged once. */
async function noteAilment({ executor, log }: LoopDeps, memory: ObserveMemory): Promise<void> {
  const ailment = await executor.ailment();
  if (ailment !== memory.ailment) {
    if (ailment === undefined) log.info({}, "turns can start again");
    else log.error({ ailment }, "no turn can start");
  }
  memory.ailment = ailment;
}

type PolicyAnswer = { readonly kind: "ok"; readonly combined: Combined } | { readonly kind: "faulty"; readonly faults: readonly string[] };

async function readPolicy({ forge, config }: LoopDeps, facts: RepoFacts): Promise<PolicyAnswer> {
  const text = await forge.readFile(facts.repo, facts.defaultBranch, repoConfigPath);
  const parsed = parseRepoConfig(text);
  return parsed.kind === "faults"
    ? { kind: "faulty", faults: parsed.faults }
    : { kind: "ok", combined: combine(config, parsed.config, facts) };
}

function policyReading(answer: PolicyAnswer): PolicyReading {
  return answer.kind === "faulty" ? answer : { kind: "ok", policy: answer.combined.policy };
}

async function observeRun(deps: LoopDeps, facts: RepoFacts, lock: LockView, listed: readonly IssueFacts[]): Promise<RunObservation> {
  const { forge, executor, config } = deps;
  const { turn } = lock.ledger;
  const status = turn === undefined ? ({ kind: "unknown" } as const) : executor.inspect(turn.id);
  const ledger = foldOutcome(executor, lock.ledger, forge.now());
  // While a turn runs CI decides nothing: what it said is either what the turn is about, or of a commit that the turn has landed this moment.
  const isTurnLive = status.kind === "running" || status.kind === "queued";
  const isWatching = ledger.landed !== undefined && ledger.end === undefined && !isTurnLive;
  const issue = listed.find(({ number }) => number === ledger.issue) ?? (await forge.readIssue(facts.repo, ledger.issue));
  return {
    ledger,
    control: controlOf(lock),
    issue,
    isReady: issue?.labels.some((label) => isSameLabel(label, config.labels.ready)) ?? false,
    turn: status,
    ci: isWatching ? await readCi(deps, facts.repo, ledger.landed.sha, ledger.landed.branch) : undefined,
  };
}

/** The ledger with what its turn came to, when the executor knows. `at` in milliseconds of the forge's clock. */
export function foldOutcome(executor: Executor, ledger: Ledger, at: number): Ledger {
  if (ledger.turn === undefined) return ledger;
  const status = executor.inspect(ledger.turn.id);
  return status.kind === "ended" ? concludeTurn(ledger, ledger.turn.id, status.outcome, new Date(at).toISOString()) : ledger;
}

function controlOf({ control }: LockView): Control {
  return control.kind === "held" ? { kind: "held" } : control;
}

/** More descendants than this are not looked at: the oldest that counts is enough. */
const maxDescendants = 10;

/** The landed commit's checks and, only when these ended without a word (superseded, cancelled), those of what came after it. */
async function readCi({ forge }: LoopDeps, repo: Repo, sha: string, branch: string): Promise<NonNullable<RunObservation["ci"]>> {
  const landed: CommitReading = { sha, facts: await forge.readCommit(repo, sha) };
  if (!foldVerdict(landed.facts, { required: [] }).inconclusive) return { landed, descendants: [] };
  const later = (await forge.listCommitsSince(repo, sha, branch)).slice(0, maxDescendants);
  const descendants = await Promise.all(
    later.map(async (descendant) => ({ sha: descendant, facts: await forge.readCommit(repo, descendant) })),
  );
  return { landed, descendants };
}

async function readObstacles(
  deps: LoopDeps,
  memory: ObserveMemory,
  facts: RepoFacts,
  policy: PolicyAnswer,
  remote: Remote,
): Promise<readonly Obstacle[]> {
  if (policy.kind === "faulty") return [];
  const { combined } = policy;
  const [base, pushFault] = await Promise.all([
    deps.forge.readBranch(facts.repo, combined.policy.base),
    facts.mayPush && !facts.isArchived ? probePush(deps, memory, remote) : undefined,
  ]);
  return findObstacles({ repo: facts, combined, base, pushFault });
}

async function probePush({ lock, timers }: LoopDeps, memory: ObserveMemory, remote: Remote): Promise<string | undefined> {
  const key = repoKey(remote.repo);
  const known = memory.probes.get(key);
  if (known !== undefined && timers.now() - known.at < probeForMs) return known.fault;
  const fault = await lock.probe(remote);
  memory.probes.set(key, { at: timers.now(), fault });
  return fault;
}

/** Reads details of candidates, best first, until it is known which to start. */
async function examine(
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
 * Then it is read anew, and who released it after that again; when the label moves even now, nobody is known to have released anything.
 */
async function examineOne(deps: LoopDeps, facts: RepoFacts, listed: IssueFacts): Promise<Candidate> {
  const first = await readDetails(deps, facts, listed);
  const isTrusted = mayWrite(first.authorPermission) || first.release === undefined;
  if (isTrusted || Date.parse(listed.updatedAt) >= Date.parse(first.release.at)) return { issue: listed, details: first };
  const issue = (await deps.forge.readIssue(facts.repo, listed.number)) ?? listed;
  const details = await readDetails(deps, facts, issue);
  const isSame = issue !== listed && details.release?.at === first.release.at;
  return { issue, details: { ...details, release: isSame ? details.release : undefined } };
}

async function readDetails({ forge, config }: LoopDeps, { repo, id }: RepoFacts, issue: IssueFacts): Promise<CandidateDetails> {
  const [authorPermission, blockers, comments] = await Promise.all([
    forge.readPermission(repo, issue.author),
    readBlockers(forge, repo, issue),
    issue.commentCount === 0 ? [] : forge.listComments(repo, issue.number),
  ]);
  // The text of somebody who may write is trusted as it stands, edited or not.
  const release = await forge.readRelease(repo, issue.number, config.labels.ready, { edits: !mayWrite(authorPermission) });
  const isByAuthor = release?.by === issue.author;
  const releaserPermission = release === undefined ? "none" : isByAuthor ? authorPermission : await forge.readPermission(repo, release.by);
  const sealed = comments
    // Only status comments carry a seal of ours: an end comment quotes what an agent printed, and that may be an older seal.
    .filter((comment) => comment.isOurs && parseStatusMarker(comment.body) !== undefined)
    .map((comment) => openSeal(comment.body, { repoId: id, issue: issue.number, secrets: config.stateSecrets }));
  return { release, releaserPermission, authorPermission, blockers, previous: newest(sealed.filter((ledger) => ledger !== undefined)) };
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
