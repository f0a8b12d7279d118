import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openCatalogue } from '../../../../../server/providers/vm-host/image/catalogue.ts';

const folder = mkdtempSync(join(tmpdir(), 'yard-'));
const path = join(folder, 'images.yaml');
afterAll(() => rmSync(folder, { recursive: true }));

const read = (text: string, log: (line: string) => void = () => {}) => {
  writeFileSync(path, text);
  return openCatalogue(path, log);
};
const namesOf = (catalogue: ReturnType<typeof read>) => catalogue.entries().map(({ name }) => name);

test('the built-in images are there without a file, and beneath those of one', () => {
  const builtIn = ['base', 'games', 'productivity', 'ssh'];
  expect(namesOf(openCatalogue(undefined, () => {}))).toEqual(builtIn);
  const catalogue = read('images: { lab: { packages: [bc] }, games: { steps: [[touch, /g]] } }');
  expect(namesOf(catalogue)).toEqual(['base', 'productivity', 'ssh', 'lab', 'games']);
  expect(catalogue.entries().find(({ name }) => name === 'lab')).toEqual({
    name: 'lab',
    description: '',
    recipe: { parent: 'base', packages: ['bc'], files: {}, steps: [] },
  });
});

test.each([
  ['images:\n  lab:\n    steps:\n      - touch /x\n', 'line 4: images.lab.steps.0: must be a list'],
  ['images:\n  Lab: {}\n', 'cannot be the name of an image'],
  [
    'images:\n  lab:\n    packages: [bc, "-o"]\n',
    'line 3: images.lab.packages.1: must be the name',
  ],
  ['images:\n  lab:\n    parent: nowhere\n', 'line 3: lab: there is no image nowhere'],
  ['images:\n  a: {parent: b}\n  b: {parent: a}\n', 'line 2: a: it is built on itself'],
  ['images:\n  lab:\n    files:\n      /proc/x: y\n', 'line 4: lab: /proc/x lies where'],
  ['images:\n  lab:\n    files:\n      /a/../b: y\n', 'must be a plain path'],
  ['images:\n  lab:\n    colour: red\n', 'line 3: images.lab: Unrecognized key'],
  ['images: [', 'images.yaml: '],
])('a fault is told with its line: %j', (text, message) => {
  expect(() => read(text)).toThrow(message);
});

test('a file that is not there is told', () => {
  expect(() => openCatalogue(join(folder, 'none.yaml'), () => {})).toThrow('cannot be read');
});

test('a file that changes is read again; while it has a fault, what was right stays', () => {
  const lines: string[] = [];
  const catalogue = read('images: { one: {} }', (line) => lines.push(line));
  expect(namesOf(catalogue)).toContain('one');
  writeFileSync(path, 'images: { one: {}, second: {} }');
  expect(namesOf(catalogue)).toContain('second');
  writeFileSync(path, 'images: { one: {}, second: {}, "Third": {} }');
  expect(namesOf(catalogue)).toContain('second');
  expect(namesOf(catalogue)).toContain('second');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('the catalogue stays as it was');
});
