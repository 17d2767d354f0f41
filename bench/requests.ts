import type { ForgeEvent } from "../demo/front/embedded-forge.ts";
import type { Bench, Figure, Stage } from "./bench.ts";
import { tinyAgent, tinyFiles } from "./tiny-repo.ts";
import { startWorld, type World } from "./world.ts";

const rounds = 2;
/** Aims of one run from the label to the close, the labelling itself not counted. */
const mostRequests = 20;
const mostWrites = 10;

export const benchRequests: Bench = {
  name: "requests",
  about: "what one run asks of the forge's API, from label to close (304s and the minting of tokens are free and not counted)",
  async run(stage) {
    const [first, warm, next]: [Counts[], Counts[], Counts[]] = [[], [], []];
    for (let round = 0; round < rounds; round += 1) {
      const world = await startWorld(stage, {
        files: tinyFiles,
        agent: `"${process.execPath}" "${tinyAgent}"`,
        readable: [tinyAgent],
        ci: "tests",
      });
      const count = createCounter(world.forge);
      const issue = await world.open("The first one");
      await world.label(issue);
      const over = untilClosed(world);
      count.begin();
      const former = await world.startAfk(await stage.folder());
      await over;
      first.push(count.end(stage, "first: AFK starts on a labelled issue, in a repository it has never worked in"));
      await former.stop();
      await world.startAfk(await stage.folder());
      warm.push(await runWarm(stage, world, count, "warm: AFK runs and has swept, then an issue is labelled"));
      next.push(await runWarm(stage, world, count, "next: another issue right after it, by the same process"));
    }
    return [
      ...figuresOf("warm, AFK runs and has swept", warm, true),
      ...figuresOf("next, the same process once more", next, false),
      ...figuresOf("first, AFK starts in a repo it has never seen", first, false),
    ];
  },
};

interface Counts {
  readonly counted: number;
  readonly writes: number;
}

async function runWarm(stage: Stage, world: World, count: Counter, about: string): Promise<Counts> {
  const issue = await world.open(about);
  const over = untilClosed(world);
  // The label is a person's request; what follows from it begins with the webhook.
  world.forge.deliveries.hold();
  await world.label(issue);
  count.begin();
  await world.forge.deliveries.release();
  await over;
  return count.end(stage, about);
}

/** The pass after the end of a run looks for the next issue: by then everything about this one has been asked. */
async function untilClosed(world: World): Promise<void> {
  await world.said("run ended", { end: "closed" });
  await world.said("workspace removed");
}

interface Counter {
  begin(): void;
  end(stage: Stage, about: string): Counts;
}

/** Counts the requests of a time in which nobody but AFK asks. */
function createCounter(forge: World["forge"]): Counter {
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

function figuresOf(name: string, counts: readonly Counts[], hasAim: boolean): readonly Figure[] {
  return [
    {
      name: `${name}: counted`,
      unit: "requests",
      samples: counts.map(({ counted }) => counted),
      ...(hasAim ? { aim: { value: mostRequests } } : {}),
    },
    {
      name: `${name}: content writes`,
      unit: "requests",
      samples: counts.map(({ writes }) => writes),
      ...(hasAim ? { aim: { value: mostWrites } } : {}),
    },
  ];
}
