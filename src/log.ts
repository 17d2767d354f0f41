import { pino, type Logger } from "pino";
import { prettyFactory } from "pino-pretty";

export interface LogOptions {
  readonly level: string;
  readonly format: "json" | "pretty";
  /** Texts that must never be written, longest first. */
  readonly secrets: readonly string[];
  readonly write?: (line: string) => void;
}

/** The process's log. Secrets are taken out of every finished line, whatever field or message carried them. */
export function createLog({ level, format, secrets, write = (line) => process.stdout.write(line) }: LogOptions): Logger {
  const pretty = prettyFactory({ colorize: false, ignore: "pid,hostname" });
  const encoded = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  const redact = (line: string) => encoded.reduce((text, secret) => text.replaceAll(secret, "[secret]"), line);
  return pino({ level, name: "afk" }, { write: (line: string) => write(redact(format === "json" ? line : pretty(line))) });
}
