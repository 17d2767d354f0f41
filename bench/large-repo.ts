import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { createBareRepo } from "../demo/front/bare-repo.ts";

/** What a middling product's repository holds. */
export const largeRepo = { files: 5_000, folders: 200 } as const;

/** Source-like text: 5,000 files of 1 to 9 kB in 200 folders, about 25 MB, the same on every machine. `.github/afk.yml` names tests that take no time. */
export function largeFiles(): Readonly<Record<string, string>> {
  const random = seeded(7);
  const files: Record<string, string> = { ".github/afk.yml": 'test: "true"\nci:\n  none: true\n', "README.md": "# A large repository\n" };
  for (let number = Object.keys(files).length; number < largeRepo.files; number += 1) {
    const folder = `src/part-${number % largeRepo.folders}`;
    const lines = Array.from(
      { length: 20 + Math.floor(random() * 160) },
      () => `export const ${word(random)} = "${word(random)} ${word(random)} ${word(random)}";`,
    );
    files[`${folder}/file-${number}.js`] = `${lines.join("\n")}\n`;
  }
  return files;
}

/** A bare repository that has them. Answers its path. */
export async function makeLargeRepo(folder: string): Promise<string> {
  const path = join(folder, "large.git");
  await createBareRepo(path, "main", largeFiles(), "ann");
  // As a forge keeps it: packed.
  execFileSync("git", ["-C", path, "repack", "-adq"]);
  return path;
}

function word(random: () => number): string {
  return Math.floor(random() * 36 ** 8)
    .toString(36)
    .padStart(8, "x");
}

/** Park and Miller's generator, the values between 0 and 1. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
