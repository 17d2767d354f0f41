import { startEmbeddedForge, type EmbeddedForge, type EmbeddedForgeOptions } from "../demo/front/embedded-forge.ts";
import type { RepoContent } from "../demo/front/bare-repo.ts";
import { afkEnvironment, attachedTo } from "./app-environment.ts";
import type { Stage } from "./bench.ts";
import { startAfk, type LogLine, type ServerProcess } from "./server-process.ts";

export const slug = "acme/benched";
const person = "ann";

/** An embedded forge with one repository, and a built AFK enrolled in it. */
export interface World {
  readonly forge: EmbeddedForge;
  /** Starts AFK on a home and resolves once it has begun its first sweep. */
  startAfk(home: string, onLog?: (line: LogLine) => void): Promise<ServerProcess>;
  /** Opens an issue by somebody who may write. Answers its number. */
  open(title: string, slug?: string): Promise<number>;
  label(issue: number, slug?: string): Promise<void>;
  /** The next line of AFK's log with this message and, where given, these fields. Ask before you act. Rejects after three minutes. */
  said(msg: string, fields?: Readonly<Record<string, unknown>>): Promise<LogLine>;
}

export interface WorldOptions {
  readonly files: RepoContent;
  /** A command line, split as a shell would. */
  readonly agent: string;
  /** Files the agent needs. */
  readonly readable: readonly string[];
  readonly ci: "tests" | "none";
  /** What CI says, in place of running the tests. */
  readonly ciVerdict?: EmbeddedForgeOptions["ciVerdict"];
  /** `owner/name` of each repository; default: `slug` alone. */
  readonly slugs?: readonly string[];
  /** Settings besides the usual. */
  readonly env?: Readonly<Record<string, string>>;
}

const patienceMs = 180_000;

export async function startWorld(stage: Stage, options: WorldOptions): Promise<World> {
  const slugs = options.slugs ?? [slug];
  const repos = slugs.map((each) => ({ owner: each.split("/")[0] ?? "", name: each.split("/")[1] ?? "", files: options.files }));
  const { ci, ciVerdict } = options;
  const forge = await startEmbeddedForge({
    users: [{ login: person, permission: "write" }],
    repos,
    ci,
    ...(ciVerdict === undefined ? {} : { ciVerdict }),
  });
  stage.after(() => forge.close());
  const listeners = new Set<(line: LogLine) => void>();
  const said: World["said"] = (msg, fields = {}) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`AFK did not say ${JSON.stringify(msg)} within three minutes`)), patienceMs);
      const listen = (line: LogLine): void => {
        if (line.msg !== msg || !Object.entries(fields).every(([key, value]) => line[key] === value)) return;
        listeners.delete(listen);
        clearTimeout(timer);
        resolve(line);
      };
      listeners.add(listen);
    });
  return {
    forge,
    said,
    async startAfk(home, alsoTell) {
      const swept = said("decision", { why: "sweep" });
      const env = {
        ...afkEnvironment(home),
        ...attachedTo(forge),
        AFK_ALLOWLIST: slugs.join(","),
        AFK_AGENT_COMMAND: options.agent,
        AFK_SANDBOX_READ: options.readable.join(","),
        LOG_LEVEL: "debug",
        ...options.env,
      };
      const onLog = (line: LogLine): void => {
        if (Number(line["level"]) >= 40) stage.say(JSON.stringify(line));
        for (const listen of listeners) listen(line);
        alsoTell?.(line);
      };
      const afk = await startAfk(stage, { env, onLog });
      forge.deliverTo(`${afk.url}/api/github/webhooks`);
      await swept;
      return afk;
    },
    open: async (title, on = slug) =>
      ((await forge.api(person, "POST", `/repos/${on}/issues`, { title, body: "As the title says." })) as { number: number }).number,
    label: (issue, on = slug) => forge.api(person, "POST", `/repos/${on}/issues/${issue}/labels`, { labels: ["ready-for-agent"] }),
  };
}
