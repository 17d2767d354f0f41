import type { Bench, Figure } from "./bench.ts";
import { createCounter, runWarm, untilEnded, type Counts } from "./count-requests.ts";
import { tinyAgent, tinyFiles } from "./tiny-repo.ts";
import { startWorld } from "./world.ts";

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
      const over = untilEnded(world, "closed");
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
