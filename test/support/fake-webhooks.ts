import { slugOf } from "../../src/core/run.ts";
import type { CheckRun, CommitStatus } from "../../src/core/verdict.ts";
import type { FakeComment, FakeIssue, FakeRepo, FakeState } from "./fake-forge-state.ts";

/** A delivery in GitHub's shape: the fields a handler could want, not all of them. */
export interface FakeWebhook {
  readonly id: string;
  readonly name: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

const webUrl = "https://forge.test";

/** Builds payloads about one repo. */
export function describeWebhooks(state: FakeState, installationId: number) {
  const user = (login: string): object => ({
    login,
    id: state.userId(login),
    type: login.endsWith("[bot]") ? "Bot" : "User",
    site_admin: false,
  });

  function issueJson(repo: FakeRepo, issue: FakeIssue): object {
    return {
      number: issue.number,
      title: issue.title,
      body: issue.body,
      user: user(issue.author),
      labels: issue.labels.map((name) => ({ name, color: "ededed" })),
      state: issue.isOpen ? "open" : "closed",
      locked: issue.isLocked,
      html_url: issueUrl(repo, issue.number),
      updated_at: issue.updatedAt,
    };
  }

  function deliver(repo: FakeRepo, name: string, sender: string, rest: Readonly<Record<string, unknown>>): FakeWebhook {
    const repository = {
      id: repo.id,
      name: repo.repo.name,
      full_name: slugOf(repo.repo),
      owner: user(repo.repo.owner),
      private: repo.isPrivate,
      default_branch: repo.defaultBranch,
      html_url: `${webUrl}/${slugOf(repo.repo)}`,
    };
    const id = `00000000-0000-4000-8000-${String(state.nextId()).padStart(12, "0")}`;
    return { id, name, payload: { ...rest, repository, sender: user(sender), installation: { id: installationId } } };
  }

  return {
    issue(repo: FakeRepo, action: string, issue: FakeIssue, sender: string, rest: Readonly<Record<string, unknown>> = {}) {
      return deliver(repo, "issues", sender, { action, issue: issueJson(repo, issue), ...rest });
    },
    comment(repo: FakeRepo, action: string, issue: FakeIssue, comment: FakeComment, sender: string) {
      const { id, body, createdAt, author } = comment;
      const json = { id, body, user: user(author), created_at: createdAt, html_url: `${issueUrl(repo, issue.number)}#issuecomment-${id}` };
      return deliver(repo, "issue_comment", sender, { action, issue: issueJson(repo, issue), comment: json });
    },
    checkRun(repo: FakeRepo, sha: string, run: CheckRun) {
      const { id, name, conclusion } = run;
      const status = conclusion === undefined ? "in_progress" : "completed";
      const json = {
        id,
        name,
        head_sha: sha,
        status,
        conclusion: conclusion ?? null,
        app: { slug: run.app },
        html_url: run.url,
        pull_requests: [],
      };
      return deliver(repo, "check_run", `${run.app}[bot]`, { action: conclusion === undefined ? "created" : "completed", check_run: json });
    },
    checkSuite(repo: FakeRepo, sha: string, run: CheckRun) {
      const json = {
        id: run.id + 1,
        head_sha: sha,
        head_branch: repo.defaultBranch,
        status: "completed",
        conclusion: run.conclusion,
        app: { slug: run.app },
      };
      return deliver(repo, "check_suite", `${run.app}[bot]`, { action: "completed", check_suite: json });
    },
    status(repo: FakeRepo, sha: string, { id, context, state: word, url }: CommitStatus, sender: string) {
      return deliver(repo, "status", sender, { id, sha, name: slugOf(repo.repo), context, state: word, target_url: url, branches: [] });
    },
  };
}

export type FakeWebhooks = ReturnType<typeof describeWebhooks>;

export function issueUrl(repo: FakeRepo, issue: number): string {
  return `${webUrl}/${slugOf(repo.repo)}/issues/${issue}`;
}
