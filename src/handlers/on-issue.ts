import type { Handler } from "./handler.ts";
import { parseRepository } from "./parse-repository.ts";

/** An issue changed in a way that may start, end or change a run. */
export const onIssue: Handler = ({ payload }, { isEnrolled, signal }) => {
  const repo = parseRepository(payload);
  if (repo === undefined || !isEnrolled(repo)) return;
  signal({ repo, why: "issue" });
};
