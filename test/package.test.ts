import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { type Lock, findCompiled, findMissing } from '../scripts/complete-lock.ts';

const text = readFileSync('package-lock.json', 'utf8');

test('every version is pinned', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const versions = Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test('the lock names every platform, so that "npm ci" takes it anywhere', () => {
  expect([...findMissing(JSON.parse(text) as Lock).keys()]).toEqual([]);
});

test('a platform package that the lock lost is noticed', () => {
  const lock = JSON.parse(text) as Lock;
  delete lock.packages['node_modules/@oxlint/binding-darwin-arm64'];
  const [[place, entry] = []] = findMissing(lock);
  expect(place).toBe('node_modules/@oxlint/binding-darwin-arm64');
  expect(entry).toMatchObject({ version: manifest.devDependencies.oxlint, os: ['darwin'] });
});

test('"npm ci" needs no compiler for what is brought ready-made', () => {
  const lock = JSON.parse(text) as Lock;
  expect([...findCompiled(lock).keys()]).toEqual([]);
  delete lock.packages['node_modules/better-sqlite3']?.gypfile;
  expect([...findCompiled(lock).keys()]).toEqual(['node_modules/better-sqlite3']);
});

test('the lock says what, not from which host', () => {
  expect(text).not.toContain('"resolved"');
});
