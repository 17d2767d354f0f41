import { ForgeError } from "../ports.ts";

/** What a call answers, or `undefined` when the forge refuses it with one of these statuses. */
export async function unlessRefused<T>(answer: Promise<T>, statuses: readonly number[]): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ForgeError && error.status !== undefined && statuses.includes(error.status)) return undefined;
    throw error;
  }
}

/** `false`: the forge refused with one of these statuses. By default those that say that there was nothing to change. */
export async function isDone(written: Promise<unknown>, statuses: readonly number[] = [404, 410]): Promise<boolean> {
  const done = await unlessRefused(
    written.then(() => true),
    statuses,
  );
  return done === true;
}
