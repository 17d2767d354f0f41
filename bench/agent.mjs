// The benches' agent: a module and a test that fails without it, in one commit. Each run of it makes another one.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";

const name = `part-${randomBytes(4).toString("hex")}`;
writeFileSync(`src/${name}.mjs`, `export const ${name.replace("-", "_")} = 1;\n`);
writeFileSync(
  `test/${name}.test.mjs`,
  `import assert from "node:assert";\nimport { ${name.replace("-", "_")} as part } from "../src/${name}.mjs";\n\nassert.equal(part, 1);\n`,
);
execFileSync("git", ["add", "--all"]);
execFileSync("git", ["commit", "--quiet", "--message", `Add ${name}`]);
