/** File names are hostile text: shown as JSON strings where they hold anything unusual, and never more than a handful of them. */
export function sayPaths(paths: readonly string[], most = 10): string {
  const shown = paths.slice(0, most).map(sayPath).join(", ");
  return paths.length > most ? `${shown} and ${paths.length - most} more` : shown;
}

export function sayPath(path: string): string {
  const text = /^[\p{L}\p{N}\p{M}._/@+ ()[\]-]+$/u.test(path) ? path : JSON.stringify(path).replaceAll("`", "'");
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
