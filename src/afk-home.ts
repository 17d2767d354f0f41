import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** `AFK_HOME`, held by this process alone: what lets a restarted AFK take its own runs back at once. */
export interface AfkHome {
  readonly dir: string;
  /** Stays the same for as long as the folder does. */
  readonly id: string;
  release(): void;
}

/** The home cannot be used, in words for the operator. */
export class HomeError extends Error {
  override readonly name = "HomeError";
}

/** A killed AFK's helper may outlive it by a moment. */
const lockTries = 20;
const lockRetryMs = 100;

/**
 * Creates the folder when missing and locks it. The lock is the kernel's (`flock`), held by a child that ends with this process however
 * that dies: no stale lock file can keep AFK from starting. Rejects with `HomeError`.
 */
export async function openAfkHome(dir: string): Promise<AfkHome> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const id = await readOrCreateId(join(dir, "id"));
    return { dir, id, release: await lock(join(dir, "lock")) };
  } catch (error) {
    if (error instanceof HomeError) throw error;
    if (error instanceof Error && "syscall" in error && error.syscall === "spawn flock") {
      throw new HomeError("flock is not installed (Debian: the package util-linux)", { cause: error });
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new HomeError(`AFK_HOME: ${dir} cannot be used (${why}); AFK needs a folder it may write to`, { cause: error });
  }
}

async function readOrCreateId(path: string): Promise<string> {
  try {
    await writeFile(path, `${randomUUID()}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const id = (await readFile(path, "utf8")).trim();
  if (!/^[0-9a-f-]{36}$/.test(id)) throw new HomeError(`AFK_HOME: ${path} is damaged; remove it while no AFK runs here`);
  return id;
}

async function lock(path: string): Promise<() => void> {
  for (let tries = 0; tries < lockTries; tries += 1) {
    // `cat` ends when this process does, because its standard input closes then; the lock goes with it. A signal that a terminal sends to
    // AFK's process group must not end it before, and it needs none of AFK's secrets.
    const holder = spawn("flock", ["--nonblock", "--no-fork", path, "sh", "-c", "echo held; exec cat"], {
      stdio: ["pipe", "pipe", "ignore"],
      detached: true,
      env: { PATH: process.env["PATH"] },
    });
    const isHeld = await Promise.race([once(holder.stdout, "data").then(() => true), once(holder, "exit").then(() => false)]);
    if (isHeld) return () => holder.kill();
    await delay(lockRetryMs);
  }
  throw new HomeError(`AFK_HOME: another AFK uses this folder (${path} is locked); give each its own`);
}
