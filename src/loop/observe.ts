import type { Candidate, Observation, PolicyReading, RepoFacts } from "../core/observation.ts";
import { findObstacles, type Obstacle } from "../core/obstacles.ts";
import { combine, type Combined } from "../core/policy.ts";
import { parseRepoConfig, repoConfigPath } from "../core/repo-config.ts";
import { repoKey, slugOf, type Ledger, type Repo } from "../core/run.ts";
import type { LockView, Remote } from "../ports.ts";
import type { LoopDeps } from "./loop-deps.ts";
import { examine } from "./observe-candidates.ts";
import { findRequest, type RequestMemory } from "./observe-request.ts";
import { observeRun, type FailureMemory } from "./observe-run.ts";

/** An observation with what `perform` needs to act on it. */
export interface Scene {
  readonly observation: Observation;
  readonly remote: Remote;
  readonly facts: RepoFacts | undefined;
  readonly lock: LockView | undefined;
  /** Adds what this pass has learned about the run to the ledger that is about to be saved or shown. */
  readonly fold: (ledger: Ledger) => Ledger;
}

/** What `observe` keeps between passes: only hints, each safe to lose. */
export interface ObserveMemory extends RequestMemory, FailureMemory {
  /** The last answer of the push probe by repo. It is asked again when a candidate is looked at after `probeForMs`. */
  readonly probes: Map<string, { readonly at: number; readonly fault: string | undefined }>;
  /** The run that each repo's lock named when it was last read; `undefined`: there was no lock. Absent: nobody knows. */
  readonly runs: Map<string, string | undefined>;
  /** Since when passes over a repo halt, on the forge's clock: time that does not count. */
  readonly haltedSince: Map<string, number>;
  /** Why the executor took no turns when last asked, so that a change is logged once. */
  ailment: string | undefined;
}

/** A repo's ability to take atomic pushes hardly ever changes. */
const probeForMs = 600_000;

/** Reads everything about one repo, starting from the lock. Nothing is written. */
export async function observe(deps: LoopDeps, memory: ObserveMemory, repo: Repo): Promise<Scene> {
  const { forge, config } = deps;
  const remote = forge.remote(repo);
  const blank = blankObservation(deps, repo);
  const nothing = { observation: blank, remote, facts: undefined, lock: undefined, fold: (ledger: Ledger) => ledger };
  if (blank.isSwitchedOff || !blank.isEnrolled) return nothing;
  const facts = await forge.readRepo(repo);
  if (facts === undefined || hasMoved(facts, repo)) {
    if (facts !== undefined) deps.log.warn({ repo: slugOf(repo), now: slugOf(facts.repo) }, "repository has moved");
    return { ...nothing, observation: { ...blank, isOutOfReach: true } };
  }
  const [lock, issues] = await Promise.all([deps.lock.read(remote), forge.listIssues(repo, config.labels.ready)]);
  const held = lock === "unreadable" ? undefined : lock;
  noteRun(memory, repo, lock);
  if (facts.isArchived && held !== undefined) return { ...nothing, observation: { ...blank, isOutOfReach: true } };
  const request = await findRequest(deps, memory, facts, held?.ledger);
  if (lock === undefined && issues.length === 0 && request === undefined) return { ...nothing, facts };

  const policyAnswer = await readPolicy(deps, facts);
  await noteAilment(deps, memory);
  const candidates = issues.map((issue): Candidate => ({ issue, details: undefined }));
  const isUnreadable = lock === "unreadable";
  const wantsObstacles = held === undefined || request?.commands.some(({ kind }) => kind === "explain") === true;
  const obstacles = isUnreadable ? unreadable : wantsObstacles ? await readObstacles(deps, memory, facts, policyAnswer, remote) : [];
  const common = { ...blank, policy: policyReading(policyAnswer), request, obstacles, at: forge.now() };
  if (held !== undefined) {
    const { run, fold } = await observeRun(deps, memory, facts, held, issues, pausedMs(deps, memory, repo, held));
    return { observation: { ...common, run, candidates, at: forge.now() }, remote, facts, lock: held, fold };
  }
  const examined = await examine(deps, facts, candidates, obstacles);
  return { ...nothing, observation: { ...common, candidates: examined }, facts };
}

const unreadable: readonly Obstacle[] = [{ kind: "lock-unreadable" }];

function blankObservation({ forge, killSwitch, config }: LoopDeps, repo: Repo): Observation {
  return {
    repo,
    at: forge.now(),
    isSwitchedOff: killSwitch.isOn(),
    isOutOfReach: false,
    isEnrolled: config.allowlist.some((enrolled) => repoKey(enrolled) === repoKey(repo)),
    policy: { kind: "faulty", faults: [] },
    request: undefined,
    run: undefined,
    candidates: [],
    obstacles: [],
    slots: { free: 0, olderElsewhere: 0 },
  };
}

/** How long nobody could work on the run until now: this process halted, or nobody held the lock (a holder writes it every third of its lease). */
function pausedMs({ forge, config }: LoopDeps, { haltedSince }: ObserveMemory, repo: Repo, lock: LockView): number {
  const since = haltedSince.get(repoKey(repo));
  const halted = since === undefined ? 0 : Math.max(0, forge.now() - since);
  return Math.max(halted, lock.idleMs > config.leaseMs / 2 ? lock.idleMs : 0);
}

function noteRun({ runs }: ObserveMemory, repo: Repo, lock: LockView | "unreadable" | undefined): void {
  if (lock === "unreadable") runs.delete(repoKey(repo));
  else runs.set(repoKey(repo), lock?.ledger.run);
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
