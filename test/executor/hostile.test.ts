import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canRunBubblewrap, createTurnTester, goodAgent, type TurnTester, type TurnTesterOptions } from "./turn-tester.ts";

let tester: TurnTester | undefined;
let outside: string;
beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), "afk-outside-"));
});
afterEach(async () => {
  await tester?.close();
  tester = undefined;
  rmSync(outside, { recursive: true, force: true });
});

async function given(options?: TurnTesterOptions): Promise<TurnTester> {
  tester = await createTurnTester(options);
  return tester;
}

/**
 * The agent leaves a trap in its workspace that touches a file of the host when git runs into it. In the sandbox that file cannot be
 * reached, so it appears only if AFK's own git ever works in the workspace.
 */
describe.runIf(canRunBubblewrap)("a trap in the workspace does not go off on the host:", () => {
  const trap = (): string => `touch ${join(outside, "sprung")} 2>/dev/null; touch "$HOME/sprung"`;
  it.each<[string, () => string]>([
    ["core.fsmonitor", () => `git config core.fsmonitor '${trap()}'`],
    [
      "core.hooksPath",
      () =>
        `mkdir hooks; printf '#!/bin/sh\\n${trap().replaceAll('"', "")}\\n' > "$HOME/post-checkout"; chmod +x "$HOME/post-checkout"; git config core.hooksPath "$HOME"; rmdir hooks`,
    ],
    ["core.sshCommand and a rewritten URL", () => `git config core.sshCommand '${trap()}'; git config url.ssh://x/.pushInsteadOf /`],
    [
      "a clean filter",
      () =>
        `git config filter.x.clean 'sh -c "${trap().replaceAll('"', "")}; cat"'; mkdir -p .git/info; echo '* filter=x' > .git/info/attributes`,
    ],
    ["an external diff", () => `git config diff.external '${trap()}'`],
    ["a credential helper", () => `git config credential.helper '!${trap()}'`],
    ["an upload-pack hook", () => `git config uploadpack.packObjectsHook '${trap()}'`],
  ])("%s", async (_what, setTrap) => {
    const afk = await given({ agent: `${goodAgent}\n${setTrap()}` });
    const outcome = await afk.turn();
    expect({ kind: outcome.kind, sprung: existsSync(join(outside, "sprung")) }).toEqual({ kind: "landed", sprung: false });
  });
});

describe("a workspace whose .git is", () => {
  it("gone is refused", async () => {
    const afk = await given({ agent: `${goodAgent}\nrm -rf .git` });
    expect(await afk.turn()).toMatchObject({
      kind: "refused",
      gate: "committed",
      reason: expect.stringContaining("no longer a usable git repository"),
    });
  });

  it.runIf(canRunBubblewrap)("a link to another repository gives none of it away", async () => {
    execFileSync("git", ["init", "-q", outside]);
    writeFileSync(join(outside, "canary"), "canary");
    const afk = await given({ agent: `${goodAgent}\nrm -rf .git\nln -s ${outside}/.git .git` });
    expect(await afk.turn()).toMatchObject({ kind: "refused", gate: "committed" });
  });

  it.runIf(canRunBubblewrap)("a file that names another repository gives none of it away", async () => {
    execFileSync("git", ["init", "-q", outside]);
    const afk = await given({ agent: `${goodAgent}\nrm -rf .git\necho 'gitdir: ${outside}/.git' > .git` });
    expect(await afk.turn()).toMatchObject({ kind: "refused", gate: "committed" });
  });

  it.runIf(canRunBubblewrap)("borrowing another repository's objects gets none of them", async () => {
    execFileSync("git", ["init", "-q", outside]);
    const blob = execFileSync("git", ["-C", outside, "hash-object", "-w", "--stdin"], { input: "canary", encoding: "utf8" }).trim();
    const afk = await given({
      agent: `${goodAgent}\necho ${outside}/.git/objects >> .git/objects/info/alternates\ngit cat-file -p ${blob} > "$AFK_BLOCKED_FILE" || true`,
    });
    expect(await afk.turn()).toMatchObject({ kind: "landed" });
  });
});

describe("what the agent hands over is not followed when it is a link:", () => {
  it.each(["status", "head", "work.pack", "excludes", "prompt.md"])("%s", async (name) => {
    const canary = join(outside, "canary");
    writeFileSync(canary, "canary");
    const afk = await given({ agent: `${goodAgent}\nln -sf ${canary} "$(dirname "$AFK_PROMPT_FILE")/${name}"` });
    const outcome = await afk.turn();
    expect({ kind: outcome.kind, canary: execFileSync("cat", [canary], { encoding: "utf8" }) }).toEqual({
      kind: "landed",
      canary: "canary",
    });
  });
});

