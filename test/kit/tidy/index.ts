import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { escapedTypes, silencedCompiler, silentSkips, unfinished } from './habits.ts';
import { bannedNames, docComments, kebabCase } from './names.ts';
import { columns, fileLength, functionLength, nesting, resolverLength } from './size.ts';
import { type Rule, type Source, type Violation, parseSource } from './source.ts';
import { environmentOnly, worldOnly } from './world.ts';

/** Every rule of the house, by the name its failure is reported under. */
export const RULES: ReadonlyMap<string, Rule> = new Map([
  ['functions are short', functionLength],
  ['resolvers only hand over', resolverLength],
  ['files are short', fileLength],
  ['lines are short', columns],
  ['control flow is flat', nesting],
  ['nothing is left unfinished', unfinished],
  ['the compiler is not silenced', silencedCompiler],
  ['types are not escaped', escapedTypes],
  ['skipped tests say why', silentSkips],
  ['the environment is read in one place', environmentOnly],
  ['time and chance come from the world', worldOnly],
  ['names say something', bannedNames],
  ['names are kebab-case', kebabCase],
  ['exports are documented', docComments],
]);

/** Printed by `npm run generate`, for programs to read. */
const PRINTED = ':!client/generated';

/** All TypeScript of the working tree that people write: tracked, or new and not ignored. */
export function readRepository(): Source[] {
  const kinds = ['*.ts', '*.tsx', PRINTED];
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...kinds];
  const listed = execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(Boolean);
  const present = [...new Set(listed)].filter((path) => existsSync(path));
  return present.map((path) => parseSource(path, readFileSync(path, 'utf8')));
}

/** `file:line: message`, as editors and people follow it. */
export function formatViolation({ path, line, message }: Violation): string {
  return `${path}:${line}: ${message}`;
}
