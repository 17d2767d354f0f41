import { lintSource } from "@secretlint/core";
import { creator as recommended } from "@secretlint/secretlint-rule-preset-recommend";
import { git } from "../../git/run-git.ts";
import { modes, readText, type Change, type ChangedPath } from "../change.ts";
import { holdsSecret } from "../tail.ts";
import type { GateContext } from "./gates.ts";
import { sayPath } from "./say-paths.ts";

const config = { rules: [{ id: "@secretlint/secretlint-rule-preset-recommend", rule: recommended }] };

/**
 * Looks for AFK's own secrets by value (as text and in base64) in every changed file, name and message, and for anything
 * shaped like a credential in what was added. The answer names the place and the kind, never the value.
 */
export async function findSecret(change: Change, { secrets }: GateContext): Promise<string | undefined> {
  const said = [...change.messages, ...change.paths.map(({ path }) => path)].join("\n");
  if (holdsSecret(said, secrets)) return "a commit message or a file name holds a secret of this AFK";
  const inMessages = await lint("commit-message.txt", said);
  if (inMessages !== undefined) return `a commit message or a file name holds what looks like a secret (${inMessages})`;
  for (const changed of change.paths) {
    if (changed.blob === undefined || changed.mode === modes.submodule) continue;
    const text = await readText(change.store, changed.blob);
    if (holdsSecret(text, secrets)) return `${sayPath(changed.path)} holds a secret of this AFK`;
    const kind = await lint(changed.path, await readAdded(change, changed, text));
    if (kind !== undefined) return `${sayPath(changed.path)} holds what looks like a secret (${kind})`;
  }
  return undefined;
}

/** The lines that were not there before; all of a new file. */
async function readAdded({ store }: Change, { blob, oldBlob }: ChangedPath, text: string): Promise<string> {
  if (oldBlob === undefined || blob === undefined) return text;
  const diff = await git(["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--unified=0", oldBlob, blob], { dir: store });
  const lines = diff.slice(Math.max(0, diff.indexOf("\n@@"))).split("\n");
  return lines.flatMap((line) => (line.startsWith("+") ? [line.slice(1)] : [])).join("\n");
}

/** Which kind of credential a text holds. Its own comments cannot switch the search off. */
async function lint(path: string, text: string): Promise<string | undefined> {
  const content = text.replaceAll(/secretlint-(?=disable|enable)/gi, "secretlint_");
  const { messages } = await lintSource({
    source: { filePath: `/${path}`, content, ext: path.slice(path.lastIndexOf(".")), contentType: "text" },
    options: { config, maskSecrets: true, noPhysicFilePath: true },
  });
  const found = messages.find(({ severity }) => severity === "error");
  return found === undefined ? undefined : `${found.ruleId.replace(/^.*rule-/, "")}, ${found.messageId}`;
}
