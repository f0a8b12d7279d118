import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as refusals from '../schema/model/refusal.ts';
import { RULES, formatViolation, readRepository } from './kit/tidy/index.ts';
import { functionLengths } from './kit/tidy/size.ts';
import { parseSource } from './kit/tidy/source.ts';

const repository = readRepository();

test.each([...RULES])('%s', (_name, rule) => {
  expect(repository.flatMap(rule).map(formatViolation)).toEqual([]);
});

test('reports how long functions are', () => {
  const product = repository.filter(({ path }) => /^(schema|db|server|client)\//.test(path));
  const lengths = product.flatMap(functionLengths).toSorted((a, b) => a - b);
  const quantile = (share: number) => lengths[Math.floor(lengths.length * share)] ?? 0;
  const figures = `median ${quantile(0.5)}, p90 ${quantile(0.9)}, longest ${lengths.at(-1) ?? 0}`;
  console.info(`${product.length} files, ${lengths.length} functions: ${figures} lines`);
});

test('every refusal has a type in the API', () => {
  const printed = readFileSync('schema/schema.graphql', 'utf8');
  const classes = Object.entries(refusals).filter(([, value]) => typeof value === 'function');
  const missing = classes
    .map(([name]) => name)
    .filter((name) => name !== 'Refusal')
    .filter((name) => !new RegExp(`^type ${name} implements .*UserError`, 'm').test(printed));
  expect(missing).toEqual([]);
});

// Each rule is broken on purpose: where, with what, and the lines where that must be seen.

const lines = (count: number) => 'x;\n'.repeat(count);
const block = (count: number) => `{\n${lines(count)}}`;
const nested = (depth: number) => 'if (x) {'.repeat(depth) + '}'.repeat(depth);

type Planted = [rule: string, path: string, text: string, foundAt: number[]];

const PLANTED: Planted[] = [
  ['functions are short', 'db/a.ts', `function f() ${block(59)}`, [1]],
  ['functions are short', 'db/a.ts', `function f() ${block(58)}`, []],
  ['functions are short', 'db/a.ts', `x;\nconst f = () => ${block(59)}`, [2]],
  ['functions are short', 'db/a.ts', `class A {\n f() ${block(59)} }`, [2]],
  ['functions are short', 'test/a.ts', `test.each([1])('a', () => ${block(59)})`, []],
  ['functions are short', 'test/a.ts', `run('a', () => ${block(59)})`, [1]],
  ['resolvers only hand over', 'schema/a.ts', `f({ resolve: () => ${block(14)} })`, [1]],
  ['resolvers only hand over', 'schema/a.ts', `f({ subscribe() ${block(14)} })`, [1]],
  ['resolvers only hand over', 'schema/a.ts', `f({ resolve: () => ${block(13)} })`, []],
  ['files are short', 'db/a.ts', lines(301), [301]],
  ['files are short', 'db/a.ts', lines(300), []],
  ['files are short', 'db/tables.ts', lines(301), []],
  ['files are short', 'test/a.ts', lines(400), []],
  ['files are short', 'test/a.ts', lines(401), [401]],
  ['lines are short', 'db/a.ts', `x;\n// ${'-'.repeat(98)}`, [2]],
  ['lines are short', 'db/a.ts', `// ${'-'.repeat(97)}`, []],
  ['control flow is flat', 'db/a.ts', nested(4), [1]],
  ['control flow is flat', 'db/a.ts', `for (;;) { try { ${nested(2)} } finally {} }`, [1]],
  ['control flow is flat', 'db/a.ts', nested(3), []],
  ['control flow is flat', 'db/a.ts', 'if (a) {} else if (b) {} else if (c) {} else if (d) {}', []],
  ['control flow is flat', 'db/a.ts', `if (a) { if (b) { f(() => { ${nested(2)} }) } }`, []],
  ['nothing is left unfinished', 'db/a.ts', 'x;\n// TODO later', [2]],
  ['nothing is left unfinished', 'db/a.ts', '/* FIXME */', [1]],
  ['nothing is left unfinished', 'db/a.ts', '/** XXX */', [1]],
  ['the compiler is not silenced', 'db/a.ts', 'x;\n// @ts-ignore because', [2]],
  ['the compiler is not silenced', 'db/a.ts', '// @ts-nocheck', [1]],
  ['the compiler is not silenced', 'db/a.ts', '// @ts-expect-error because', [1]],
  ['the compiler is not silenced', 'test/a.ts', '// @ts-expect-error', [1]],
  ['the compiler is not silenced', 'test/a.ts', '// @ts-expect-error: no promises', []],
  ['types are not escaped', 'db/a.ts', 'let a;\nlet b: any[] = [];', [2]],
  ['types are not escaped', 'db/a.ts', 'f(a as unknown as string);', [1]],
  ['types are not escaped', 'db/a.ts', 'f(a as unknown, b as string);', []],
  ['skipped tests say why', 'test/a.ts', "it.skip('a', () => {});", [1]],
  ['skipped tests say why', 'test/a.ts', "describe.skip.each([1])('a', () => {});", [1]],
  ['skipped tests say why', 'test/a.ts', "test.only('a', () => {});", [1]],
  ['skipped tests say why', 'test/a.ts', "test.todo('a');", [1]],
  ['skipped tests say why', 'test/a.ts', 'context.skip();', [1]],
  ['skipped tests say why', 'test/a.ts', 'skip(true);', [1]],
  ['skipped tests say why', 'test/a.ts', "context.skip(!chromium, 'needs chromium');", []],
  ['skipped tests say why', 'test/a.ts', "test.skipIf(a)('a', () => {});", [1]],
  ['skipped tests say why', 'test/a.ts', "test.skipIf(a)('a (needs qemu)', () => {});", []],
  ['the environment is read in one place', 'db/a.ts', 'x;\nf(process.env.A);', [2]],
  ['the environment is read in one place', 'db/a.ts', "f(process['env']);", [1]],
  ['the environment is read in one place', 'db/a.ts', "import { env } from 'node:process';", [1]],
  ['the environment is read in one place', 'db/a.ts', 'const { env } = process;', [1]],
  ['the environment is read in one place', 'server/config.ts', 'f(process.env.A);', []],
  ['the environment is read in one place', 'scripts/a.ts', 'f(process.env.A);', []],
  ['names say something', 'db/utils.ts', '', [1]],
  ['names say something', 'server/pool-manager.ts', '', [1]],
  ['names say something', 'server/helpers/a.ts', '', [1]],
  ['names say something', 'server/base.ts', '', [1]],
  ['names say something', 'db/base-cluster.ts', '', []],
  ['names are kebab-case', 'db/clusterPool.ts', '', [1]],
  ['names are kebab-case', 'client/App.tsx', '', [1]],
  ['names are kebab-case', 'test/db/cluster-pool.test.ts', '', []],
  ['exports are documented', 'db/a.ts', 'x;\nexport function f() {}', [2]],
  ['exports are documented', 'db/a.ts', 'export type A = 1;', [1]],
  ['exports are documented', 'db/a.ts', 'export interface A {}', [1]],
  ['exports are documented', 'db/a.ts', 'export class A {}', [1]],
  ['exports are documented', 'db/a.ts', 'export const a = 1;', [1]],
  ['exports are documented', 'db/a.ts', 'export default class {}', [1]],
  ['exports are documented', 'db/a.ts', 'const a = 1;\nx;\nexport { a };', [1]],
  ['exports are documented', 'db/a.ts', '// no doc\nexport const a = 1;', [2]],
  ['exports are documented', 'db/a.ts', '/** A. */\nexport const a = 1;', []],
  ['exports are documented', 'db/a.ts', '/** A. */\nconst a = 1;\nexport { a };', []],
  ['exports are documented', 'db/a.ts', "export * from './b.ts';", []],
  [
    'exports are documented',
    'db/a.ts',
    '/** F. */\nexport function f(a: 1): 1;\nexport function f(a: 2): 2;\nexport function f() {}',
    [],
  ],
  ['exports are documented', 'scripts/a.ts', 'export const a = 1;', []],
];

const CLOCKS = [
  'Date.now()',
  'new Date()',
  'Date()',
  'Math.random()',
  'setTimeout(f, 1)',
  'globalThis.setInterval(f, 1)',
  'setImmediate(f)',
  'performance.now()',
  'process.hrtime.bigint()',
  'crypto.randomUUID()',
  'AbortSignal.timeout(5)',
  'f(Date.now)',
  'f({ after: setTimeout })',
  "import { setTimeout } from 'node:timers/promises'",
  "import { randomBytes } from 'node:crypto'",
];
const NOT_CLOCKS = ['new Date(at)', 'world.setTimeout(f)', 'f({ setTimeout: 1 })', 'a.now()'];
const WORLD = 'time and chance come from the world';
for (const text of CLOCKS) PLANTED.push([WORLD, 'server/a.ts', `x;\n${text};`, [2]]);
for (const text of NOT_CLOCKS) PLANTED.push([WORLD, 'server/a.ts', text, []]);
PLANTED.push(
  [WORLD, 'server/world.ts', CLOCKS.join(';'), []],
  [WORLD, 'client/a.ts', 'Date()', []],
);

test.each(PLANTED)('rule "%s" on %s: %j is found at %j', (name, path, text, foundAt) => {
  const found = RULES.get(name)?.(parseSource(path, text)) ?? [];
  expect([...new Set(found.map(({ line }) => line))]).toEqual(foundAt);
});

test('every rule is broken on purpose', () => {
  const broken = PLANTED.filter(([, , , foundAt]) => foundAt.length > 0).map(([name]) => name);
  expect(new Set(broken)).toEqual(new Set(RULES.keys()));
});
