/** The parts of GitHub's answers that AFK reads, and nothing else of them. What was parsed once parses again, to the same. */
import { z } from "zod";

const user = z.object({ login: z.string(), id: z.number(), type: z.string().optional() });

export const installationAnswer = z.object({
  id: z.number(),
  app_id: z.number(),
  app_slug: z.string().nullish(),
  permissions: z.record(z.string(), z.string()),
  suspended_at: z.string().nullish(),
});

export const tokenAnswer = z.object({ token: z.string().min(1), expires_at: z.string() });

export const repoAnswer = z.object({
  id: z.number(),
  name: z.string(),
  owner: z.object({ login: z.string() }),
  default_branch: z.string(),
  private: z.boolean(),
  archived: z.boolean().optional(),
  has_issues: z.boolean().optional(),
});

export type RepoAnswer = z.infer<typeof repoAnswer>;

export const branchAnswer = z.object({ commit: z.object({ sha: z.string() }), protected: z.boolean().optional() });

export const ruleAnswer = z.object({ type: z.string() });

/** A folder is answered as a list. */
export const contentAnswer = z.union([
  z.array(z.unknown()),
  z.object({ type: z.string(), encoding: z.string().optional(), content: z.string().optional(), size: z.number().optional() }),
]);

export const issueAnswer = z.object({
  number: z.number(),
  title: z.string(),
  body: z.string().nullish(),
  user: user.nullish(),
  labels: z.array(z.union([z.string(), z.object({ name: z.string().nullish() })])),
  state: z.string(),
  locked: z.boolean().optional(),
  html_url: z.string(),
  repository_url: z.string(),
  updated_at: z.string(),
  comments: z.number().optional(),
  /** Servers without dependencies have none. */
  issue_dependencies_summary: z.object({ total_blocked_by: z.number() }).optional().catch(undefined),
  /** Present on pull requests, which GitHub lists among the issues. */
  pull_request: z.unknown().optional(),
});
export type IssueAnswer = z.infer<typeof issueAnswer>;

/** Events of many kinds; only their common parts and those of the kinds AFK reads. */
export const timelineAnswer = z.object({
  event: z.string().optional(),
  created_at: z.string().nullish(),
  actor: user.nullish(),
  label: z.object({ name: z.string() }).nullish(),
  performed_via_github_app: z.object({ id: z.number() }).nullish(),
});
export type TimelineAnswer = z.infer<typeof timelineAnswer>;

export const lastEditAnswer = z.object({
  repository: z.object({ issue: z.object({ lastEditedAt: z.string().nullable() }).nullable() }).nullable(),
});

export const permissionAnswer = z.object({ permission: z.string() });

export const commentAnswer = z.object({
  id: z.number(),
  body: z.string().nullish(),
  user: user.nullish(),
  html_url: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
  performed_via_github_app: z.object({ id: z.number() }).nullish(),
});
export type CommentAnswer = z.infer<typeof commentAnswer>;

/** In a repo's own list, which is remembered of every enrolled repo: without the bodies that cannot hold a command. */
export const repoCommentAnswer = commentAnswer.extend({
  issue_url: z.string(),
  body: commentAnswer.shape.body.transform((body) => (body != null && /\/afk/i.test(body) ? body : "")),
});
export type RepoCommentAnswer = z.infer<typeof repoCommentAnswer>;

export const checkRunAnswer = z.object({
  id: z.number(),
  name: z.string(),
  status: z.string(),
  conclusion: z.string().nullish(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
  html_url: z.string().nullish(),
  details_url: z.string().nullish(),
  app: z.object({ slug: z.string().nullish(), name: z.string().nullish() }).nullish(),
});
export type CheckRunAnswer = z.infer<typeof checkRunAnswer>;

/** What its author had to say about a check run. */
export const checkOutputAnswer = z.object({
  output: z.object({ title: z.string().nullish(), summary: z.string().nullish(), text: z.string().nullish() }),
});

export const annotationAnswer = z.object({
  path: z.string(),
  start_line: z.number(),
  annotation_level: z.string().nullish(),
  title: z.string().nullish(),
  message: z.string().nullish(),
});
export type AnnotationAnswer = z.infer<typeof annotationAnswer>;

/** A job of GitHub Actions. Its id is its check run's. */
export const jobAnswer = z.object({ run_id: z.number() });

export const statusAnswer = z.object({
  id: z.number(),
  context: z.string(),
  state: z.enum(["error", "failure", "pending", "success"]),
  created_at: z.string(),
  target_url: z.string().nullish(),
});
export type StatusAnswer = z.infer<typeof statusAnswer>;

export const labelAnswer = z.object({ name: z.string(), color: z.string().optional(), description: z.string().nullish() });

/** `commits` are those on the one side only, oldest first. */
export const compareAnswer = z.object({
  status: z.string(),
  commits: z.array(z.object({ sha: z.string(), parents: z.array(z.object({ sha: z.string() })) })),
});
