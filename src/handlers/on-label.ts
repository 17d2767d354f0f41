import { z } from "zod";
import { isSameLabel } from "../core/labels.ts";
import type { Handler } from "./handler.ts";
import { onIssue } from "./on-issue.ts";

const labelled = z.object({ label: z.object({ name: z.string() }) });

/** A label went on or off an issue. Only the ready label means anything; AFK's own bookkeeping labels would be an echo. */
export const onLabel: Handler = (delivery, deps) => {
  const parsed = labelled.safeParse(delivery.payload);
  if (!parsed.success || !isSameLabel(parsed.data.label.name, deps.readyLabel)) return;
  onIssue(delivery, deps);
};
