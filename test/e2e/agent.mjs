// The agent of the end-to-end tests: asks the test what to do, over a socket it is shown, and does that with real files and real commits.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname } from "node:path";

const [socketPath] = process.argv.slice(2);
const stdin = readFileSync(0, "utf8");
const prompt = readFileSync(process.env.AFK_PROMPT_FILE, "utf8");
const { say = [], files = {}, message, blocked } = await ask({ prompt, stdin, argv: process.argv, env: process.env });

for (const line of say) process.stdout.write(`${line}\n`);
for (const [path, text] of Object.entries(files)) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
if (message !== undefined) {
  execFileSync("git", ["add", "--all"]);
  // A turn that was cut off may have committed before.
  const isNew = spawnSync("git", ["diff", "--cached", "--quiet"]).status === 1;
  if (isNew) execFileSync("git", ["commit", "--quiet", "--message", message]);
}
if (blocked !== undefined) writeFileSync(process.env.AFK_BLOCKED_FILE, blocked);

/** The answer may take as long as the test likes; a test that is over cuts the connection, and this process ends with an error. */
function ask(body) {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path: "/", method: "POST" }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve(JSON.parse(text)));
      answer.on("error", reject);
    });
    asking.on("error", reject);
    asking.end(JSON.stringify(body));
  });
}
