import type { ImageRecipe } from '../../../../schema/model/image.ts';
import type { ArchiveEntry } from './cpio.ts';
import { BuildError } from './build-error.ts';

/** Folders that a guest mounts something over, or that are the agent's own. */
const NOT_OURS = /^\/(proc|sys|dev|run|tmp|lib\/snapyard|var\/lib\/snapyard)(\/|$)/;
const PATH = /^(\/[A-Za-z0-9._+@-]+)+$/;
const TEXT = 0o644;
const PROGRAM = 0o755;

/** What is wrong with the path of a file in a recipe; null when nothing is. */
export function faultOfPath(path: string): string | null {
  if (!PATH.test(path) || path.split('/').some((part) => part === '.' || part === '..')) {
    return `${path} must be a plain path that begins with /`;
  }
  return NOT_OURS.test(path) ? `${path} lies where an image keeps no files` : null;
}

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
