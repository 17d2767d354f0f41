import { posix } from "node:path";
import { modes, readText, type Change, type ChangedPath } from "../change.ts";
import type { GateContext } from "./gates.ts";
import { sayPath } from "./say-paths.ts";
import { matchPaths } from "./test-files.ts";

/** Lower case, at any depth: agents and forges read them there, and some file systems do not tell cases apart. */
const protectedNames = new Map([
  ...["codeowners"].map((name) => [name, "it says who must review"] as const),
  ...[
    "claude.md",
    "claude.local.md",
    "agents.md",
    "agents.override.md",
    "gemini.md",
    "qwen.md",
    "copilot-instructions.md",
    ".cursorrules",
    ".windsurfrules",
    ".clinerules",
    ".aider.conf.yml",
  ].map((name) => [name, "it instructs agents"] as const),
  ...[".mcp.json", ".claude.json", "opencode.json", "opencode.jsonc", "mcp.json"].map((name) => [name, "it configures agents"] as const),
  ...[".env", ".envrc"].map((name) => [name, "tools take their environment from it"] as const),
  ...[".gitmodules", ".gitattributes", ".gitconfig", ".lfsconfig", ".mailmap"].map((name) => [name, "it configures git"] as const),
]);

/** Folders that are executed or obeyed wherever somebody opens the folder above them. Top-level dot-directories are protected whatever their name. */
const protectedFolders: readonly string[] = [
  ".claude",
  ".codex",
  ".gemini",
  ".opencode",
  ".cursor",
  ".vscode",
  ".idea",
  ".husky",
  ".devcontainer",
];

/** What never lands by push, and why; `undefined` when the change touches nothing of the kind. */
export async function findProtectedPath(change: Change, { plan }: GateContext): Promise<string | undefined> {
  const isConfigured = matchPaths(plan.protectedPaths);
  for (const changed of change.paths) {
    for (const path of [changed.path, changed.from ?? changed.path]) {
      const why = protectionOf(path) ?? (isConfigured(path) ? "this repo's configuration protects it" : undefined);
      if (why !== undefined) return `${sayPath(path)} is protected: ${why}`;
    }
    const why = await oddityOf(change, changed);
    if (why !== undefined) return `${sayPath(changed.path)} ${why}`;
  }
  return undefined;
}

function protectionOf(path: string): string | undefined {
  const parts = path.toLowerCase().split("/");
  const [first = "", second] = parts;
  if (first.startsWith(".") && second !== undefined) return "top-level dot-directories configure tools";
  if (parts.some((part) => protectedFolders.includes(part))) return "tools execute or obey what is in such a folder";
  if (path.includes("\uFFFD")) return "its name is not valid UTF-8";
  return protectedNames.get(parts.at(-1) ?? "");
}

/** Entries of a tree that are not plain files. */
async function oddityOf({ store }: Change, { path, mode, oldMode, blob }: ChangedPath): Promise<string | undefined> {
  if (mode === modes.submodule || oldMode === modes.submodule) return "is a submodule: which commit it points to is decided by people";
  if (mode !== modes.symlink) return undefined;
  if (/^\.[^/]*$/.test(path)) return "is a symbolic link where tools look for their configuration";
  const target = await readText(store, blob);
  const lands = posix.normalize(posix.join(posix.dirname(path), target));
  // A name before ".." may be another link: where that leads is not told by the text.
  const isRoundabout = /(?:^|\/)(?!\.{1,2}\/)[^/]+\/+(?:\.\/+)*\.\.(?:\/|$)/.test(target);
  const leaves =
    posix.isAbsolute(target) || isRoundabout || lands === ".." || lands.startsWith("../") || /(?:^|\/)\.git(?:\/|$)/i.test(lands);
  return leaves ? `is a symbolic link that leaves the repository (to ${sayPath(target)})` : undefined;
}
