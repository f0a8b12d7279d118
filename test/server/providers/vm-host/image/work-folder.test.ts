import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  inWorkFolder,
  sweepWork,
} from '../../../../../server/providers/vm-host/image/work-folder.ts';
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

test('a folder to work in is gone when the work has failed', async () => {
  const before = readdirSync(images);
  const failed = inWorkFolder(world, images, () => Promise.reject(new Error('no room')));
  await expect(failed).rejects.toThrow('no room');
  expect(readdirSync(images)).toEqual(before);
});
