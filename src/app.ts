import type { Probot } from "probot";
import type { Handler, HandlerDeps } from "./handlers/handler.ts";
import { onCi } from "./handlers/on-ci.ts";
import { onComment } from "./handlers/on-comment.ts";
import { onIssue } from "./handlers/on-issue.ts";
import { onLabel } from "./handlers/on-label.ts";

/** Every webhook AFK listens to. Each becomes a signal, "look at this repo again"; the sweep would find the same by itself. */
const events = [
  ["issues.labeled", onLabel],
  ["issues.unlabeled", onLabel],
  ["issues.closed", onIssue],
  ["issues.reopened", onIssue],
  ["issues.edited", onIssue],
  ["issues.deleted", onIssue],
  ["issues.transferred", onIssue],
  ["issue_comment.created", onComment],
  ["check_suite.completed", onCi],
  ["check_run.completed", onCi],
  ["status", onCi],
] as const satisfies readonly (readonly [name: string, handler: Handler])[];

/** The names in the table, as Probot and the App's manifest want them. */
export const eventNames = events.map(([name]) => name);

/** The Probot app: the event table, bound to a loop. */
export function createApp(deps: HandlerDeps): (app: Probot) => void {
  return (app) => {
    for (const [name, handler] of events) app.on(name, ({ id, payload }) => handler({ id, name, payload }, deps));
  };
}
