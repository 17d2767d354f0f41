/**
 * Resolves with the first signal that asks this process to end: SIGTERM, as containers send it, or SIGINT. A terminal and npm may send it more than once, so from
 * then on none of them ends the process by itself. The listeners stay for another reason, too: libraries that tidy up after child processes
 * end this process at a signal that only they listen to.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.on("SIGTERM", resolve);
    process.on("SIGINT", resolve);
  });
}
