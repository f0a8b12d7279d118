import { existsSync, readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { createClusterPoolInput } from '../schema/inputs.ts';
import manifest from '../package.json' with { type: 'json' };

// What people read is true: its GraphQL fits the schema, and what it names is there.

const GUIDES = [
  'docs/access.md',
  'docs/images.md',
  'docs/pools-file.md',
  'docs/firecracker.md',
  'docs/client.md',
  'docs/consoles.md',
  'docs/dashboard.md',
  'docs/vm-streams.md',
  'docs/kubevirt.md',
  'docs/kubevirt-snapshots.md',
  'docs/kubevirt-troubleshooting.md',
];
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...GUIDES];
const schema = buildSchema(readFileSync('schema/schema.graphql', 'utf8'));
const readme = readFileSync('README.md', 'utf8');

function blocksOf(text: string, language: string): string[] {
  const fences = text.matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...fences].flatMap(([, name, body]) => (name === language ? [body ?? ''] : []));
}

/** The operations that `curl` sends, with something in the place of shell variables. */
function sentByCurl(text: string): string[] {
  const bodies = text.matchAll(/ -d '(\{.*\})'/g);
  return [...bodies].map(([, body = '']) => {
    const { query } = JSON.parse(body.replaceAll(/'"\$\w+"'/g, 'ID')) as { query: string };
    return query;
  });
}

function mistakesIn(operation: string): readonly string[] {
  return validate(schema, parse(operation)).map(({ message }) => message);
}

describe.each(DOCUMENTS)('%s', (path) => {
  const text = readFileSync(path, 'utf8');

  test('its GraphQL fits the schema', () => {
    expect(blocksOf(text, 'graphql').flatMap(mistakesIn)).toEqual([]);
    expect(blocksOf(text, 'sh').flatMap(sentByCurl).flatMap(mistakesIn)).toEqual([]);
  });

  test('the npm scripts it names exist', () => {
    const named = [...text.matchAll(/npm run ([a-z][\w:-]*)/g)].map(([, name = '']) => name);
    const shortened = ['start', 'test', ...named];
    expect(shortened.filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
  });

  test('the files it names exist', () => {
    const named = [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g)].map(([, name = '']) => name);
    const folders = /^(bench|bin|client|db|docs|schema|scripts|server|test|\.ci)\//;
    const files = named.filter((name) => folders.test(name) || /^[A-Z]+\.md$/.test(name));
    expect(files.filter((name) => !existsSync(name))).toEqual([]);
  });
});

test('the README shows enough to check', () => {
  expect(blocksOf(readme, 'graphql').length).toBeGreaterThan(5);
  expect(blocksOf(readme, 'sh').flatMap(sentByCurl).length).toBeGreaterThan(5);
});

test('every setting is in the table of the README, and no other', () => {
  const [, section = ''] = readme.split('\n## Settings\n');
  const [table = ''] = section.split('\n## ');
  const told = [...table.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name);
  const config = readFileSync('server/config.ts', 'utf8');
  const read = [...config.matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(([, name]) => name);
  expect(new Set(told)).toEqual(new Set(read));
  expect(told.length).toBeGreaterThan(10);
});

test('every script is in the table of commands', () => {
  const [, section = ''] = readme.split('\n## Commands\n');
  const hidden = ['prestart', 'start', 'test'];
  const untold = Object.keys(manifest.scripts).filter(
    (name) => !hidden.includes(name) && !section.includes(`\`npm run ${name}\``),
  );
  expect(untold).toEqual([]);
});

test('every script of package.json runs a file that exists', () => {
  const scripts = Object.values(manifest.scripts).flatMap((line) => line.split(' '));
  const files = scripts.filter((word) => /^(bench|bin|scripts)\//.test(word));
  expect(files.filter((path) => !existsSync(path))).toEqual([]);
});

test('the example of a pools file names every key, and is one', () => {
  const [example = ''] = blocksOf(readFileSync('docs/pools-file.md', 'utf8'), 'yaml');
  const pools = parseYaml(example) as object[];
  expect(pools.map((pool) => createClusterPoolInput.safeParse(pool).error)).toEqual(
    pools.map(() => undefined),
  );
  const keys = new Set(pools.flatMap((pool) => Object.keys(pool)));
  expect(keys).toEqual(new Set(Object.keys(createClusterPoolInput.shape)));
});
