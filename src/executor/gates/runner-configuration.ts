import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { readBlob } from "../../git/store.ts";
import { readText, type Change, type ChangedPath } from "../change.ts";
import type { GateContext } from "./gates.ts";
import { sayPath } from "./say-paths.ts";
import { matchPaths } from "./test-files.ts";

/** Files that decide which tests run and what passing means, at any depth. */
const isConfiguration = matchPaths([
  "**/{vitest,vite,jest,playwright,karma,cypress,ava,wdio,jasmine,babel,nyc}.{config,workspace,conf,setup}.*",
  "**/vitest.workspace.*",
  "**/.{mocharc,nycrc,c8rc,taprc,swcrc,babelrc}*",
  "**/{.npmrc,.yarnrc,.yarnrc.yml,.pnpmfile.cjs,bunfig.toml,deno.json,deno.jsonc}",
  "**/{pytest,.pytest,tox}.ini",
  "**/{pytest,.pytest}.toml",
  // Setup installs these; what is committed in their place answers for a runner.
  "**/node_modules/**",
  "**/*.pth",
  "**/{.coveragerc,noxfile.py,sitecustomize.py,usercustomize.py}",
  "**/{.cargo,.config}/*.toml",
  "**/{phpunit,karma}.xml*",
  "**/{.rspec,Rakefile}",
  "go.work",
]);

/** Files that hold the runner's configuration beside other things: only that part of them is compared. */
const partly: readonly { readonly files: RegExp; readonly part: (text: string) => unknown }[] = [
  { files: /(?:^|\/)package\.json$/, part: readManifest },
  { files: /(?:^|\/)pyproject\.toml$/, part: (text) => readSections(text, /^tool\.(?:pytest|tox|coverage|nox|hatch\.envs)\b/) },
  { files: /(?:^|\/)setup\.cfg$/, part: (text) => readSections(text, /^(?:tool:pytest|aliases|coverage.*|tox.*)$/) },
  { files: /(?:^|\/)Cargo\.toml$/, part: (text) => readSections(text, /^(?:\[?(?:test|bench)\]?|profile\..*|lib)$/) },
];

/** The test command's own configuration comes from the base: a change to it is a change of what is proved. */
export async function findRunnerConfiguration(change: Change, { testCommand, isTest }: GateContext): Promise<string | undefined> {
  const named = await filesOfCommand(change, testCommand);
  for (const changed of change.paths) {
    for (const path of [changed.path, changed.from ?? changed.path]) {
      if (isConfiguration(path)) return `${sayPath(path)} configures the tests`;
      if (named.has(path) && !isTest(path)) return `${sayPath(path)} is part of the test command`;
      if (/(?:^|\/)(?:(?:GNUm|M|m)akefile|[^/]*\.mk)$/.test(path) && /\bmake\b/.test(testCommand))
        return `${sayPath(path)} is part of the test command`;
    }
    if (await changesPart(change, changed)) return `${sayPath(changed.path)} changes how the tests are run`;
  }
  return undefined;
}

async function changesPart({ store }: Change, { path, from, blob, oldBlob }: ChangedPath): Promise<boolean> {
  const rule = partly.find(({ files }) => files.test(path) || files.test(from ?? path));
  if (rule === undefined) return false;
  return !isDeepStrictEqual(rule.part(await readText(store, oldBlob)), rule.part(await readText(store, blob)));
}

/** Scripts and runners' sections as parsed, so that a reformatted manifest is no change. A broken one is compared as text. */
function readManifest(text: string): unknown {
  if (text === "") return {};
  try {
    const manifest: unknown = JSON.parse(text);
    if (typeof manifest !== "object" || manifest === null) return text;
    // `type` and `imports` decide what the tests load in place of the code.
    const wanted = ["scripts", "type", "imports", "babel", "jest", "vitest", "mocha", "ava", "nyc", "c8", "tap", "playwright"];
    return Object.fromEntries(Object.entries(manifest).filter(([key]) => wanted.includes(key)));
  } catch {
    return text;
  }
}

/** The lines of an ini's or TOML's sections with these names, without blank lines and comments. */
function readSections(text: string, names: RegExp): readonly string[] {
  let isWanted = false;
  return text.split("\n").filter((line) => {
    const header = /^\s*\[{1,2}([^\]]+)\]{1,2}\s*(?:#.*)?$/.exec(line)?.[1];
    if (header !== undefined) isWanted = names.test(header.trim());
    return isWanted && !/^\s*(?:[#;].*)?$/.test(line);
  });
}

/** The files that the command names, also through the manifest's scripts that it runs: `sh scripts/check.sh`, `npm run unit`, `node run-tests.js`. */
async function filesOfCommand(change: Change, testCommand: string): Promise<ReadonlySet<string>> {
  const scripts = readScripts(await readBlob(change.store, change.base, "package.json", 1024 * 1024));
  const words = new Set<string>();
  // A set grows while it is gone through: a script that a script names is followed, and each only once.
  const commands = new Set([
    testCommand,
    ...Object.keys(scripts).flatMap((name) => (/^(?:pre|post)?test/.test(name) ? [scripts[name] ?? ""] : [])),
  ]);
  for (const command of commands) {
    for (const word of command.split(/[\s"'`;&|()<>=]+/)) {
      words.add(word.replace(/^\.\//, ""));
      for (const name of [word, `pre${word}`, `post${word}`]) if (Object.hasOwn(scripts, name)) commands.add(scripts[name] ?? "");
    }
  }
  return words;
}

const scriptsShape = z.object({ scripts: z.record(z.string(), z.string()) });

function readScripts(manifest: string | undefined): Readonly<Record<string, string>> {
  try {
    return scriptsShape.safeParse(JSON.parse(manifest ?? "")).data?.scripts ?? {};
  } catch {
    return {}; // A broken manifest runs no scripts.
  }
}
