import { isSameLabel } from "../../src/core/labels.ts";
import { carriesMarker } from "../../src/core/messages.ts";
import type { CommentFacts, FailureReport } from "../../src/core/observation.ts";
import { repoKey, slugOf, type Repo } from "../../src/core/run.ts";
import type { CheckRun } from "../../src/core/verdict.ts";
import { ForgeError, type Clock, type Forge, type Reaction } from "../../src/ports.ts";
import { commentFacts, isEditedSince, issueFacts, newestComments, releaseOf, repoFacts } from "./fake-facts.ts";
import { commitsAfter, createFakeState, type FakeComment, type FakeIssue, type FakeRepo } from "./fake-forge-state.ts";
import { createFakePeople, findComment, findIssue, findRepo, type FakePeople, type FakeWorld } from "./fake-people.ts";
import { describeWebhooks, type FakeWebhook } from "./fake-webhooks.ts";

export interface FakeForgeOptions {
  /** Shared with the test, which moves it. */
  readonly clock: Clock;
  /** Default `afk`: AFK's own comments are by `afk[bot]`. */
  readonly appSlug?: string;
  /** Where git finds a repo, for tests with real git. */
  readonly remoteUrl?: (repo: Repo) => string;
}

export type ForgeMethod = Exclude<keyof Forge, "now" | "remote">;

/** One call of the port, in the order made. */
export interface ForgeCall {
  readonly method: ForgeMethod;
  readonly repo: Repo;
  readonly args: readonly unknown[];
}

/** The port's methods that change something. */
const writing: readonly ForgeMethod[] = ["createComment", "editComment", "addLabel", "removeLabel", "closeIssue", "react", "rerunFailed"];

/** The in-memory twin of the forge, with the people and machines around it. */
export interface FakeForge extends Forge, FakePeople {
  readonly appLogin: string;
  /** What is behind a repo, for what no verb covers. */
  inside(repo: Repo): FakeRepo;
  /** An older server lacks one or the other. */
  setCapabilities(capabilities: { readonly knowsEdits?: boolean; readonly hasDependencies?: boolean }): void;
  /** The next call of the method throws: before it does anything, or after it has done all. */
  failNext(method: ForgeMethod, error: Error, when?: "before" | "after"): void;

  /** Answers a function that ends the subscription. */
  onWebhook(listener: (webhook: FakeWebhook) => void): () => void;
  readonly webhooks: readonly FakeWebhook[];
  readonly calls: readonly ForgeCall[];
  readonly writes: readonly ForgeCall[];
  /** The comments of an issue; from then on they count as read. */
  readComments(repo: Repo, issue: number): readonly CommentFacts[];
  /** AFK's comments that the test has not read: a finished test has none. */
  unreadComments(): readonly CommentFacts[];
  /** AFK's reactions to a comment, oldest first. */
  reactions(repo: Repo, comment: number): readonly Reaction[];
  /** What `rerunFailed` was asked for and has granted, in order. */
  readonly reruns: readonly FakeRerun[];
}

/** Jobs that were asked to run again. */
export interface FakeRerun {
  readonly repo: Repo;
  readonly checks: readonly number[];
}

