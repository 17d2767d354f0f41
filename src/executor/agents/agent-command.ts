import { constants } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { z } from "zod";
import { cleanOutput } from "../../core/output.ts";
import type { Time } from "../../core/run.ts";
import { lookAt, removeTree } from "../home.ts";
import { redact, tailOf } from "../tail.ts";
import type { Agent, AgentOutcome, AgentSession } from "./agent.ts";

/** A reason fits in a paragraph; more is a transcript. */
const maxNoteBytes = 4096;

/**
 * Any program as the agent. It stands in the workspace, gets the prompt on standard input and in the file `AFK_PROMPT_FILE`,
 * commits its work with git, and exits 0 when it is done; another exit code is a crash. To say that it cannot
 * go on it writes why to `AFK_BLOCKED_FILE`; that its provider has a limit, and until when, to `AFK_LIMITED_FILE`. What it prints is
 * shown as progress.
 */
export function createCommandAgent([program = "", ...words]: readonly string[], agentEnv: Readonly<Record<string, string>>): Agent {
  // A relative path is meant from where AFK stands, not from the repo's own files.
  const argv = [program.includes(sep) ? resolve(program) : program, ...words];
  return {
    async run(session) {
      const promptFile = join(session.mail, "prompt.md");
      const blockedFile = join(session.mail, "blocked.md");
      const limitedFile = join(session.mail, "limited.md");
      for (const file of [promptFile, blockedFile, limitedFile]) await removeTree(file);
      await writeFile(promptFile, session.prompt, { flag: "wx" });
      const result = await session.run({
        argv,
        cwd: session.workspace,
        home: session.home,
        env: {
          ...session.env,
          ...agentEnv,
          AFK_PROMPT_FILE: promptFile,
          AFK_BLOCKED_FILE: blockedFile,
          AFK_LIMITED_FILE: limitedFile,
        },
        readable: session.readable,
        writable: [session.mail, ...session.writable],
        stdin: session.prompt,
        timeoutMs: session.timeoutMs,
        signal: session.signal,
        onLine: session.onLine,
      });
      const tail = tailOf(result.output, session.secrets);
      if (result.aborted) return { kind: "stopped" };
      if (result.timedOut) return { kind: "timed-out", afterMs: result.durationMs, tail };
      const why = await readNote(blockedFile, session);
      if (why !== "") return { kind: "blocked", why };
      const limit = await readNote(limitedFile, session);
      if (limit !== "") return { kind: "limited", ...parseLimit(limit, session.now()) };
      if (result.exitCode === 0) return { kind: "finished" };
      return {
        kind: "failed",
        reason: result.exitCode === null ? `the agent was ended by ${result.signal}` : `the agent ended with exit code ${result.exitCode}`,
        tail,
      } satisfies AgentOutcome;
    },
  };
}

/** The agent may have put anything there: only a regular file is read, through no link, and no more than fits. */
async function readNote(path: string, { secrets }: AgentSession): Promise<string> {
  const found = await lookAt(path);
  if (found === undefined || !found.isFile()) return "";
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxNoteBytes), 0, maxNoteBytes, 0);
    return redact(cleanOutput(buffer.subarray(0, bytesRead).toString()), secrets).trim();
  } finally {
    await file.close();
  }
}

/** A provider that does not say when its limit is over. */
const unknownLimitMs = 60_000;

/** When the limit is over, as an ISO 8601 time or in whole seconds from now, and on the lines after it why. Anything else is all reason. */
export function parseLimit(note: string, now: number): { readonly until: Time; readonly reason: string } {
  const [first = "", ...rest] = note.split("\n");
  const at = parseTime(first.trim(), now);
  const reason = (at === undefined ? note : rest.join("\n")).trim();
  return {
    until: new Date(at ?? now + unknownLimitMs).toISOString(),
    reason: reason === "" ? "The agent's provider has a limit." : reason,
  };
}

/** Ten digits of seconds are three centuries: more is no time from now. */
const secondsShape = /^\d{1,10}$/;
const timeShape = z.iso.datetime({ offset: true });

function parseTime(text: string, now: number): number | undefined {
  if (secondsShape.test(text)) return now + Number(text) * 1000;
  return timeShape.safeParse(text).success ? Date.parse(text) : undefined;
}
