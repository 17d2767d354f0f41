import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences, type Ending, type Found } from "../../demo/ending.ts";
import { readOptions, UsageError } from "../../demo/options.ts";
import { storyNames, type StoryName } from "../../demo/stories/stories.ts";
import type { LogLine } from "./afk-process.ts";
import { leftovers, openDemos, type Demo, type Demos } from "./demos.ts";

/** A story ends by itself after two minutes. */
const timeoutMs = 150_000;

let demos: Demos;
beforeAll(() => {
  demos = openDemos();
});
afterAll(() => demos.close());

const steps = {
  story: () => "story",
  released: () => "released",
  claimed: () => "claimed",
  said: ({ by, text }) => `${String(by)}: ${String(text)}`,
  killed: () => "killed",
  restarted: () => "restarted",
  landed: () => "landed",
  ci: ({ conclusion }) => `CI: ${String(conclusion)}`,
  "run-ended": ({ outcome }) => `run ended: ${String(outcome)}`,
  end: ({ outcome }) => `end: ${String(outcome)}`,
} as const satisfies Readonly<Record<string, (line: LogLine) => string>>;

function told({ program }: Demo): readonly string[] {
  const sayings = new Map<unknown, (line: LogLine) => string>(Object.entries(steps));
  return program.lines().flatMap((line) => sayings.get(line["event"])?.(line) ?? []);
}

const begun = ["story", "released", "claimed"];
const retry = "ann: /afk retry The registry is down today. Do it without a package.";

const scripts = {
  "fix-forward": [...begun, "landed", "CI: failure", "landed", "CI: success", "end: closed"],
  freeze: [...begun, "landed", "CI: failure", "landed", "CI: failure", "landed", "CI: failure", "end: handed-over"],
  blocked: [...begun, "end: handed-over"],
  nudge: [...begun, "landed", "CI: success", "end: closed"],
  retry: [...begun, "run ended: handed-over", retry, "claimed", "landed", "CI: success", "end: closed"],
  cancel: [...begun, "ann: /afk cancel", "end: cancelled"],
  flaky: [...begun, "landed", "CI: failure", "CI: success", "end: closed"],
  crash: [...begun, "killed", "restarted", "landed", "CI: success", "end: closed"],
} as const satisfies Record<StoryName, readonly string[]>;

describe.concurrent("the demo's story", () => {
  it.each(storyNames)(
    "%s plays as it is told and ends as it should",
    async (name) => {
      const demo = demos.start(["--json", "--story", name]);
      const { code } = await demo.program.exit(timeoutMs);
      expect(told(demo)).toEqual(scripts[name]);
      expect(demo.program.lines().at(-1)).toMatchObject({ event: "end", story: name, differences: [] });
      expect(code).toBe(0);
      expect(leftovers(demo)).toEqual([]);
    },
    timeoutMs,
  );

  it(
    "is told to people from what will be seen to whether it was",
    async () => {
      const { program } = demos.start(["--story", "cancel"]);
      expect((await program.exit(timeoutMs)).code).toBe(0);
      const lines = program.output().trimEnd().split("\n");
      expect(lines.find((line) => line.includes(" s  "))).toContain("The story cancel: ann thinks better of it");
      expect(program.output()).toContain("ann comments: /afk cancel");
      expect(lines.slice(-2).map((line) => line.slice(9))).toEqual(["#1 was cancelled.", "The story cancel ended as it should."]);
    },
    timeoutMs,
  );

  it("ends with 1 and says what is not as it should be", async () => {
    const demo = demos.start(["--json", "--story", "nudge"]);
    await demo.program.line(({ event }) => event === "claimed", "claimed");
    demo.program.signalGroup("SIGINT");
    expect((await demo.program.exit()).code).toBe(1);
    expect(demo.program.lines().at(-1)).toMatchObject({
      outcome: "failed",
      differences: expect.arrayContaining([
        `outcome: "closed" was expected, and it is "failed"`,
        `commits: 1 was expected, and it is 0`,
        `no comment of AFK's says "**Done.**"`,
      ]),
    });
    expect(leftovers(demo)).toEqual([]);
  });
});

describe("the demo's option --story", () => {
  it("goes with --json and --keep", () => {
    expect(readOptions(["--story", "nudge", "--json", "--keep"])).toMatchObject({ story: "nudge", json: true, keep: true });
  });

  it.each([
    ["lists the stories when it is unknown", ["--story", "moon"], `--story is one of ${storyNames.join(", ")}, not "moon"`],
    ["has its own repository", ["--story", "nudge", "--repo", ".", "--title", "Add it"], "leave out --repo, --title"],
    ["has its own agent", ["--story", "nudge", "--agent-command", "true"], "leave out --agent-command"],
    ["has its own landing", ["--story", "nudge", "--landing", "none"], "leave out --landing"],
  ])("%s", (_what, args, said) => {
    expect(() => readOptions(args)).toThrow(UsageError);
    expect(() => readOptions(args)).toThrow(said);
  });
});

describe("the difference between how a story should end and how it did", () => {
  const found: Found = {
    outcome: "closed",
    commits: 1,
    attempts: 1,
    labels: [],
    comments: 2,
    closings: 1,
    branches: ["main"],
    says: ["### AFK has done this", "**Done.**"],
  };

  it.each<readonly [what: string, ending: Ending, differing: readonly string[]]>([
    ["nothing when all is as it should be", { ...found, says: ["Done", "AFK"] }, []],
    ["nothing about what may be anything", { outcome: "closed" }, []],
    ["another outcome", { outcome: "cancelled" }, [`outcome: "cancelled" was expected, and it is "closed"`]],
    ["another number", { outcome: "closed", commits: 2 }, ["commits: 2 was expected, and it is 1"]],
    ["another list", { outcome: "closed", labels: ["a"] }, [`labels: ["a"] was expected, and it is []`]],
    ["words that are missing", { outcome: "closed", says: ["Done", "Sorry"] }, [`no comment of AFK's says "Sorry"`]],
  ])("is %s", (_what, ending, differing) => {
    expect(differences(ending, found)).toEqual(differing);
  });
});
