/** What the embedded forge has seen. Tests wait for these instead of sleeping. */
export type ForgeEvent =
  | { readonly kind: "push"; readonly repo: string; readonly ref: string; readonly before: string; readonly after: string }
  | {
      readonly kind: "api";
      readonly method: string;
      readonly path: string;
      readonly status: number;
      readonly write: boolean;
      readonly counted: boolean;
      /** From the request's arrival to its answer. */
      readonly durationMs: number;
    }
  | { readonly kind: "git"; readonly method: string; readonly path: string; readonly durationMs: number }
  | { readonly kind: "ci"; readonly repo: string; readonly sha: string; readonly conclusion: CiConclusion; readonly durationMs: number }
  | {
      readonly kind: "webhook";
      readonly event: string;
      readonly action: string | undefined;
      readonly delivery: string;
      readonly status: DeliveryStatus;
    };

/** `none`: the commit has nothing to run, or its message says `[skip ci]`; no check run is made. */
export type CiConclusion = "success" | "failure" | "timed_out" | "none";

/** The receiver's HTTP status, or why there is none. */
export type DeliveryStatus = number | "held" | "dropped" | "unreachable" | "off";

export class ForgeEvents {
  readonly #listeners = new Set<(event: ForgeEvent) => void>();

  emit(event: ForgeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Answers a function that ends the subscription. */
  on(listener: (event: ForgeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next event that matches: events of the past do not count. Rejects after `timeoutMs` (15 s). */
  waitFor(matches: (event: ForgeEvent) => boolean, timeoutMs = 15_000): Promise<ForgeEvent> {
    const seen: string[] = [];
    return new Promise((resolve, reject) => {
      const end = this.on((event) => {
        seen.push(JSON.stringify(event));
        if (!matches(event)) return;
        clearTimeout(timer);
        end();
        resolve(event);
      });
      const timer = setTimeout(() => {
        end();
        reject(new Error(`no such event within ${timeoutMs} ms; seen:\n${seen.slice(-20).join("\n")}`));
      }, timeoutMs);
    });
  }
}
