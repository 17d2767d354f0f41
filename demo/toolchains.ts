import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join } from "node:path";

/** Where a person's tools are: a PATH without version managers' shims, and the folders of it that lie outside the system. */
export interface Toolchains {
  readonly path: string;
  readonly readable: readonly string[];
}

/**
 * The sandbox shows the system and what it is told to, and HOME is a fresh one: the shims of version managers, which look into the real HOME,
 * do not work there. So the toolchain that each would choose takes its place.
 */
export function findToolchains(path = process.env["PATH"] ?? ""): Toolchains {
  const folders = path.split(delimiter).filter((folder) => isAbsolute(folder) && existsSync(folder));
  const real = [...new Set(folders.flatMap((folder) => behindShims(folder) ?? behindRustup(folder) ?? [folder]))];
  const readable = real.filter((folder) => !/^\/(?:usr|bin|sbin)(?:\/|$)/.test(folder)).map(rootOf);
  return { path: real.join(delimiter), readable: [...new Set(readable)] };
}

/** pyenv, rbenv, nodenv: `<root>/shims`, with the chosen version's name in `<root>/version`. */
function behindShims(folder: string): readonly string[] | undefined {
  const root = dirname(folder);
  if (!folder.endsWith("/shims") || !existsSync(join(root, "version"))) return undefined;
  const version = readFileSync(join(root, "version"), "utf8").trim().split("\n")[0] ?? "";
  const bin = join(root, "versions", version, "bin");
  return version !== "" && existsSync(bin) ? [bin] : [];
}

/** rustup: `~/.cargo/bin` holds proxies for `~/.rustup/toolchains/<name>/bin`. */
function behindRustup(folder: string): readonly string[] | undefined {
  const home = join(dirname(dirname(folder)), ".rustup");
  if (!folder.endsWith("/.cargo/bin") || !existsSync(join(home, "toolchains"))) return undefined;
  const settings = join(home, "settings.toml");
  const chosen = existsSync(settings) ? /^default_toolchain = "([^"]+)"/m.exec(readFileSync(settings, "utf8"))?.[1] : undefined;
  const name = chosen ?? readdirSync(join(home, "toolchains"))[0] ?? "";
  const bin = join(home, "toolchains", name, "bin");
  return existsSync(bin) ? [bin] : [];
}

/** A toolchain's libraries lie beside its `bin`; a lone folder of programs has nothing to show but itself. */
function rootOf(folder: string): string {
  const root = dirname(folder);
  return folder.endsWith("/bin") && existsSync(join(root, "lib")) ? root : folder;
}
