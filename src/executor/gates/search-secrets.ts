import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

/** A text to search, and a name whose ending some rules look at. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** Something shaped like a credential: in which text, of what kind, and from which character to which. */
export interface Finding {
  readonly index: number;
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/** The change is at most 4 MiB: what takes longer is a pattern driven into the ground by hostile text. */
const timeLimitMs = 30_000;

const { resolve } = createRequire(import.meta.url);

/** Plain JavaScript, because a worker cannot be started from TypeScript. It answers every finding, the first text's first. */
const program = `
const { parentPort, workerData } = require("node:worker_threads");
(async () => {
  const { lintSource } = await import(workerData.core);
  const { creator } = await import(workerData.preset);
  const findings = [];
  const config = { rules: [{ id: "@secretlint/secretlint-rule-preset-recommend", rule: creator }] };
  for (const [index, { name, text }] of workerData.texts.entries()) {
    const source = { filePath: "/" + name, content: text, ext: name.slice(name.lastIndexOf(".")), contentType: "text" };
    const { messages } = await lintSource({ source, options: { config, maskSecrets: true, noPhysicFilePath: true } });
    for (const { severity, messageId, range: [start, end] } of messages) {
      if (severity === "error") findings.push({ index, kind: messageId, start, end });
    }
  }
  return findings;
})().then((findings) => parentPort.postMessage(findings));
`;

/**
 * Searches texts for anything shaped like a credential. In a thread of its own, gone afterwards: secretlint keeps a record of every text it ever saw, a
 * rejection nobody awaits when a name has a line break, and regular expressions that hostile text can slow down.
 */
export async function searchSecrets(texts: readonly NamedText[]): Promise<readonly Finding[]> {
  const workerData = {
    core: pathToFileURL(resolve("@secretlint/core")).href,
    preset: pathToFileURL(resolve("@secretlint/secretlint-rule-preset-recommend")).href,
    // Comments in the text must not switch the search off.
    texts: texts.map(({ name, text }) => ({
      name: name.replaceAll(/[^\w.-]/g, "_").slice(-100),
      text: text.replaceAll(/secretlint-(?=disable|enable)/gi, "secretlint_"),
    })),
  };
  const worker = new Worker(program, { eval: true, workerData, env: {}, resourceLimits: { maxOldGenerationSizeMb: 512 } });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((done, fail) => {
      worker.once("message", done);
      worker.once("error", fail);
      worker.once("exit", () => fail(new Error("the search for secrets ended without an answer")));
      timer = setTimeout(() => fail(new Error("the search for secrets took too long")), timeLimitMs);
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
