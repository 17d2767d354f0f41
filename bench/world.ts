import { startEmbeddedForge, type EmbeddedForge } from "../demo/front/embedded-forge.ts";
import type { RepoContent } from "../demo/front/bare-repo.ts";
import { afkEnvironment, attachedTo } from "./app-environment.ts";
import type { Stage } from "./bench.ts";
import { startAfk, type LogLine, type ServerProcess } from "./server-process.ts";

export const slug = "acme/benched";
const person = "ann";

/** An embedded forge with one repository, and a built AFK enrolled in it. */
export interface World {
  readonly forge: EmbeddedForge;
  /** Starts AFK on a home and resolves once its first sweep is through. */
  startAfk(home: string): Promise<ServerProcess>;
  /** Opens an issue by somebody who may write. Answers its number. */
  open(title: string): Promise<number>;
  label(issue: number): Promise<void>;
  /** The next line of AFK's log with this message and, where given, these fields. Ask before you act. Rejects after a minute. */
  said(msg: string, fields?: Readonly<Record<string, unknown>>): Promise<LogLine>;
}

export interface WorldOptions {
  readonly files: RepoContent;
  /** A command line, split as a shell would. */
  readonly agent: string;
  /** Files the agent needs. */
  readonly readable: readonly string[];
  readonly ci: "tests" | "none";
}

const patienceMs = 60_000;

export async function startWorld(stage: Stage, options: WorldOptions): Promise<World> {
  const [owner = "", name = ""] = slug.split("/");
  const users = [{ login: owner }, { login: person, permission: "write" as const }];
  const forge = await startEmbeddedForge({ users, repos: [{ owner, name, files: options.files }], ci: options.ci });
  stage.after(() => forge.close());
  const listeners = new Set<(line: LogLine) => void>();
  const said: World["said"] = (msg, fields = {}) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`AFK did not say ${JSON.stringify(msg)} within a minute`)), patienceMs);
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
    async startAfk(home) {
      const swept = said("decision", { why: "sweep" });
      const env = {
        ...afkEnvironment(home),
        ...attachedTo(forge),
        AFK_ALLOWLIST: slug,
        AFK_AGENT_COMMAND: options.agent,
        AFK_SANDBOX_READ: options.readable.join(","),
        LOG_LEVEL: "debug",
      };
      const onLog = (line: LogLine): void => {
        if (Number(line["level"]) >= 40) stage.say(JSON.stringify(line));
        for (const listen of listeners) listen(line);
      };
      const afk = await startAfk(stage, { env, onLog });
      forge.deliverTo(`${afk.url}/api/github/webhooks`);
      await swept;
      return afk;
    },
    open: async (title) =>
      ((await forge.api(person, "POST", `/repos/${slug}/issues`, { title, body: "As the title says." })) as { number: number }).number,
    label: (issue) => forge.api(person, "POST", `/repos/${slug}/issues/${issue}/labels`, { labels: ["ready-for-agent"] }),
  };
}
