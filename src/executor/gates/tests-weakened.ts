import { modes, readText, type Change } from "../change.ts";
import type { GateContext } from "./gates.ts";
import { sayPath } from "./say-paths.ts";

/**
 * Marks that keep a test from running, or all others from running. These patterns read megabytes of hostile text in this very process: no
 * match may begin inside of what another repetition has run over, or the time grows with the square of the text.
 */
const silencers: readonly RegExp[] = [
  /\b(?:describe|context|suite|it|test|specify|bench)(?:\.\w{1,40}){0,4}\.(?:skip|only|todo|fixme|fails|failing|skipIf|runIf)\b/g,
  /\b(?:t|ctx|this|testContext)\.(?:skip|todo)\s*\(/g,
  /\b(?:xit|xtest|xdescribe|xcontext|xspecify|fit|fdescribe|fcontext)\s*\(/g,
  /[{,]\s*(?:skip|todo|only)\s*:\s*(?!\s|false\b)/g,
  /@(?:pytest\.mark\.(?:skip|skipif|xfail)|unittest\.(?:skip\w*|expectedFailure)|skip(?:If|Unless)?\b|Disabled|Ignore\b)/g,
  /\bpytest\.(?:skip|xfail|importorskip)\s*\(|\bself\.skipTest\s*\(/g,
  /\b[tb]\.Skip(?:f|Now)?\s*\(/g,
  /#\[ignore\b/g,
];

/** Where a test is declared. */
const declarations: readonly RegExp[] = [
  /(?<![.\w])(?:it|test|specify)(?:\.(?:each|concurrent|sequential|for|prop))*\s*[(`]/g,
  /^[ \t]*(?:async\s+)?def test\w*\s*\(/gm,
  /^func (?:Test|Fuzz|Example)\w*\s*\(/gm,
  /#\[(?:\w+::)?test\]/g,
  /@(?:Test|ParameterizedTest|RepeatedTest)\b/g,
];

/** A change may add to the tests and rewrite them, but not take away: fewer tests, or tests that no longer run, prove nothing. */
export async function findWeakenedTests(change: Change, { isTest }: GateContext): Promise<string | undefined> {
  let before = 0;
  let after = 0;
  for (const { path, from, blob, oldBlob, mode } of change.paths) {
    const oldPath = from ?? path;
    const wasTest = oldBlob !== undefined && isTest(oldPath);
    if (wasTest && blob === undefined) return `${sayPath(oldPath)} was a test file and is deleted`;
    if (wasTest && !isTest(path)) return `${sayPath(oldPath)} was a test file and is moved to ${sayPath(path)}, which is none`;
    if (!isTest(path) || mode === modes.submodule) continue;
    const oldText = wasTest ? await readText(change.store, oldBlob) : "";
    const text = await readText(change.store, blob);
    if (count(text, silencers) > count(oldText, silencers)) return `${sayPath(path)} skips or singles out tests`;
    before += count(oldText, declarations);
    after += count(text, declarations);
  }
  return after < before ? `the changed test files declare ${after} tests and declared ${before} before` : undefined;
}

function count(text: string, patterns: readonly RegExp[]): number {
  return patterns.reduce((sum, pattern) => sum + (text.match(pattern)?.length ?? 0), 0);
}
