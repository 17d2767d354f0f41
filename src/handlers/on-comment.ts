import { z } from "zod";
import { mentionsCommand } from "../core/commands.ts";
import type { Handler } from "./handler.ts";
import { parseRepository } from "./parse-repository.ts";

const commented = z.object({ comment: z.object({ body: z.string() }) });

/** Somebody commented on an issue. Only what may hold a command is worth a look. */
export const onComment: Handler = ({ payload }, { isEnrolled, signal }) => {
  const repo = parseRepository(payload);
  const parsed = commented.safeParse(payload);
  if (repo === undefined || !isEnrolled(repo) || !parsed.success || !mentionsCommand(parsed.data.comment.body)) return;
  signal({ repo, why: "command" });
};
