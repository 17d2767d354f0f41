import type { EmbeddedForgeOptions } from "../front/embedded-forge.ts";
import type { Act } from "../acts.ts";
import type { Ending } from "../ending.ts";

/** A way for a run to go, played on the sample's issue. */
export interface Story {
  /** What will be seen, in a sentence. */
  readonly about: string;
  /** A script in `agents`; default: the sample's own agent, which does everything right. */
  readonly agent?: string;
  /** A folder of files that the sample's repository has besides or instead of its own. */
  readonly repo?: string;
  readonly forge?: Pick<EmbeddedForgeOptions, "ciCommand" | "ciVerdict" | "appPermissions">;
  /** AFK's, as the operator's environment sets them. */
  readonly settings?: Readonly<Record<string, string>>;
  /** What people and fate do, in order. */
  readonly acts?: readonly Act[];
  readonly ending: Ending;
}

/** CI knows the house's style, and AFK's proofs do not. */
const lints = { ciCommand: () => ["sh", "-e", "-c", "npm run --silent lint\nnpm test"] } as const;

const flake = { conclusion: "failure", log: "npm error code ECONNRESET\nnpm error network read ECONNRESET\n" } as const;

export const stories = {
  "fix-forward": {
    about: "CI turns red over what the tests do not know. The agent gets the end of CI's log, and mends it in a second commit.",
    agent: "fix-forward.mjs",
    repo: "linted-repo",
    forge: lints,
    ending: {
      outcome: "closed",
      commits: 2,
      attempts: 2,
      labels: [],
      comments: 2,
      says: ["**Done.**"],
    },
  },
  freeze: {
    about: "CI stays red, each time for another reason, until no correction is left. AFK hands over and leaves everything as it is.",
    agent: "freeze.mjs",
    repo: "linted-repo",
    forge: lints,
    settings: { AFK_FIX_FORWARD_MAX_ATTEMPTS: "2" },
    ending: {
      outcome: "handed-over",
      commits: 3,
      attempts: 3,
      labels: ["ready-for-human"],
      comments: 2,
      says: ["2 corrections did not help"],
    },
  },
  blocked: {
    about: "The issue leaves something open. The agent asks instead of guessing, and AFK hands its question over.",
    agent: "blocked.mjs",
    ending: {
      outcome: "handed-over",
      commits: 0,
      attempts: 1,
      labels: ["ready-for-human"],
      comments: 2,
      says: ["60 min, or 1 h?"],
    },
  },
  nudge: {
    about: "The agent's test passes without the change, so it proves nothing. AFK refuses it and says why, and the agent repairs it.",
    agent: "nudge.mjs",
    ending: {
      outcome: "closed",
      commits: 1,
      attempts: 1,
      labels: [],
      comments: 2,
      says: ["**Done.**", "1 nudge"],
    },
  },
  retry: {
    about: "The agent crashes, and 10 seconds later again. AFK hands over, ann gives a hint with /afk retry, and then it works.",
    agent: "retry.mjs",
    settings: { AFK_RETRY_MAX_ATTEMPTS: "1" },
    acts: [
      {
        when: { event: "run-ended", outcome: "handed-over" },
        act: { kind: "say", by: "ann", text: "/afk retry The registry is down today. Do it without a package." },
      },
    ],
    ending: {
      outcome: "closed",
      commits: 1,
      attempts: 1,
      labels: [],
      comments: 5,
      says: ["the registry does not answer", "**Done.**"],
    },
  },
  cancel: {
    about: "ann thinks better of it while the agent works. /afk cancel ends it, and what it has committed is kept.",
    agent: "thinker.mjs",
    acts: [{ when: { event: "agent", line: "Thinking." }, act: { kind: "say", by: "ann", text: "/afk cancel" } }],
    ending: {
      outcome: "cancelled",
      commits: 0,
      attempts: 1,
      labels: [],
      comments: 2,
      branches: ["afk/issue-1", "main"],
      says: ["`/afk cancel`", "`afk/issue-1`"],
    },
  },
  flaky: {
    about: "CI fails for a reason of its own. AFK runs the failed job once more before it spends an agent on it, and that is all it takes.",
    forge: { appPermissions: { actions: "write" }, ciVerdict: ({ attempt }) => (attempt === 1 ? flake : "run") },
    ending: {
      outcome: "closed",
      commits: 1,
      attempts: 1,
      labels: [],
      comments: 2,
      says: ["**Done.**"],
    },
  },
  crash: {
    about: "AFK is killed while the agent works. Started again, it goes on with the same run, and everything happens once.",
    agent: "thinker.mjs",
    acts: [{ when: { event: "agent", line: "Thinking." }, act: { kind: "kill" } }],
    ending: {
      outcome: "closed",
      commits: 1,
      attempts: 1,
      labels: [],
      comments: 2,
      closings: 1,
      says: ["**Done.**", "1 retry"],
    },
  },
} as const satisfies Readonly<Record<string, Story>>;

export type StoryName = keyof typeof stories;

export function isStoryName(text: string): text is StoryName {
  return Object.hasOwn(stories, text);
}

export const storyNames = Object.keys(stories).filter(isStoryName);
