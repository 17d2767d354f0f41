import { git } from "../../git/run-git.ts";
import { modes, readText, type Change, type ChangedPath } from "../change.ts";
import { holdsSecret } from "../tail.ts";
import type { GateContext } from "./gates.ts";
import { sayPath } from "./say-paths.ts";
import { searchSecrets, type NamedText } from "./search-secrets.ts";

/**
 * Looks for AFK's own secrets by value (as text and in base64) in every changed file, name and message, and for anything
 * shaped like a credential in what was added. The answer names the place and the kind, never the value.
 */
export async function findSecret(change: Change, { secrets }: GateContext): Promise<string | undefined> {
  const said = [...change.messages, ...change.paths.map(({ path }) => path)].join("\n");
  const added: (NamedText & { readonly where: string })[] = [{ where: "a commit message or a file name", name: "message.txt", text: said }];
  if (holdsSecret(said, secrets)) return "a commit message or a file name holds a secret of this AFK";
  for (const changed of change.paths) {
    if (changed.blob === undefined || changed.mode === modes.submodule) continue;
    const text = await readText(change.store, changed.blob);
    if (holdsSecret(text, secrets)) return `${sayPath(changed.path)} holds a secret of this AFK`;
    added.push({ where: sayPath(changed.path), name: changed.path, text: await readAdded(change, changed, text) });
  }
  const [found] = await searchSecrets(added);
  return found === undefined ? undefined : `${added[found.index]?.where} holds what looks like a secret (${found.kind})`;
}

/** The lines that were not there before; all of a new file. */
async function readAdded({ store }: Change, { blob, oldBlob }: ChangedPath, text: string): Promise<string> {
  if (oldBlob === undefined || blob === undefined) return text;
  const diff = await git(["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--unified=0", oldBlob, blob], { dir: store });
  const lines = diff.slice(Math.max(0, diff.indexOf("\n@@"))).split("\n");
  return lines.flatMap((line) => (line.startsWith("+") ? [line.slice(1)] : [])).join("\n");
}
