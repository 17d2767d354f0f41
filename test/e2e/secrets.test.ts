import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { doneOnce, goodWork, startWorld, type World } from "./support.ts";

const slug = "acme/discreet";

let world: World;
beforeAll(async () => {
  world = await startWorld("discreet");
});
afterAll(() => world.close());

/** Name and value of everything that must not be found anywhere, as it is at this moment. */
function secrets(): readonly (readonly [string, string])[] {
  const { webhookSecret, privateKey } = world.forge;
  return [
    ["the webhook secret", webhookSecret],
    ["the secret that seals the ledger", createHmac("sha256", webhookSecret).update("afk state secret").digest("hex")],
    ...privateKey.split("\n").flatMap((line) => (line.length === 64 ? [["the private key", line] as const] : [])),
    ...world.forge
      .installationTokens()
      .flatMap((token) => [
        ["an installation token", token] as const,
        ["an installation token in base64", Buffer.from(`x-access-token:${token}`).toString("base64")] as const,
      ]),
  ];
}

function secretsIn(text: string): readonly string[] {
  return secrets().flatMap(([name, value]) => (text.includes(value) ? [name] : []));
}

/** The arguments of every process of this machine. */
function commandLines(): string {
  return readdirSync("/proc")
    .flatMap((pid) => (/^\d+$/.test(pid) ? [readWhatIsThere(() => readFileSync(`/proc/${pid}/cmdline`, "latin1"))] : []))
    .join("\n");
}

/** Processes end and proofs are tidied up while one looks. */
function readWhatIsThere(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** Every file under a folder, and every object of every repository there. */
function contentsOf(folder: string): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => readWhatIsThere(() => readFileSync(join(entry.parentPath, entry.name), "latin1")));
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  return [...files, ...folders.filter(isRepository).map((path) => readWhatIsThere(() => objectsOf(path)))].join("\n");
}

function isRepository(path: string): boolean {
  return existsSync(join(path, "HEAD")) && existsSync(join(path, "objects"));
}

function objectsOf(repository: string): string {
  return execFileSync("git", ["--git-dir", repository, "cat-file", "--batch-all-objects", "--batch"], {
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "latin1",
    maxBuffer: 1 << 28,
  });
}

/** Some requests of AFK's fail, so that it logs what it asked; people's do not. Few passes fail for it: each is longer waited for. */
function breakThings(): void {
  const faults = [
    { method: "GET", path: /\/discreet\/issues$/, status: 403 },
    { method: "GET", path: /\/discreet\.git\/info\/refs$/, status: 403 },
    { method: "GET", path: /\/timeline$/, status: 500 },
    { method: "GET", path: /\/collaborators\//, status: 0 },
    { method: "POST", path: /\/comments$/, status: 500 },
    { method: "PATCH", path: /\/comments\/\d+$/, status: 0 },
    { method: "POST", path: /\.git\/git-receive-pack$/, status: 0, after: "commit" },
  ] as const;
  for (const fault of faults) world.forge.fail({ ...fault, times: 1 });
}

describe("AFK's secrets", () => {
  it("leave it by no way, however much it logs and whatever fails", async () => {
    const seen = new Set<string>();
    const sampling = setInterval(() => {
      const sample = commandLines();
      for (const name of secretsIn(sample)) seen.add(name);
      if (sample.includes(`/${slug}.git`)) seen.add("git at work");
    }, 10);
    const afk = await world.serve([slug], { env: { LOG_LEVEL: "trace", AFK_SWEEP_SECONDS: "1" } });
    breakThings();
    const issue = await world.release(slug);

    const visit = await afk.agent();
    const duringTheTurn = { home: contentsOf(afk.home), agent: JSON.stringify(visit) };
    visit.tell(goodWork);
    expect(await world.closed(slug, issue)).toEqual(doneOnce);
    await afk.program.stop();
    clearInterval(sampling);

    expect(world.forge.installationTokens().length).toBeGreaterThanOrEqual(2);
    expect([...seen]).toEqual(["git at work"]);
    expect(duringTheTurn.home).toContain(`AFK lock: ${slug}#${issue}`);
    expect(secretsIn(duringTheTurn.home)).toEqual([]);
    expect(secretsIn(duringTheTurn.agent)).toEqual([]);
    expect(secretsIn(afk.program.output())).toEqual([]);
    expect(secretsIn(contentsOf(afk.home))).toEqual([]);
    expect(secretsIn(objectsOf(world.forge.gitDir(slug)))).toEqual([]);
    expect(secretsIn((await world.issue(slug, issue)).comments.join("\n"))).toEqual([]);
    expect(afk.program.output()).toContain("pass failed");
  });
});
