import type { Phase } from "../src/core/run.ts";
import { createChecklist } from "./checklist.ts";
import type { EmbeddedForge, ForgeEvent } from "./front/embedded-forge.ts";
import type { Plot } from "./plot.ts";
import type { LogLine } from "./start-afk.ts";
import type { DemoEvent, Outcome, Teller } from "./tell.ts";
import { showsEnd, watchIssue } from "./watch-issue.ts";

const label = "ready-for-agent";

/** Where it takes place: people act here, and what happens on the forge and in AFK's log is told. */
export interface Stage {
  say(event: DemoEvent): void;
  onLog(line: LogLine): void;
  /** Everything that landed on main, oldest first. */
  landed(): readonly string[];
  /** Opens the issue, releases it, and answers its number. */
  openIssue(): Promise<number>;
  /** Somebody comments on the issue. */
  comment(by: string, text: string): Promise<void>;
  /** Waits until a run has ended and the issue shows it. `failed`: it was stopped before. */
  untilEnd(stopped: AbortSignal): Promise<Outcome>;
}

/** `onTold` hears everything that is said, after it was. */
export function createStage(tell: Teller, forge: EmbeddedForge, plot: Plot, onTold: (event: DemoEvent) => void): Stage {
  const { person, slug } = plot;
  const issues = `/repos/${slug}/issues`;
  const lookAt = watchIssue(forge, person, slug);
  const startedAt = performance.now();
  const landed: string[] = [];
  let phase: Phase | null = null;
  let issue: number | null = null;
  let run: unknown;
  let readTicks = createChecklist();
  /** What AFK says the run came to. */
  let ended: Outcome | undefined;
  let look = (): void => {};

  function say(event: DemoEvent): void {
    if (event.event === "end" && event.outcome === "closed") phase = "done";
    tell({ ...event, phase, at: new Date().toISOString(), afterMs: Math.round(performance.now() - startedAt) });
    onTold(event);
  }

  /** A run's claim is told once, though AFK takes it again after a crash. */
  function onClaim(claimed: unknown, on: number): void {
    if (claimed === run) return;
    run = claimed;
    phase = "workspace";
    readTicks = createChecklist();
    say({ event: "claimed", issue: on, run: String(run) });
  }

  function onForge(event: ForgeEvent): void {
    if (event.kind === "push" && event.ref === "refs/heads/main" && issue !== null) {
      landed.push(event.after);
      say({ event: "landed", issue, sha: event.after, branch: "main" });
    }
    // CI also runs on the branches where AFK keeps work, which is no part of the story.
    if (event.kind === "ci" && landed.includes(event.sha)) say({ event: "ci", sha: event.sha, conclusion: event.conclusion });
    if (event.kind === "api" && event.write) look();
  }

  async function showIssue(number: number): Promise<Outcome | undefined> {
    const state = await lookAt(number);
    for (const { url, change, lines, body } of state.changes) {
      for (const { text, next } of readTicks(body)) {
        say({ event: "phase", issue: number, text });
        phase = next;
      }
      say({ event: "comment", issue: number, url, change, lines });
    }
    return ended !== undefined && showsEnd(state, ended) ? ended : undefined;
  }

  forge.onEvent(onForge);
  return {
    say,
    landed: () => landed,
    onLog(line) {
      if (line.msg === "claim taken" && issue !== null) onClaim(line["run"], issue);
      if (line.msg === "agent line") say({ event: "agent", line: String(line["line"]) });
      if (line.msg !== "run ended") return;
      ended = line["end"] as Outcome;
      look();
    },
    async openIssue() {
      const opened = (await forge.api(person, "POST", issues, { title: plot.title, body: plot.body })) as {
        number: number;
        html_url: string;
      };
      issue = opened.number;
      say({ event: "issue", issue, title: plot.title, url: opened.html_url });
      say({ event: "released", issue, label, by: person });
      await forge.api(person, "POST", `${issues}/${opened.number}/labels`, { labels: [label] });
      return opened.number;
    },
    async comment(by, text) {
      if (issue === null) throw new Error("there is no issue to comment on");
      say({ event: "said", issue, by, text });
      await forge.api(by, "POST", `${issues}/${issue}/comments`, { body: text });
    },
    async untilEnd(stopped) {
      stopped.addEventListener("abort", () => look(), { once: true });
      while (!stopped.aborted) {
        const changed = new Promise<void>((resolve) => (look = resolve));
        const outcome = issue === null ? undefined : await showIssue(issue);
        if (outcome === undefined) {
          await changed;
          continue;
        }
        ended = undefined;
        return outcome;
      }
      return "failed";
    },
  };
}
