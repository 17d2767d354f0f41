import { fileURLToPath } from "node:url";

/** A repository whose tests take as long as node takes to start, and whose CI is believed at once. */
export const tinyFiles = {
  ".github/afk.yml": "ci:\n  settle_seconds: 0\n",
  "package.json": '{ "name": "tiny", "private": true, "scripts": { "test": "node test/all.mjs" } }\n',
  "src/one.mjs": "export const one = 1;\n",
  "test/all.mjs": `import { readdir } from "node:fs/promises";\n\nfor (const name of await readdir(new URL(".", import.meta.url))) {\n  if (name.endsWith(".test.mjs")) await import("./" + name);\n}\n`,
  "test/one.test.mjs": `import assert from "node:assert";\nimport { one } from "../src/one.mjs";\n\nassert.equal(one, 1);\n`,
};

/** Adds a module and its test to it, and commits. */
export const tinyAgent = fileURLToPath(new URL("./agent.mjs", import.meta.url));
