/** SIGTERM's usual grace is 10 to 30 s; what has not ended by then is left to the lease. */
const graceMs = 14_000;

/** Waits for an orderly end, but no longer than whoever asked for it does. Answers whether it came. */
export function closeInTime(closing: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, graceMs, false);
    closing.finally(() => clearTimeout(timer)).then(() => resolve(true), reject);
  });
}
