import { isSameLabel } from "../../src/core/labels.ts";
import { carriesMarker } from "../../src/core/messages.ts";
import type { CommentFacts, IssueFacts, Release } from "../../src/core/observation.ts";
import { repoKey, slugOf, type Repo } from "../../src/core/run.ts";
import { ForgeError, type Clock, type Forge } from "../../src/ports.ts";
import { commitsAfter, createFakeState, type FakeComment, type FakeIssue, type FakeRepo } from "./fake-forge-state.ts";
import { createFakePeople, findIssue, findRepo, type FakePeople, type FakeWorld } from "./fake-people.ts";
import { describeWebhooks, issueUrl, type FakeWebhook } from "./fake-webhooks.ts";

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
const writing: readonly ForgeMethod[] = ["createComment", "editComment", "addLabel", "removeLabel", "closeIssue"];

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
  const port = createPort(world, people, recorder, appLogin);

  return {
    ...people,
    ...port,
    calls: recorder.calls,
    writes: recorder.writes,
    failNext: recorder.failNext,
    setCapabilities: recorder.setCapabilities,
    appLogin,
    webhooks,
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
      return found.comments.map((comment) => commentFacts(fake, found, comment, appLogin));
    },
    unreadComments: () =>
      [...new Set(state.repos.values())].flatMap((fake) =>
        [...fake.issues.values()].flatMap((issue) =>
          issue.comments
            .filter(({ author, isRead }) => author === appLogin && !isRead)
            .map((comment) => commentFacts(fake, issue, comment, appLogin)),
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

function createPort(world: FakeWorld, people: FakePeople, recorder: Recorder, appLogin: string): Omit<Forge, "now" | "remote"> {
  const { run } = recorder;
  const repoIf = (repo: Repo): FakeRepo | undefined => {
    const found = world.state.repos.get(repoKey(repo));
    return found?.isInstalled === true ? found : undefined;
  };
  const issueIf = (repo: Repo, number: number): FakeIssue | undefined => {
    const found = repoIf(repo)?.issues.get(number);
    return found?.isGone === false ? found : undefined;
  };

  function commentsOf(repo: Repo, number: number): readonly CommentFacts[] {
    const issue = issueIf(repo, number);
    return issue === undefined ? [] : issue.comments.map((comment) => commentFacts(findRepo(world, repo), issue, comment, appLogin));
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
        ifThere(issueIf(repo, issue), (found) => releaseOf(world, found, label, edits && recorder.capabilities.knowsEdits)),
      ),
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
    readCommit: (repo, sha) =>
      run("readCommit", repo, [sha], () => {
        const fake = repoIf(repo);
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
        () => ifThere(repoIf(repo), (fake) => commitsAfter(fake, sha, branch).slice(0, 50)) ?? [],
      ),

    createComment: (repo, issue, body, marker, { isMissing } = { isMissing: false }) =>
      run("createComment", repo, [issue, body, marker], () => {
        const already = isMissing
          ? undefined
          : commentsOf(repo, issue).find((comment) => comment.isOurs && carriesMarker(comment.body, marker));
        if (already !== undefined) return already;
        if (issueIf(repo, issue)?.isLocked === true) throw new ForgeError("unable to create comment because issue is locked", 403);
        const id = people.comment(repo, issue, body, appLogin);
        const fake = findRepo(world, repo);
        const found = findIssue(fake, issue);
        const made: FakeComment = { id, author: appLogin, body, createdAt: world.state.time(), isRead: false };
        return commentFacts(fake, found, made, appLogin);
      }),
    editComment: (repo, comment, body) =>
      run("editComment", repo, [comment, body], () => {
        const isThere = [...findRepo(world, repo).issues.values()].some(
          ({ isGone, comments }) => !isGone && comments.some(({ id }) => id === comment),
        );
        if (isThere) people.editCommentBy(repo, comment, body, appLogin);
        return isThere;
      }),
    addLabel: (repo, issue, label) => run("addLabel", repo, [issue, label], () => people.label(repo, issue, label, appLogin)),
    removeLabel: (repo, issue, label) => run("removeLabel", repo, [issue, label], () => people.unlabel(repo, issue, label, appLogin)),
    closeIssue: (repo, issue) => run("closeIssue", repo, [issue], () => people.close(repo, issue, appLogin)),
  };
}

function ifThere<T, R>(value: T | undefined, map: (value: T) => R): R | undefined {
  return value === undefined ? undefined : map(value);
}

function repoFacts({ id, repo, defaultBranch, isPrivate, isArchived, mayPush, mayWriteIssues }: FakeRepo) {
  return { id, repo, defaultBranch, isPrivate, isArchived, mayPush, mayWriteIssues };
}

function issueFacts(repo: FakeRepo, issue: FakeIssue, hasDependencies: boolean): IssueFacts {
  const { number, title, body, author, labels, isOpen, isLocked, updatedAt, comments, blockers } = issue;
  const counts = { commentCount: comments.length, ...(hasDependencies ? { blockerCount: blockers.length } : {}) };
  return { number, title, body, author, labels: [...labels], isOpen, isLocked, url: issueUrl(repo, number), updatedAt, ...counts };
}

function commentFacts(repo: FakeRepo, issue: FakeIssue, { id, author, body, createdAt }: FakeComment, appLogin: string): CommentFacts {
  return { id, author, body, createdAt, isOurs: author === appLogin, url: `${issueUrl(repo, issue.number)}#issuecomment-${id}` };
}

function releaseOf({ state }: FakeWorld, issue: FakeIssue, label: string, knowsEdits: boolean): Release | undefined {
  const last = issue.timeline.findLast((entry) => entry.label !== undefined && isSameLabel(entry.label, label));
  if (last?.event !== "labeled") return undefined;
  const isRenamed = issue.timeline.some((entry) => entry.event === "renamed" && entry.at >= last.at);
  const isEdited = issue.lastEditedAt !== undefined && issue.lastEditedAt >= last.at;
  const editedSince = isRenamed ? "yes" : !knowsEdits ? "unknown" : isEdited ? "yes" : "no";
  return { by: last.actor, byId: state.userId(last.actor), byIsBot: last.actor.endsWith("[bot]"), at: last.at, editedSince };
}
