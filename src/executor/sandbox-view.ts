import { existsSync, lstatSync, mkdirSync, readlinkSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, sep } from "node:path";
import type { SandboxedCommand, SandboxDeps } from "./sandbox.ts";

/** What a command sees of AFK's own environment: the network's shape and the language, no credentials. */
const passedThrough = ["LANG", "LC_ALL", "TZ", "no_proxy", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];
/** Passed only without a password in them. */
const proxies = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];

/** The system's own programs and libraries. Where these are links into /usr they are made as links. */
const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
/** What programs need of /etc for names, certificates and the clock; no keys, no accounts. */
const systemSettings = [
  "ssl",
  "pki",
  "ca-certificates",
  "alternatives",
  "resolv.conf",
  "hosts",
  "nsswitch.conf",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "timezone",
  "mime.types",
];

export const defaultPath = "/usr/local/bin:/usr/bin:/bin";

/** A command's whole environment. `programs` are the visible paths outside of the system, whose part of PATH is kept. */
export function environmentOf(command: SandboxedCommand, programs: readonly string[]): Record<string, string> {
  const env: Record<string, string> = { LANG: "C.UTF-8", TERM: "dumb", CI: "1" };
  for (const name of passedThrough) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  for (const name of proxies) {
    const value = process.env[name];
    if (value !== undefined && !value.includes("@")) env[name] = value;
  }
  const visible = ["/usr", "/bin", "/sbin", ...programs];
  const path = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => visible.some((root) => folder === root || folder.startsWith(root + sep)));
  return { ...env, PATH: [...new Set([...path, ...defaultPath.split(":")])].join(":"), HOME: command.home, ...command.env };
}

function showSystemFolder(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

/** A passwd and a group with nobody of this machine in them. */
function showAccounts(home: string): readonly string[] {
  const folder = join(home, "sandbox");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "passwd"), "afk:x:1000:1000::/nonexistent:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n");
  writeFileSync(join(folder, "group"), "afk:x:1000:\nnogroup:x:65534:\n");
  return ["passwd", "group"].flatMap((name) => ["--ro-bind", join(folder, name), `/etc/${name}`]);
}

/** bubblewrap's arguments that show the system: programs, libraries, certificates, and nothing of anybody's own. */
export function showSystem(home: string): readonly string[] {
  const settings = systemSettings.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]);
  return [...systemFolders.flatMap(showSystemFolder), ...settings, ...showAccounts(home)];
}

/** What is visible outside of the system: this Node, the agent's own program and the files its command names, and what the operator says. */
export function visiblePrograms({ agentArgv, read }: SandboxDeps): readonly string[] {
  const [program, ...words] = agentArgv;
  const files = words.filter((word) => isAbsolute(word) && statSync(word, { throwIfNoEntry: false })?.isFile());
  return [...programRoots(process.execPath), ...programRoots(findProgram(program)), ...files, ...read];
}

/** The program's full path, or `undefined` when it is neither a path nor found on PATH. */
export function findProgram(name: string | undefined): string | undefined {
  if (name === undefined || name === "") return undefined;
  if (name.includes(sep)) return existsSync(name) ? name : undefined;
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** bubblewrap's arguments that show programs. AFK's home stays hidden when it lies below one of them, as `~/.local/state/afk` below `~/.local`. */
export function showPrograms(programs: readonly string[], home: string): readonly string[] {
  const there = programs.filter((path) => existsSync(path));
  const above = there.filter((path) => `${realpathSync(home)}${sep}`.startsWith(realpathSync(path) + sep));
  const others = there.filter((path) => !above.includes(path));
  const show = (path: string): readonly string[] => ["--ro-bind", path, path];
  return [...above.flatMap(show), ...(above.length === 0 ? [] : ["--tmpfs", home]), ...others.flatMap(show)];
}

/** The parts of a Node installation that its programs need. Its prefix may be `~/.local`, where people keep much else. */
const installationParts = ["bin", "lib", "include"];

/**
 * What must be visible for a program outside /usr to run: a Node installation where it is one (`bin` beside `lib/node_modules`), its
 * package where it is a script of one, else the file alone. Never a home directory.
 */
function programRoots(path: string | undefined): readonly string[] {
  if (path === undefined) return [];
  const roots = [path, realpathSync(path)].flatMap((file) => {
    const prefix = dirname(dirname(file));
    const modules = file.indexOf(`${sep}node_modules${sep}`);
    if (existsSync(join(prefix, "lib", "node_modules")) && prefix !== homedir())
      return installationParts.map((part) => join(prefix, part)).filter((part) => existsSync(part));
    return modules > 0 ? [file.slice(0, modules + `${sep}node_modules`.length), file] : [file];
  });
  return [...new Set(roots)].filter((root) => !root.startsWith("/usr/") && root !== "/usr" && root !== "/");
}