export function createFakeForge(options: FakeForgeOptions): FakeForge {
  const { clock, appSlug = "afk", remoteUrl = (repo) => `https://forge.test/${slugOf(repo)}.git` } = options;
  const appLogin = `${appSlug}[bot]`;
  const state = createFakeState(clock);
  const listeners = new Set<(webhook: FakeWebhook) => void>();
  const webhooks: FakeWebhook[] = [];
  const world: FakeWorld = {
    state,
    payloads: describeWebhooks(state, 4242),
    emit(webhook) {
      webhooks.push(webhook);
      for (const listener of listeners) listener(webhook);
    },
  };
  const people = createFakePeople(world);
  const recorder = createRecorder();
  const reruns: FakeRerun[] = [];
  const port = { ...createPort(world, people, recorder, appLogin), ...createCiPort(world, people, recorder, reruns) };

  return {
    ...people,
    ...port,
    calls: recorder.calls,
    writes: recorder.writes,
    failNext: recorder.failNext,
    setCapabilities: recorder.setCapabilities,
    appLogin,
    webhooks,
    reruns,
    reactions: (repo, comment) => [...findComment(findRepo(world, repo), comment).comment.reactions],
    now: () => clock.now(),
    remote: (repo) => ({ repo, url: remoteUrl(repo), credential: async () => ({ username: "x-access-token", token: "fake-token" }) }),
    inside: (repo) => findRepo(world, repo),
    onWebhook(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    readComments(repo, issue) {
      const fake = findRepo(world, repo);
      const found = findIssue(fake, issue);
      for (const comment of found.comments) comment.isRead = true;
      return found.comments.map((comment) => commentFacts(world, fake, found, comment, appLogin));
    },
    unreadComments: () =>
      [...new Set(state.repos.values())].flatMap((fake) =>
        [...fake.issues.values()].flatMap((issue) =>
          issue.comments
            .filter(({ author, isRead }) => author === appLogin && !isRead)
            .map((comment) => commentFacts(world, fake, issue, comment, appLogin)),
        ),
      ),
  };
}

interface Recorder {
  readonly calls: ForgeCall[];
  readonly writes: ForgeCall[];
  readonly failNext: (method: ForgeMethod, error: Error, when?: "before" | "after") => void;
  readonly setCapabilities: (capabilities: { readonly knowsEdits?: boolean; readonly hasDependencies?: boolean }) => void;
  readonly capabilities: { readonly knowsEdits: boolean; readonly hasDependencies: boolean };
  readonly run: <T>(method: ForgeMethod, repo: Repo, args: readonly unknown[], act: () => T) => Promise<T>;
}

function createRecorder(): Recorder {
  const calls: ForgeCall[] = [];
  const writes: ForgeCall[] = [];
  const failures: { readonly method: ForgeMethod; readonly error: Error; readonly when: "before" | "after" }[] = [];
  function failIfTold(method: ForgeMethod, when: "before" | "after"): void {
    const at = failures.findIndex((failure) => failure.method === method);
    const failure = failures[at];
    if (failure === undefined || failure.when !== when) return;
    failures.splice(at, 1);
    throw failure.error;
  }
  const recorder = {
    calls,
    writes,
    capabilities: { knowsEdits: true, hasDependencies: true },
    setCapabilities(change: { readonly knowsEdits?: boolean; readonly hasDependencies?: boolean }) {
      recorder.capabilities = { ...recorder.capabilities, ...change };
    },
    failNext: (method: ForgeMethod, error: Error, when: "before" | "after" = "before") => void failures.push({ method, error, when }),
    async run<T>(method: ForgeMethod, repo: Repo, args: readonly unknown[], act: () => T): Promise<T> {
      const call = { method, repo, args };
      recorder.calls.push(call);
      if (writing.includes(method)) recorder.writes.push(call);
      failIfTold(method, "before");
      const result = act();
      failIfTold(method, "after");
      return result;
    },
  };
  return recorder;
}

function createPort(
  world: FakeWorld,
  people: FakePeople,
  recorder: Recorder,
  appLogin: string,
): Omit<Forge, "now" | "remote" | "readCommit" | "listCommitsSince" | "readFailure" | "rerunFailed"> {
  const { run } = recorder;
  const repoIf = (repo: Repo): FakeRepo | undefined => installedRepo(world, repo);
  const issueIf = (repo: Repo, number: number): FakeIssue | undefined => {
    const found = repoIf(repo)?.issues.get(number);
    return found?.isGone === false ? found : undefined;
  };

  function commentsOf(repo: Repo, number: number): readonly CommentFacts[] {
    const issue = issueIf(repo, number);
    return issue === undefined ? [] : issue.comments.map((comment) => commentFacts(world, findRepo(world, repo), issue, comment, appLogin));
  }

  function commentIf(repo: Repo, id: number): FakeComment | undefined {
    const issues = [...findRepo(world, repo).issues.values()].filter(({ isGone }) => !isGone);
    return issues.flatMap(({ comments }) => comments).find((comment) => comment.id === id);
  }

  return {
    readRepo: (repo) => run("readRepo", repo, [], () => ifThere(repoIf(repo), repoFacts)),
    readBranch: (repo, branch) =>
      run("readBranch", repo, [branch], () =>
        ifThere(repoIf(repo)?.branches.get(branch), ({ sha, isProtected }) => ({ sha, isProtected })),
      ),
    readFile: (repo, branch, path) => run("readFile", repo, [branch, path], () => repoIf(repo)?.branches.get(branch)?.files.get(path)),
    listIssues: (repo, label) =>
      run("listIssues", repo, [label], () => {
        const fake = repoIf(repo);
        if (fake === undefined) return [];
        const found = [...fake.issues.values()].filter(
          ({ isOpen, isGone, labels }) => isOpen && !isGone && labels.some((has) => isSameLabel(has, label)),
        );
        return found.map((issue) => issueFacts(fake, issue, recorder.capabilities.hasDependencies));
      }),
    readIssue: (repo, issue) =>
      run("readIssue", repo, [issue], () =>
        ifThere(issueIf(repo, issue), (found) => issueFacts(findRepo(world, repo), found, recorder.capabilities.hasDependencies)),
      ),
    readRelease: (repo, issue, label, { edits } = { edits: true }) =>
      run("readRelease", repo, [issue, label], () =>
        ifThere(issueIf(repo, issue), (found) =>
          releaseOf(world, found, label, { knowsEdits: edits && recorder.capabilities.knowsEdits, appLogin }),
        ),
      ),
    readEdits: (repo, issue, since) =>
      run("readEdits", repo, [issue, since], () => {
        const found = issueIf(repo, issue);
        return found === undefined || !recorder.capabilities.knowsEdits ? "unknown" : isEditedSince(found, since) ? "yes" : "no";
      }),
    readPermission: (repo, login) =>
      run("readPermission", repo, [login], () => {
        const fake = repoIf(repo);
        return fake?.permissions.get(login.toLowerCase()) ?? (fake?.isPrivate === false ? "read" : "none");
      }),
    readBlockers: (repo, issue) =>
      run("readBlockers", repo, [issue], () => {
        if (!recorder.capabilities.hasDependencies) return undefined;
        return issueIf(repo, issue)?.blockers.map((blocker) => ({
          reference: `${repoKey(blocker.repo) === repoKey(repo) ? "" : slugOf(blocker.repo)}#${blocker.number}`,
          isOpen: issueIf(blocker.repo, blocker.number)?.isOpen ?? false,
        }));
      }),
    listComments: (repo, issue) => run("listComments", repo, [issue], () => commentsOf(repo, issue)),
    listNewComments: (repo, { notBefore, after = 0 }) =>
      run("listNewComments", repo, [notBefore, after], () => {
        const fake = repoIf(repo);
        return fake === undefined ? [] : newestComments(world, fake, appLogin, { notBefore, after });
      }),

    createComment: (repo, issue, body, marker, { isMissing } = { isMissing: false }) =>
      run("createComment", repo, [issue, body, marker], () => {
        const already = isMissing
          ? undefined
          : commentsOf(repo, issue).find((comment) => comment.isOurs && carriesMarker(comment.body, marker));
        if (already !== undefined) return already;
        if (issueIf(repo, issue)?.isLocked === true) throw new ForgeError("unable to create comment because issue is locked", 403);
        const { comment, issue: on } = findComment(findRepo(world, repo), people.comment(repo, issue, body, appLogin));
        return commentFacts(world, findRepo(world, repo), on, comment, appLogin);
      }),
    editComment: (repo, comment, body) =>
      run("editComment", repo, [comment, body], () => {
        const isThere = commentIf(repo, comment) !== undefined;
        if (isThere) people.editCommentBy(repo, comment, body, appLogin);
        return isThere;
      }),
    react: (repo, comment, reaction) =>
      run("react", repo, [comment, reaction], () => commentIf(repo, comment)?.reactions.add(reaction) !== undefined),
    addLabel: (repo, issue, label) => run("addLabel", repo, [issue, label], () => people.label(repo, issue, label, appLogin)),
    removeLabel: (repo, issue, label) => run("removeLabel", repo, [issue, label], () => people.unlabel(repo, issue, label, appLogin)),
    closeIssue: (repo, issue) => run("closeIssue", repo, [issue], () => people.close(repo, issue, appLogin)),
  };
}

function createCiPort(
  world: FakeWorld,
  people: FakePeople,
  { run }: Recorder,
  reruns: FakeRerun[],
): Pick<Forge, "readCommit" | "listCommitsSince" | "readFailure" | "rerunFailed"> {
  const checksOf = (repo: Repo): readonly FakeCheck[] =>
    [...(installedRepo(world, repo)?.commits ?? [])].flatMap(([sha, commit]) =>
      [...commit.checks.values()].map((check) => ({ ...check, sha, failure: commit.failures.get(check.name) })),
    );

  return {
    readCommit: (repo, sha) =>
      run("readCommit", repo, [sha], () => {
        const fake = installedRepo(world, repo);
        const commit = fake?.commits.get(sha);
        if (commit === undefined || fake?.hidesChecks !== undefined)
          return { kind: "unknown", why: fake?.hidesChecks ?? "no such commit" } as const;
        return { kind: "known", checks: [...commit.checks.values()], statuses: [...commit.statuses] } as const;
      }),

    listCommitsSince: (repo, sha, branch) =>
      run(
        "listCommitsSince",
        repo,
        [sha, branch],
        () => ifThere(installedRepo(world, repo), (fake) => commitsAfter(fake, sha, branch).slice(0, 50)) ?? [],
      ),

    readFailure: (repo, check) =>
      run("readFailure", repo, [check], () => checksOf(repo).find(({ id }) => id === check)?.failure ?? { from: "nothing", text: "" }),

    rerunFailed: (repo, checks) =>
      run("rerunFailed", repo, [checks], () => {
        const failed = checksOf(repo).filter(({ id, conclusion }) => checks.includes(id) && conclusion !== undefined);
        const fake = findRepo(world, repo);
        if (!fake.mayRerunJobs || failed.length === 0) return false;
        reruns.push({ repo, checks });
        if (fake.startsReruns) for (const { sha, name, app } of failed) people.ci(repo, sha, undefined, name, app);
        return true;
      }),
  };
}

interface FakeCheck extends CheckRun {
  readonly sha: string;
  readonly failure: FailureReport | undefined;
}

function installedRepo({ state }: FakeWorld, repo: Repo): FakeRepo | undefined {
  const found = state.repos.get(repoKey(repo));
  return found?.isInstalled === true ? found : undefined;
}

function ifThere<T, R>(value: T | undefined, map: (value: T) => R): R | undefined {
  return value === undefined ? undefined : map(value);
}
