import type { EmbeddedForge } from "./front/embedded-forge.ts";
import type { Outcome } from "./tell.ts";

/** One comment of AFK's, as a person sees it change. */
export interface CommentChange {
  readonly url: string;
  readonly change: "created" | "edited";
  /** What is new in it, without what Markdown hides. */
  readonly lines: readonly string[];
  readonly body: string;
}

export interface IssueState {
  readonly changes: readonly CommentChange[];
  readonly isOpen: boolean;
  readonly labels: readonly string[];
}

/** Looks at an issue through the forge's API, as a person does, and tells what is new since the last look. */
export function watchIssue(forge: EmbeddedForge, person: string, slug: string): (issue: number) => Promise<IssueState> {
  const seen = new Map<number, string>();
  return async (issue) => {
    const comments = (await forge.api(person, "GET", `/repos/${slug}/issues/${issue}/comments?per_page=100`)) as {
      id: number;
      body: string;
      html_url: string;
      user: { login: string };
    }[];
    const own = comments.filter(({ user }) => user.login === `${forge.appSlug}[bot]`);
    const changes = own.flatMap(({ id, body, html_url: url }): CommentChange[] => {
      const before = seen.get(id);
      seen.set(id, body);
      if (before === body) return [];
      const old = new Set(before === undefined ? [] : visibleLines(before));
      const lines = visibleLines(body).filter((line) => !old.has(line));
      return [{ url, change: before === undefined ? "created" : "edited", lines, body }];
    });
    const { state, labels } = (await forge.api(person, "GET", `/repos/${slug}/issues/${issue}`)) as {
      state: string;
      labels: { name: string }[];
    };
    return { changes, isOpen: state === "open", labels: labels.map(({ name }) => name) };
  };
}

/** Whether an end is fully shown on the issue: AFK shows it step by step. */
export function showsEnd({ isOpen, labels }: IssueState, outcome: Outcome): boolean {
  if (labels.some((label) => label === "agent-in-progress" || label === "ready-for-agent")) return false;
  return outcome === "closed" ? !isOpen : outcome === "handed-over" ? labels.includes("ready-for-human") : true;
}

function visibleLines(body: string): readonly string[] {
  return body
    .replace(/<!--[\s\S]*?-->/g, "")
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
}
