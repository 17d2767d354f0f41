// The demo's scripted agent: does what a coding agent would do with the sample issue, test first, with real files, real commands, real commits.
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";

const prompt = readFileSync(process.env.AFK_PROMPT_FILE, "utf8");
if (!prompt.includes("formatDuration")) {
  writeFileSync(process.env.AFK_BLOCKED_FILE, "This scripted agent only knows the sample issue about formatDuration.\n");
  process.exit(0);
}

say("Reading the issue: formatDuration should say minutes.");
say("Writing the test first.");
appendFileSync(
  "test/format-duration.test.js",
  `
test("says minutes and seconds", () => {
  assert.equal(formatDuration(90), "1 min 30 s");
});

test("leaves out seconds that are zero", () => {
  assert.equal(formatDuration(120), "2 min");
});
`,
);
runTests("The new tests fail, as they should");
commit("Expect minutes in durations");

say("Implementing.");
writeFileSync(
  "src/format-duration.js",
  `/** Seconds as people say them. */
export function formatDuration(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = seconds % 60;
  if (minutes === 0) return \`\${rest} s\`;
  return rest === 0 ? \`\${minutes} min\` : \`\${minutes} min \${rest} s\`;
}
`,
);
runTests("All tests pass");
commit("Say minutes in durations\n\nFixes the readability of everything longer than a minute.");
say("Done.");

function say(line) {
  process.stdout.write(`${line}\n`);
}

function runTests(expectation) {
  const { status } = spawnSync("npm", ["test"], { stdio: "ignore" });
  say(`${expectation} (npm test: exit ${status}).`);
}

function commit(message) {
  execFileSync("git", ["add", "--all"]);
  execFileSync("git", ["commit", "--quiet", "--message", message]);
}
