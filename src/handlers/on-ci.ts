import type { Handler } from "./handler.ts";
import { parseRepository } from "./parse-repository.ts";

/** A check or a status of some commit changed. The loop reads the whole verdict of the commit it watches. */
export const onCi: Handler = ({ payload }, { isEnrolled, signal }) => {
  const repo = parseRepository(payload);
  if (repo === undefined || !isEnrolled(repo)) return;
  signal({ repo, why: "ci" });
};
