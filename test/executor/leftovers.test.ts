import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endLeftovers } from "../../src/executor/leftovers.ts";
import { createBubblewrap, createNoSandbox } from "../../src/executor/sandbox.ts";
import { canRunBubblewrap } from "./turn-tester.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "afk-leftovers-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const kinds = [...(canRunBubblewrap ? ["bubblewrap" as const] : []), "none" as const];

describe.each(kinds)("commands that a killed AFK left behind, with %s", (kind) => {
  function runIn(home: string): {
    readonly started: Promise<void>;
    readonly ended: Promise<{ readonly signal: string | null; readonly exitCode: number | null }>;
    abort(): void;
  } {
    const place = { cwd: join(home, "runs", "1-abc", "workspace"), home: join(home, "runs", "1-abc", "home") };
    for (const folder of Object.values(place)) mkdirSync(folder, { recursive: true });
    const sandbox = (kind === "bubblewrap" ? createBubblewrap : createNoSandbox)({ home, read: [], agentArgv: [] });
    const abort = new AbortController();
    let say = (): void => {};
    const started = new Promise<void>((resolve) => (say = resolve));
    const argv = ["sh", "-c", "echo started; exec sleep 60"];
    return {
      started,
      ended: sandbox.run({ argv, ...place, timeoutMs: 60_000, signal: abort.signal, onLine: say }),
      abort: () => abort.abort(),
    };
  }

  it("are ended, and those of another home are not", async () => {
    const [own, other] = [runIn(join(root, "own")), runIn(join(root, "own-too"))];
    await Promise.all([own.started, other.started]);
    endLeftovers(join(root, "own"));
    expect((await own.ended).exitCode).not.toBe(0);
    other.abort();
    expect(await other.ended).toMatchObject({ aborted: true });
  });
});
