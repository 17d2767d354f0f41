import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkBubblewrap, createBubblewrap, createNoSandbox, type Sandbox, type SandboxedCommand } from "../../src/executor/sandbox.ts";
import { canRunBubblewrap } from "./turn-tester.ts";

let home: string;
let place: { cwd: string; home: string };
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "afk-sandbox-"));
  place = { cwd: join(home, "workspace"), home: join(home, "home") };
  for (const folder of [place.cwd, place.home]) mkdirSync(folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

function sandboxOf(kind: "bubblewrap" | "none", agentArgv: readonly string[] = []): Sandbox {
  const deps = { home, read: [], agentArgv };
  return kind === "bubblewrap" ? createBubblewrap(deps) : createNoSandbox(deps);
}

function shell(script: string, more: Partial<SandboxedCommand> = {}): SandboxedCommand {
  return { argv: ["sh", "-c", script], ...place, timeoutMs: 30_000, signal: new AbortController().signal, ...more };
}

/** Whether any process of this machine carries the word in its command line. */
function isRunning(word: string): boolean {
  return readdirSync("/proc").some((pid) => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
    } catch {
      return false;
    }
  });
}

const kinds = [...(canRunBubblewrap ? ["bubblewrap" as const] : []), "none" as const];

describe.each(kinds)("a command with %s", (kind) => {
  it("answers its exit code and the end of its output", async () => {
    const result = await sandboxOf(kind).run(shell("echo out; echo err >&2; exit 7"));
    expect({ ...result, output: result.output.split("\n").toSorted() }).toMatchObject({
      exitCode: 7,
      signal: null,
      timedOut: false,
      aborted: false,
      output: ["", "err", "out"],
    });
  });

  it("reads standard input", async () => {
    expect((await sandboxOf(kind).run(shell("cat", { stdin: "hello" }))).output).toBe("hello");
  });

  it("need not read standard input", async () => {
    expect((await sandboxOf(kind).run(shell("exec true", { stdin: "x".repeat(1024 * 1024) }))).exitCode).toBe(0);
  });

  it("writes into its workspace", async () => {
    await sandboxOf(kind).run(shell("echo written > file"));
    expect(readFileSync(join(place.cwd, "file"), "utf8")).toBe("written\n");
  });

  it("gets nothing of AFK's environment but what is named", async () => {
    for (const name of ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"]) vi.stubEnv(name, undefined);
    vi.stubEnv("AFK_API_TOKEN", "secret-1");
    vi.stubEnv("PRIVATE_KEY", "secret-2");
    const { output } = await sandboxOf(kind).run(shell("env", { env: { GIVEN: "given" } }));
    const names = output.split("\n").flatMap((line) => line.split("=")[0] ?? []);
    expect(
      names.filter((name) => !["", "PWD", "OLDPWD", "SHLVL", "_", "AFK_COMMAND_MARK", "TZ", "LC_ALL"].includes(name)).toSorted(),
    ).toEqual(["CI", "GIVEN", "HOME", "LANG", "PATH", "TERM"]);
  });

  it("ends at its time limit, with children that left its process group", async () => {
    const word = `37${Date.now()}`;
    const result = await sandboxOf(kind).run(shell(`setsid sleep ${word} & sleep ${word}`, { timeoutMs: 500 }));
    expect({ result, isRunning: isRunning(word) }).toMatchObject({ result: { exitCode: null, timedOut: true }, isRunning: false });
  });

  it("leaves no child behind when it ends by itself", async () => {
    const word = `38${Date.now()}`;
    await sandboxOf(kind).run(shell(`setsid sleep ${word} >/dev/null 2>&1 </dev/null & exit 0`));
    expect(isRunning(word)).toBe(false);
  });

  it("is not kept waiting by a child that holds its output", async () => {
    const { durationMs } = await sandboxOf(kind).run(shell("setsid sleep 600 & exit 0"));
    expect(durationMs).toBeLessThan(10_000);
  });

  it("ends when it is aborted", async () => {
    const abort = new AbortController();
    const result = await sandboxOf(kind).run(shell("echo started; sleep 600", { signal: abort.signal, onLine: () => abort.abort() }));
    expect(result).toMatchObject({ exitCode: null, aborted: true, timedOut: false });
  });

  it("ends with all it is, however early it is aborted", async () => {
    const sandbox = sandboxOf(kind);
    for (let afterMs = 0; afterMs < 20; afterMs += 0.25) {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), afterMs);
      const { aborted, durationMs } = await sandbox.run({ ...shell(""), argv: ["sleep", "73.1"], signal: abort.signal });
      expect(aborted).toBe(true);
      expect(durationMs).toBeLessThan(5_000);
    }
    expect(isRunning("73.1")).toBe(false);
  });

  it("cannot fill the memory with output", async () => {
    let longest = 0;
    const result = await sandboxOf(kind).run(
      shell("head -c 50000000 /dev/zero | tr '\\0' x", { onLine: (line) => (longest = Math.max(longest, line.length)) }),
    );
    expect({ kept: result.output.length, longest }).toEqual({ kept: 16_384, longest: 2000 });
  });

  it("hands on whole lines", async () => {
    const lines: string[] = [];
    await sandboxOf(kind).run(shell("printf 'a\\nb'; printf 'c\\n\\nd'", { onLine: (line) => lines.push(line) }));
    expect(lines).toEqual(["a", "bc", "", "d"]);
  });

  it("expands nothing in its arguments", async () => {
    expect((await sandboxOf(kind).run({ ...shell(""), argv: ["printf", "%s", "$(id) `id` --x *"] })).output).toBe("$(id) `id` --x *");
  });

  it("does not succeed when its program is not there", async () => {
    const run = sandboxOf(kind).run({ ...shell(""), argv: ["/no/such/program"] });
    const exitCode = await run.then((result) => result.exitCode).catch(() => "not started");
    expect(exitCode).not.toBe(0);
  });
});

