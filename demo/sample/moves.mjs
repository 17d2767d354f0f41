// What the demo's scripted agents have in common: real files, real commands, real commits.
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";

const prompt = readFileSync(process.env.AFK_PROMPT_FILE, "utf8");

/** What the prompt frames as data: `ISSUE`, `REPORT` or `GUIDANCE`; `undefined` when there is none. */
export function framed(what) {
  const [, nonce, text] = new RegExp(`^<<<${what} (\\S+)\\n([\\s\\S]*?)\\n\\1 ${what}>>>$`, "m").exec(prompt) ?? [];
  return nonce === undefined ? undefined : text;
}

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Says why it cannot go on, and ends. */
export function giveUp(why) {
  writeFileSync(process.env.AFK_BLOCKED_FILE, `${why}\n`);
  process.exit(0);
}

/** The examples as tests, committed while they fail. */
export function testFirst() {
  say("Writing the test first.");
  addTests(examples);
  runTests("The new tests fail, as they should");
  commit("Expect minutes in durations");
}

export const examples = `
test("says minutes and seconds", () => {
  assert.equal(formatDuration(90), "1 min 30 s");
});

test("leaves out seconds that are zero", () => {
  assert.equal(formatDuration(120), "2 min");
});
`;

export function addTests(text) {
  appendFileSync("test/format-duration.test.js", text);
}

/** Puts the function's body in place. */
export function implement(body = minutes) {
  writeFileSync("src/format-duration.js", `/** Seconds as people say them. */\nexport function formatDuration(seconds) {\n${body}}\n`);
}

export const minutes = `  const minutes = Math.floor(seconds / 60);
  const rest = seconds % 60;
  if (minutes === 0) return \`\${rest} s\`;
  return rest === 0 ? \`\${minutes} min\` : \`\${minutes} min \${rest} s\`;
`;

export function runTests(expectation) {
  const { status } = spawnSync("npm", ["test"], { stdio: "ignore" });
  say(`${expectation} (npm test: exit ${status}).`);
}

export function commit(message) {
  execFileSync("git", ["add", "--all"]);
  execFileSync("git", ["commit", "--quiet", "--message", message]);
}

/** Whether an earlier turn has left its commit here. */
export function hasCommitted(message) {
  return execFileSync("git", ["log", "--format=%s"], { encoding: "utf8" }).split("\n").includes(message);
}
