/** More than this in one body is noise, and each costs a request. */
const maxReferences = 10;
const reference = String.raw`(?:[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+)?#\d{1,9}`;
const sentence = new RegExp(String.raw`\bblocked by:?\s+(${reference}(?:\s*(?:,|and|&)\s*${reference})*)`, "gi");

/**
 * The issues a body says it is blocked by: "Blocked by #3", "blocked by #3, #4 and acme/api#5". For forges without issue dependencies,
 * and for people who write it down.
 */
export function parseBodyBlockers(body: string): readonly string[] {
  const references = [...body.matchAll(sentence)].flatMap(([, list = ""]) => list.match(new RegExp(reference, "g")) ?? []);
  return [...new Set(references)].slice(0, maxReferences);
}
