import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

// In a little repository of its own, with one table and one query.

const TABLES = `
  import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
  export const pools = sqliteTable('pools', { id: integer().primaryKey(), name: text() });
`;
const SCHEMA = `
  import { buildSchema } from 'graphql';
  export const schema = buildSchema('type Query { pool: String }');
`;
let root = '';

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'snapyard-generate-test-'));
  for (const path of ['scripts', 'drizzle.config.ts', 'package.json']) {
    cpSync(path, join(root, path), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
  for (const folder of ['db', 'schema']) mkdirSync(join(root, folder));
  put('db/tables.ts', TABLES);
  put('schema/index.ts', SCHEMA);
  git('init', '--quiet');
});

afterAll(() => rmSync(root, { recursive: true }));

test('generates, and the check notices every kind of difference', () => {
  expect(check()).toMatch(/0000_missing.sql is out of date/);

  expect(generate('--name', 'init')).toBe('');
  expect(readFileSync(join(root, 'schema/schema.graphql'), 'utf8')).toContain('pool: String');
  expect(readFileSync(join(root, 'test/db/schema.sql'), 'utf8')).toContain('CREATE TABLE `pools`');
  expect(migrations()).toEqual(['0000_init.sql']);
  expect(check()).toMatch(/0000_init.sql is not in git/);

  git('add', '.');
  expect(check()).toBe('');

  put('schema/index.ts', SCHEMA.replace('pool:', 'pools:'));
  const printed = ['client/generated/introspection.ts', 'client/generated/schema.ts'];
  const stale = [...printed, 'schema/schema.graphql'].map((path) => `${path} is out of date\n`);
  expect(check()).toContain(`${stale.join('')}Run `);
  put('schema/index.ts', SCHEMA);

  put('db/tables.ts', TABLES.replace('name: text()', 'name: text(), size: integer()'));
  expect(check()).toMatch(/db\/migrations\/0001_missing.sql is out of date/);
  expect(migrations()).toEqual(['0000_init.sql']);

  put('db/tables.ts', 'this is no table');
  expect(check()).toMatch(/drizzle-kit generate failed/);
}, 60_000);

function put(path: string, text: string): void {
  writeFileSync(join(root, path), text);
}

function git(...args: string[]): void {
  execFileSync('git', args, { cwd: root });
}

function migrations(): string[] {
  return globSync('*.sql', { cwd: join(root, 'db/migrations') });
}

function check(): string {
  return generate('--check');
}

/** What it says on stderr: nothing when all is well. */
function generate(...args: string[]): string {
  const path = `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  const options = { cwd: root, encoding: 'utf8', env: { ...process.env, PATH: path } } as const;
  const result = spawnSync(process.execPath, ['scripts/generate.ts', ...args], options);
  return result.stderr;
}
