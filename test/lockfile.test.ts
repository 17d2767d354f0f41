import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { z } from "zod";

const lockShape = z.object({
  packages: z.record(z.string(), z.object({ optionalDependencies: z.record(z.string(), z.string()).optional() })),
});
const { packages } = lockShape.parse(JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8")));

// A registry that has only some platforms' packages makes npm leave the others out, and `npm ci` then refuses the lockfile everywhere.
it("locks the packages of every platform", () => {
  const locked = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)));
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
  expect(wanted.filter((name) => !locked.has(name))).toEqual([]);
});
