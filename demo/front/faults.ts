export interface FaultRule {
  readonly method?: string;
  /** Tested against the path without query and without `/api/v3`; git's paths begin with `/<owner>/<name>`. */
  readonly path?: RegExp;
  /** 0 cuts the connection. */
  readonly status: number;
  readonly times: number;
  /** Let the request do its work first, then answer the fault: the change is there, the client does not know. */
  readonly after?: "commit";
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: string;
}

/** Faults a test asked for, each used up after its number of times. */
export class Faults {
  readonly #rules: { readonly rule: FaultRule; left: number }[] = [];

  add(rule: FaultRule): void {
    this.#rules.push({ rule, left: rule.times });
  }

  /** The fault for a request, which is then one less. */
  take(method: string, path: string): FaultRule | undefined {
    const found = this.#rules.find(({ rule, left }) => left > 0 && (rule.method ?? method) === method && (rule.path?.test(path) ?? true));
    if (found === undefined) return undefined;
    found.left -= 1;
    return found.rule;
  }
}
