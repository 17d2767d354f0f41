import picomatch from "picomatch";

/** What counts as a test where the repo's config does not say: tests themselves, and what they need to load (helpers, fixtures, snapshots). */
export const defaultTestPatterns: readonly string[] = [
  "**/{test,tests,__tests__,spec,specs,testdata,test-data,__snapshots__,__fixtures__,fixtures,__mocks__,testing}/**",
  "**/*.{test,tests,spec,specs}.*",
  "**/*-{test,spec}.*",
  "**/*_{test,tests,spec}.*",
  "**/{test,tests}.{js,cjs,mjs,ts,cts,mts,jsx,tsx,py,rb,php}",
  "**/test{-,_}*.*",
  "**/conftest.py",
  "**/*{Test,Tests,Spec,IT}.{java,kt,kts,scala,groovy,cs,swift,php}",
  "src/{test,androidTest,integrationTest}/**",
];

export type PathMatcher = (path: string) => boolean;

/** Dotfiles count, and so does case: on the forge's side paths are case-sensitive. */
export function matchPaths(patterns: readonly string[]): PathMatcher {
  if (patterns.length === 0) return () => false;
  return picomatch([...patterns], { dot: true, nonegate: true });
}

export function matchTests(configured: readonly string[] | undefined): PathMatcher {
  return matchPaths(configured ?? defaultTestPatterns);
}
