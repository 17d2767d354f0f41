import { searchSecrets } from "./gates/search-secrets.ts";
import { redact, type Secrets } from "./tail.ts";

/**
 * Takes secrets out of foreign text that is about to be shown: AFK's own by value, and anything shaped like a credential. Rejects when the
 * text could not be searched to its end, and then it must not be shown.
 */
export function createRedactor(secrets: Secrets): (text: string) => Promise<string> {
  return async (text) => {
    const ours = redact(text, secrets);
    const findings = await searchSecrets([{ name: "output.txt", text: ours }]);
    let shown = "";
    let at = 0;
    for (const { start, end } of findings.toSorted((one, other) => one.start - other.start)) {
      if (end <= at) continue;
      shown += start < at ? "" : `${ours.slice(at, start)}[secret]`;
      at = end;
    }
    return shown + ours.slice(at);
  };
}
