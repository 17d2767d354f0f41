import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the agent is told to do; nothing: it ends at once with exit code 0 and no change. */
export interface Work {
  readonly say?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  /** Commits everything with this message. */
  readonly message?: string;
  readonly blocked?: string;
}

/** An agent at work: it has shown what it got, and waits to be told what to do. */
export interface Visit {
  readonly prompt: string;
  readonly stdin: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Resolves when its process is gone. */
  readonly gone: Promise<void>;
  tell(work: Work): void;
}

/** Where the agents of one AFK report. A unix socket: it is reached from the sandbox whatever becomes of its network. */
export interface Desk {
  /** For `AFK_AGENT_COMMAND`. */
  readonly command: string;
  /** For `AFK_SANDBOX_READ`. */
  readonly readable: readonly string[];
  /** Every agent so far. */
  readonly visits: readonly Visit[];
  /** The next agent that nobody has waited for yet, be it there already or not. */
  next(): Promise<Visit>;
  /** What agents are told that come from now on, without being waited for. */
  always(work: Work | undefined): void;
  close(): void;
}

const agent = fileURLToPath(new URL("./agent.mjs", import.meta.url));

export async function openDesk(folder: string): Promise<Desk> {
  const socket = join(folder, "agent.sock");
  const visits: Visit[] = [];
  const arrived: Visit[] = [];
  let usual: Work | undefined;
  let onArrival: (() => void) | undefined;

  const server = createServer((req, res) => {
    let text = "";
    req.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    req.on("end", () => {
      const visit: Visit = {
        ...(JSON.parse(text) as Omit<Visit, "gone" | "tell">),
        gone: ended(res),
        tell: (work) => void res.end(JSON.stringify(work)),
      };
      visits.push(visit);
      if (usual !== undefined) return visit.tell(usual);
      arrived.push(visit);
      onArrival?.();
    });
  });
  server.listen(socket);
  await once(server, "listening");

  async function next(): Promise<Visit> {
    for (;;) {
      const visit = arrived.shift();
      if (visit !== undefined) return visit;
      await new Promise<void>((resolve) => (onArrival = resolve));
    }
  }

  return {
    command: `"${process.execPath}" "${agent}" "${socket}"`,
    readable: [agent, folder],
    visits,
    next,
    always: (work) => void (usual = work),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The connection ends with the process, or with the answer. */
function ended(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => res.once("close", resolve));
}
