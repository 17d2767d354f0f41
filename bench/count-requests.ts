import type { ForgeEvent } from "../demo/front/embedded-forge.ts";
import type { Stage } from "./bench.ts";
import type { World } from "./world.ts";

export interface Counts {
  readonly counted: number;
  readonly writes: number;
}

/** What one run asks of the forge when AFK runs already: from the label's webhook to the end that is expected. */
export async function runWarm(
  stage: Stage,
  world: World,
  count: Counter,
  about: string,
  end: "closed" | "handed-over" = "closed",
): Promise<Counts> {
  const issue = await world.open(about);
  const over = untilEnded(world, end);
  // The label is a person's request; what follows from it begins with the webhook.
  world.forge.deliveries.hold();
  await world.label(issue);
  count.begin();
  await world.forge.deliveries.release();
  await over;
  return count.end(stage, about);
}

/** The pass after the end of a run looks for the next issue: by then everything about this one has been asked. */
export async function untilEnded(world: World, end: "closed" | "handed-over"): Promise<void> {
  await world.said("run ended", { end });
  await world.said("workspace removed");
}

export interface Counter {
  begin(): void;
  end(stage: Stage, about: string): Counts;
}

/** Counts the requests of a time in which nobody but AFK asks. */
export function createCounter(forge: World["forge"]): Counter {
  let events: (ForgeEvent & { kind: "api" })[] = [];
  forge.onEvent((event) => {
    if (event.kind === "api") events.push(event);
  });
  return {
    begin: () => void (events = []),
    end(stage, about) {
      const counts = { counted: events.filter(({ counted }) => counted).length, writes: events.filter(({ write }) => write).length };
      stage.say(`${about}: ${counts.counted} counted, ${counts.writes} of them writes, ${events.length} in all`);
      for (const { counted, write, method, path, status } of events)
        stage.say(`  ${write ? "write  " : counted ? "counted" : "free   "} ${status} ${method} ${path}`);
      return counts;
    },
  };
}