describe("hostile names", () => {
  it("of files land as they are", async () => {
    const afk = await given({
      agent: `${goodAgent}\nprintf x > "$(printf 'a\\nb')"\nprintf x > ./--exec\nprintf x > '$(touch sprung)'\nprintf x > 'snö.txt'\ngit add -A\ngit commit -q -m More`,
    });
    await afk.turn();
    expect(afk.forge("ls-tree", "-z", "--name-only", "main").split("\0")).toEqual([
      "$(touch sprung)",
      "--exec",
      "a\nb",
      "package.json",
      "product.js",
      "snö.txt",
      "sum.js",
      "test",
      "",
    ]);
  });

  it("of the base branch work", async () => {
    const base = "release/$(id);--ünï";
    const afk = await given();
    await afk.commit({}, { branch: base });
    expect(await afk.turn({ base })).toMatchObject({ kind: "landed" });
  });

  it("of other branches do no harm", async () => {
    const afk = await given();
    for (const name of ["--upload-pack=x", "$(id)", "snö"]) afk.forge("update-ref", `refs/heads/${name}`, "main");
    expect(await afk.turn()).toMatchObject({ kind: "landed" });
  });

  it("of runs never become paths", async () => {
    const afk = await given();
    expect(await afk.turn({ run: "../../etc" })).toMatchObject({ kind: "failed", reason: 'not a run\'s id: "../../etc"' });
  });
});

describe("a flood", () => {
  it("of output does not hide the end of it", async () => {
    const afk = await given({ agent: "head -c 30000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1" });
    const outcome = await afk.turn();
    expect(outcome.kind === "failed" && outcome.tail.endsWith("the end") && outcome.tail.length <= 4096).toBe(true);
  });

  it.runIf(canRunBubblewrap)("of short lines leaves AFK time for everything else", async () => {
    const secrets = Array.from({ length: 30 }, (_, index) => `a-secret-of-the-length-of-a-line-of-a-private-key-number-${index}`);
    const afk = await given({ agent: "yes | head -c 4000000; exit 1", secrets: () => secrets });
    let longestMs = 0;
    let lookedAt = performance.now();
    const looking = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - lookedAt);
      lookedAt = performance.now();
    }, 10);
    await afk.turn();
    clearInterval(looking);
    expect(longestMs).toBeLessThan(1_000);
  });

  it("of committed bytes that just fits is refused for its size, and kept", async () => {
    const afk = await given({ agent: `${goodAgent}\nhead -c 60000000 /dev/urandom > big.bin\ngit add -A\ngit commit -q -m Big` });
    expect(await afk.turn()).toMatchObject({ kind: "refused", gate: "size", kept: { where: "bundle" } });
  });

  it("of zeros that pack well is refused for its size, and kept without a patch", async () => {
    const afk = await given({ agent: `${goodAgent}\nhead -c 100000000 /dev/zero > big.bin\ngit add -A\ngit commit -q -m Big` });
    expect(await afk.turn()).toMatchObject({ kind: "refused", gate: "size", kept: { where: "bundle" } });
    expect(readdirSync(join(afk.home, "kept/octo/sample"))).toEqual(["issue-7-run-1.bundle"]);
  });

  it("of committed bytes is refused and kept unopened", async () => {
    const afk = await given({ agent: `${goodAgent}\nhead -c 80000000 /dev/urandom > big.bin\ngit add -A\ngit commit -q -m Big` });
    expect(await afk.turn()).toMatchObject({ kind: "refused", gate: "size", kept: { where: "bundle" } });
  });
});

describe("what an agent leaves behind is removed with its run:", () => {
  it.each<[string, string]>([
    ["folders nested deeper than a path can name", `( set +e; while mkdir d && cd d; do :; done ) 2>/dev/null`],
    ["folders nobody may enter", `mkdir -p "$HOME/a/b" && touch "$HOME/a/b/c" && chmod 000 "$HOME/a/b" "$HOME/a"`],
  ])("%s", async (_what, leave) => {
    const afk = await given({ agent: `${goodAgent}\ncd "$HOME"\n${leave}` });
    await afk.turn();
    await afk.executor.dispose(afk.repo, "run-1");
    expect(readdirSync(join(afk.home, "runs"))).toEqual([]);
  });
});

it("secrets are taken out of everything the agent prints", async () => {
  const afk = await given({ agent: "echo key is sk-model-key-123; exit 1", secrets: () => ["sk-model-key-123"] });
  expect(await afk.turn()).toMatchObject({ kind: "failed", tail: "key is [secret]" });
});

it("the agent finds neither the lock's credential nor AFK's folders", async () => {
  const agent = `env > seen.txt; git config --list >> seen.txt; ls -A "$HOME/.." >> seen.txt; cat seen.txt > "$AFK_BLOCKED_FILE"`;
  const afk = await given({ agent });
  const outcome = await afk.turn();
  expect(outcome.kind === "blocked" && /ghs_token|store\.git|notes\.json/.test(outcome.why)).toBe(!canRunBubblewrap);
});

it("an agent cannot plant packages for later runs", async () => {
  const agent = `mkdir -p "$npm_config_cache"; echo poison > "$npm_config_cache/planted"\n${goodAgent}`;
  const afk = await given({ agent });
  await afk.turn({ plan: { setup: 'mkdir -p "$npm_config_cache" && echo good > "$npm_config_cache/package"' } });
  expect(readdirSync(join(afk.home, "cache/octo/sample/npm"))).toEqual(["package"]);
});