describe.runIf(canRunBubblewrap)("in the sandbox (skipped where bubblewrap does not run)", () => {
  it("AFK's home and the user's home are not there", async () => {
    writeFileSync(join(home, "canary"), "canary");
    const { output } = await sandboxOf("bubblewrap").run(
      shell(`cat ${join(home, "canary")} 2>&1; ls -A ${home}; ls -A ${homedir()} 2>&1 | head -3`),
    );
    expect(output.split("\n").slice(0, 3)).toEqual([expect.stringContaining("No such file"), "home", "workspace"]);
  });

  it("of an installation that the agent's program is part of, only programs and libraries are there", async () => {
    const prefix = join(home, "local");
    for (const folder of ["bin", "lib/node_modules", "share/keyrings", "state/afk"]) mkdirSync(join(prefix, folder), { recursive: true });
    writeFileSync(join(prefix, "bin/agent"), "#!/bin/sh\necho the agent\n", { mode: 0o755 });
    const agentArgv = [join(prefix, "bin/agent")];
    const sandbox = createBubblewrap({ home: join(prefix, "state/afk"), read: [], agentArgv });
    const { output } = await sandbox.run(shell(`${agentArgv[0]}; ls ${prefix}`));
    expect(output.split("\n").toSorted()).toEqual(["", "bin", "lib", "the agent"]);
  });

  it("AFK's home is hidden where a path that the operator shows holds it", async () => {
    const shown = join(home, "shown");
    mkdirSync(join(shown, "afk/repos"), { recursive: true });
    writeFileSync(join(shown, "tool"), "tool");
    const sandbox = createBubblewrap({ home: join(shown, "afk"), read: [shown], agentArgv: [] });
    const { output } = await sandbox.run(shell(`cat ${shown}/tool; ls -A ${shown}/afk`));
    expect(output).toBe("tool");
  });

  it("no process of the host is seen", async () => {
    const { output } = await sandboxOf("bubblewrap").run(shell("ls -d /proc/[0-9]* | wc -l"));
    expect(Number(output)).toBeLessThan(8);
  });

  it("the system cannot be written", async () => {
    expect((await sandboxOf("bubblewrap").run(shell("touch /usr/x || touch /etc/x || touch /x"))).exitCode).not.toBe(0);
  });

  it("readable paths cannot be written", async () => {
    const readable = join(home, "mirror");
    mkdirSync(readable);
    writeFileSync(join(readable, "file"), "text");
    const { output } = await sandboxOf("bubblewrap").run(
      shell(`cat ${readable}/file; (echo x > ${readable}/file) 2>&1 || chmod 777 ${readable}/file 2>&1`, { readable: [readable] }),
    );
    expect(output).toMatch(/^text.*Read-only file system.*Read-only file system/s);
  });

  it("values of the environment are in no argv", async () => {
    const seen = await new Promise<string>((resolve) => {
      void sandboxOf("bubblewrap").run(
        shell("echo started; sleep 0.2", {
          env: { MODEL_KEY: "sk-very-secret" },
          onLine: () => resolve(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })),
        }),
      );
    });
    expect(seen).not.toContain("sk-very-secret");
  });

  it("nobody is root", async () => {
    expect((await sandboxOf("bubblewrap").run(shell("id -un; id -u; umount /proc 2>&1"))).output).toMatch(/^afk\n1000\n/);
  });

  it("works here, says the check", async () => {
    expect(await checkBubblewrap({ home, read: [], agentArgv: [] })).toBeUndefined();
  });
});

it("says what to do when bubblewrap is not there", async () => {
  vi.stubEnv("PATH", "/nonexistent");
  expect(await checkBubblewrap({ home, read: [], agentArgv: [] })).toMatch(
    /^the sandbox cannot be started \(bwrap is not found on PATH\): install bubblewrap/,
  );
});
