import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "vitest";
import { checkOut } from "../../src/executor/checkout.ts";
import { createTurnTester, goodAgent, sampleFiles } from "./turn-tester.ts";
const time = async (what: string, fn: () => unknown) => { const t = performance.now(); await fn(); console.log(what, Math.round(performance.now() - t)); };
it("m", async () => {
  const root = mkdtempSync(join(tmpdir(), "afk-m-"));
  const files: Record<string, string> = { ...sampleFiles };
  for (let i = 0; i < 5000; i++) files[`src/d${i % 100}/f${i}.js`] = `export const x${i} = ${JSON.stringify("y".repeat(2000 + (i % 500)))};\n`;
  let t0 = 0;
  const afk = await createTurnTester({ files, agent: goodAgent });
  for (let r = 0; r < 3; r++) {
    await time("clone --local", () => execFileSync("git", ["clone", "-q", "--local", join(afk.root, "forge.git"), join(root, `l${r}`)]));
    await time("clone --no-hardlinks", () => execFileSync("git", ["clone", "-q", "--no-hardlinks", join(afk.root, "forge.git"), join(root, `n${r}`)]));
    await time("checkOut shared", () => checkOut({ store: join(afk.root, "forge.git"), commit: afk.head(), into: join(root, `s${r}`), branch: "x", shares: true }));
  }
  const seen: string[] = [];
  t0 = performance.now();
  afk.executor.onChange((_r, what) => { const s = afk.executor.inspect("t"); seen.push(`${what}:${s.kind === "running" ? s.progress.phase : s.kind}@${Math.round(performance.now() - t0)}`); });
  await afk.start({ id: "t" });
  console.log((await afk.ended("t")).kind, "5000 files, cold mirror", seen.join(" "));
  await afk.close();
  const small = await createTurnTester();
  await small.start({ id: "w", run: "run-1", plan: { landing: "none" } }); await small.ended("w");
  for (let r = 0; r < 3; r++) {
    const t = performance.now();
    const seen2: string[] = [];
    const id = `s${r}`;
    small.executor.onChange((_r, what) => { const s = small.executor.inspect(id); seen2.push(`${what}:${s.kind === "running" ? s.progress.phase : s.kind}@${Math.round(performance.now() - t)}`); });
    const run = `other-${r}`;
    await small.start({ id, run, plan: { landing: "none" } });
    console.log((await small.ended(id)).kind, "small", Math.round(performance.now() - t), seen2.join(" "));
  }
  await small.close();
  rmSync(root, { recursive: true, force: true });
}, 120_000);
