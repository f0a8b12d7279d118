import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdLockFile } from '../../db/lock-file.ts';

// Each start that README lists under "When it does not start": one line, and the process ends.

/** How a start ended, and what it said on standard error. */
interface Refused {
  readonly code: unknown;
  readonly said: string;
}

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'snapyard-refused-'))));
afterAll(() => rmSync(folder, { recursive: true }));

function start(settings: Readonly<Record<string, string>>): Promise<Refused> {
  const here = { SNAPYARD_DB: join(folder, 'a.db'), SNAPYARD_STATE: join(folder, 'vms') };
  const env = { PATH: process.env['PATH'], SNAPYARD_PORT: '0', SNAPYARD_LOG: 'silent', ...here };
  const options = { env: { ...env, ...settings }, timeout: 15_000 };
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/snapyard.js'], options, (error, _out, said) => {
      resolve({ code: error?.code, said });
    });
  });
}

function fileWith(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const REFUSED: readonly (readonly [settings: Readonly<Record<string, string>>, line: string])[] = [
  [{ IRONCLAW_POOL_SIZE: '21' }, 'IRONCLAW_POOL_SIZE is "21": must be a whole number from 1 to 20'],
  [{ SNAPYARD_HOST: '0.0.0.0' }, 'can be reached by others, and there are no tokens'],
  [{ SNAPYARD_DB: '/dev/null/a.db' }, 'the database /dev/null/a.db cannot be opened: '],
];

test.each(REFUSED)('%j stops the start with one line', async (settings, line) => {
  const { code, said } = await start(settings);
  expect(said).toMatch(/^snapyard: [^\n]+\n$/);
  expect(said).toContain(line);
  expect(code).toBe(1);
});

test('a provider that the pools file made up stops it', async () => {
  const pools = fileWith('pools.yaml', '- name: lab\n  provider: VMWARE\n');
  const { code, said } = await start({ SNAPYARD_POOLS: pools });
  expect(said).toMatch(/^snapyard: SNAPYARD_POOLS: pool 1 of .+: provider: [^\n]+\n$/);
  expect(code).toBe(1);
});

test('a second server on the same database stops', async () => {
  const path = join(folder, 'held.db');
  const lock = holdLockFile(path);
  const { code, said } = await start({ SNAPYARD_DB: path });
  lock.release();
  expect(said).toBe(`snapyard: another server is using the database ${path}\n`);
  expect(code).toBe(1);
});

test('a port that is taken stops it, though all else was open by then', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const { code, said } = await start({ SNAPYARD_PORT: String(port) });
  taken.close();
  await once(taken, 'close');
  expect(said).toMatch(/^snapyard: [^\n]*EADDRINUSE[^\n]*\n$/);
  expect(code).toBe(1);
});
