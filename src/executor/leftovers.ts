import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";

/**
 * Ends commands that a killed AFK has left behind: without a sandbox nothing binds them to their parent, and bubblewrap does so only once it is set
 * up. They are known by their HOME, which lies below this AFK's. To be called before the first command runs, by whoever holds the home.
 */
export function endLeftovers(home: string): void {
  for (const pid of readdirSync("/proc")) {
    if (/^\d+$/.test(pid) && homeOf(pid)?.startsWith(join(home, "runs") + sep)) kill(Number(pid));
  }
}

/** `undefined` also for processes of others, and for those that have ended meanwhile. */
function homeOf(pid: string): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return environment.find((entry) => entry.startsWith("HOME="))?.slice("HOME=".length);
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
