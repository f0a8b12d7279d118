import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { makeFolders, vmFiles } from '../../../../../server/providers/vm-host/folders.ts';
import {
  inWorkFolder,
  sweepWork,
} from '../../../../../server/providers/vm-host/image/work-folder.ts';
import { newRecord, writeRecord } from '../../../../../server/providers/vm-host/vm-record.ts';
import { realWorld } from '../../../../../server/world.ts';

const images = mkdtempSync(join(tmpdir(), 'yard-'));
const world = realWorld();
afterAll(() => rmSync(images, { recursive: true }));

const LONG_AGO = new Date('2020-01-01');
const DEAD = { pid: 1, startedAt: 'never', token: '' };

function leave(name: string, when = LONG_AGO): void {
  mkdirSync(join(images, name));
  writeFileSync(join(images, name, 'lock'), JSON.stringify(DEAD));
  utimesSync(join(images, name), when, when);
}

test('what a dead build has left is removed, what is in use or just begun is not', async () => {
  leave('.work-dead');
  leave('.gone-half');
  leave('.work-just-died', new Date());
  mkdirSync(join(images, '.work-young'));
  leave('base@1');
  await inWorkFolder(world, images, async ({ state }) => {
    utimesSync(state, LONG_AGO, LONG_AGO);
    await sweepWork(world, images);
    expect(existsSync(state)).toBe(true);
  });
  expect(readdirSync(images).toSorted()).toEqual(['.work-young', 'base@1']);
});

test('VMs of a provider that died in such a folder are ended with it', async () => {
  leave('.work-captured');
  const uuid = '6f1ed002-ab5f-4b5a-9c32-0d7f1d6f9a01';
  const waits = 'setInterval(() => {}, 1_000_000)';
  const left = spawn(process.execPath, ['-e', waits, uuid], { stdio: 'ignore' });
  onTestFinished(() => void left.kill('SIGKILL'));
  await once(left, 'spawn');
  const folders = makeFolders(join(images, '.work-captured', '1'), undefined);
  mkdirSync(vmFiles(folders, 'set-1-s').folder);
  const owner = { kind: 'SET', id: '1', name: 'set 1', poolId: '' } as const;
  const of = { installation: 'i', fence: 1, owner, role: 'STANDALONE', name: 'set-1-s' } as const;
  const more = { uuid, setId: null, origin: 'COLD_BOOT', machineId: 'm' } as const;
  writeRecord(folders, newRecord({ ...of, ...more }));
  const ended = once(left, 'exit');
  await sweepWork(world, images);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(existsSync(join(images, '.work-captured'))).toBe(false);
});

test('a folder to work in is gone when the work has failed', async () => {
  const before = readdirSync(images);
  const failed = inWorkFolder(world, images, () => Promise.reject(new Error('no room')));
  await expect(failed).rejects.toThrow('no room');
  expect(readdirSync(images)).toEqual(before);
});
