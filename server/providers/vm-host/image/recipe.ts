import { type ImageRecipe, faultOfPath } from '../../../../schema/model/image.ts';
import type { ArchiveEntry } from './cpio.ts';
import { BuildError } from './build-error.ts';

const TEXT = 0o644;
const PROGRAM = 0o755;

/** The files of a recipe. One that begins with `#!` is a program. */
export function recipeEntries({ files }: ImageRecipe): ArchiveEntry[] {
  return Object.entries(files).map(([path, text]) => {
    const fault = faultOfPath(path);
    if (fault !== null) throw new BuildError(fault);
    const mode = text.startsWith('#!') ? PROGRAM : TEXT;
    return { kind: 'FILE', path: path.slice(1), data: Buffer.from(text), mode };
  });
}

/** What is in an image of this recipe, a line each; packages with their versions. */
export function recipeLines(recipe: ImageRecipe, packages: readonly string[]): string[] {
  return [
    ...packages.map((line) => `package ${line}`),
    ...Object.keys(recipe.files)
      .toSorted()
      .map((path) => `file ${path}`),
    ...recipe.steps.map((argv) => `step ${argv.join(' ')}`),
  ];
}
