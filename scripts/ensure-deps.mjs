// Makes `npm run demo` and `npm test` work as the first command on a fresh clone: installs from the lockfile when
// dependencies are missing or stale and, with --build, compiles src/ to lib/. Plain JavaScript: it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".installed-from");

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 18) || major === 21) {
  fail(`AFK needs Node ^20.18.1 or >=22; this is ${process.versions.node}.`);
}

const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : "";
if (installed !== wanted) {
  process.stderr.write("Installing dependencies from package-lock.json …\n");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(stamp, wanted);
}

if (process.argv.includes("--build")) {
  rmSync(join(root, "lib"), { recursive: true, force: true });
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "--project", join(root, "tsconfig.build.json")]);
}

function run(command, args) {
  // Standard output belongs to the command that follows (`npm run demo -- --json`), so this one speaks on standard error.
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (error) fail(`${command} did not start: ${error.message}`);
  if (status !== 0) fail(`${command} ${args[0]} failed (exit ${status}).`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(3);
}
