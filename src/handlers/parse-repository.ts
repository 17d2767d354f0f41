import { z } from "zod";
import { parseRepo, type Repo } from "../core/run.ts";

const payloadShape = z.object({ repository: z.object({ name: z.string(), owner: z.object({ login: z.string() }) }) });

/** The repo a webhook speaks of; `undefined` when it names none that can exist. */
export function parseRepository(payload: unknown): Repo | undefined {
  const parsed = payloadShape.safeParse(payload);
  if (!parsed.success) return undefined;
  const { name, owner } = parsed.data.repository;
  return parseRepo(`${owner.login}/${name}`);
}
