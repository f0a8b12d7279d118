import { readFileSync, statSync } from 'node:fs';
import { LineCounter, type Document, isNode, parseDocument } from 'yaml';
import { z } from 'zod';
import { type CatalogueEntry, IMAGE_NAME, faultOfPath } from '../../../../schema/model/image.ts';
import { ProviderError } from '../../provider.ts';
import { BUILT_IN_CATALOGUE } from './built-in-catalogue.ts';

const MOST_TEXT = 1024 * 1024;

const word = z.string().min(1);
const entry = z.strictObject({
  description: z.string().max(500).default(''),
  parent: z.string().regex(IMAGE_NAME, 'must be the name of an image').nullable().default('base'),
  packages: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'must be the name of a package'))
    .max(200)
    .default([]),
  files: z.record(z.string(), z.string().max(MOST_TEXT)).default({}),
  steps: z
    .array(z.array(word, 'must be a list of words: [sh, -c, "…"]').min(1).max(100))
    .max(100)
    .default([]),
});

const file = z.strictObject({
  images: z.record(z.string().regex(IMAGE_NAME, 'cannot be the name of an image'), entry),
});

/** The named images that can be built: those that come with the product, and those of a file. */
export interface Catalogue {
  entries(): readonly CatalogueEntry[];
}

/**
 * Reads the catalogue of a file; a fault in it is told with its line. When the file changes it is
 * read again; what was right before stays in force while it has a fault, which is logged once.
 */
export function openCatalogue(path: string | undefined, log: (line: string) => void): Catalogue {
  if (path === undefined) return { entries: () => BUILT_IN_CATALOGUE };
  let entries = readCatalogue(path);
  let seen = versionOf(path);
  return {
    entries() {
      const now = versionOf(path);
      if (now === seen) return entries;
      seen = now;
      try {
        entries = readCatalogue(path);
      } catch (error) {
        log(`${reasonOf(error)}; the catalogue stays as it was`);
      }
      return entries;
    },
  };
}

/** The built-in entries, with those of the file over them. */
function readCatalogue(path: string): readonly CatalogueEntry[] {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines });
  const [fault] = document.errors;
  if (fault !== undefined) throw unusable(path, fault.message.split('\n')[0] ?? '');
  const read = file.safeParse(document.toJS());
  const [issue] = read.success ? [] : read.error.issues;
  if (!read.success) {
    const where = (issue?.path ?? []).map(String);
    throw unusable(`${path}${lineOf(document, lines, where)}`, told(where, issue));
  }
  const own = Object.entries(read.data.images).map(([name, { description, ...recipe }]) => {
    return { name, description, recipe };
  });
  const names = new Set(own.map(({ name }) => name));
  const all = [...BUILT_IN_CATALOGUE.filter(({ name }) => !names.has(name)), ...own];
  for (const { name, recipe } of own) {
    const wrong = faultOf(name, recipe, all);
    if (wrong === null) continue;
    const line = lineOf(document, lines, ['images', name, ...wrong.at]);
    throw unusable(`${path}${line}`, `${name}: ${wrong.what}`);
  }
  return all;
}

function faultOf(
  name: string,
  recipe: CatalogueEntry['recipe'],
  all: readonly CatalogueEntry[],
): { at: string[]; what: string } | null {
  for (const path of Object.keys(recipe.files)) {
    const what = faultOfPath(path);
    if (what !== null) return { at: ['files', path], what };
  }
  const seen = [name];
  for (let parent = recipe.parent; parent !== null;) {
    const found = all.find((other) => other.name === parent);
    if (found === undefined) return { at: ['parent'], what: `there is no image ${parent}` };
    if (seen.includes(parent)) return { at: ['parent'], what: 'it is built on itself' };
    seen.push(parent);
    parent = found.recipe.parent;
  }
  return null;
}

function told(where: readonly string[], issue: z.core.$ZodIssue | undefined): string {
  const [inner] = issue?.code === 'invalid_key' ? issue.issues : [issue];
  return `${where.join('.') || 'the file'}: ${inner?.message ?? 'cannot be read'}`;
}

/** The line of what is meant, or of the nearest thing around it that is there. */
function lineOf(document: Document, lines: LineCounter, where: readonly string[]): string {
  for (let length = where.length; length > 0; length -= 1) {
    const path = where.slice(0, length).map((key) => (/^\d+$/.test(key) ? Number(key) : key));
    const node = document.getIn(path, true);
    if (isNode(node) && node.range) return ` line ${lines.linePos(node.range[0]).line}`;
  }
  return '';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unusable(path, `cannot be read: ${reasonOf(error)}`);
  }
}

function versionOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'gone' : `${found.ino} ${found.mtimeMs} ${found.size}`;
}

function unusable(where: string, what: string): ProviderError {
  return new ProviderError(`SNAPYARD_IMAGES: ${where}: ${what}`, { retryable: false });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
