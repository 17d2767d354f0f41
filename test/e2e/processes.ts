import { readdirSync, readFileSync } from "node:fs";

/** The living processes whose environment names something below a folder: with an `AFK_HOME`, all that its AFK has started. */
export function processesBelow(folder: string): readonly number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => environmentOf(pid).includes(`${folder}/`)).map(Number);
}

/** Empty for processes of others, and for those that have ended meanwhile. */
function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8");
  } catch {
    return "";
  }
}
