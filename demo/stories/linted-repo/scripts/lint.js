// The house's style. CI checks it; the tests do not.
import { readdirSync, readFileSync } from "node:fs";

const rules = [
  { pattern: /\bvar\b/, says: "var is not used here" },
  { pattern: /^.{101,}/, says: "longer than 100 characters" },
  { pattern: /\bTODO\b/, says: "a TODO is left" },
];

for (const name of readdirSync("src")) {
  for (const [index, line] of readFileSync(`src/${name}`, "utf8").split("\n").entries()) {
    for (const { says } of rules.filter(({ pattern }) => pattern.test(line))) {
      process.stdout.write(`src/${name}:${index + 1}: ${says}\n`);
      process.exitCode = 1;
    }
  }
}
