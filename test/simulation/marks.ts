/** A word that stands for one state of an issue's text, and survives every rendering of it. */
export function markOf(version: number): string {
  return `mark${version}x`;
}

/** Every mark in a text, in order. */
export function marksIn(text: string): readonly string[] {
  return text.match(/mark\d+x/g) ?? [];
}
