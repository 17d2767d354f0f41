/** Strips escape sequences (colours, cursor, window titles, links) and every control character but newline and tab. */
export function cleanOutput(text: string): string {
  return (
    text
      // oxlint-disable-next-line no-control-regex
      .replaceAll(/\u001B\][^\u0007\u001B]*(?:\u0007|\u001B\\)/g, "")
      // oxlint-disable-next-line no-control-regex
      .replaceAll(/\u001B\[[0-?]*[ -/]*[@-~]/g, "")
      .replaceAll(/\r\n?/g, "\n")
      .replaceAll(/[^\P{C}\n\t]/gu, "")
  );
}
