import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { untilScreenIsQuiet } from '../../../../server/providers/vm-host/quiet-screen.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../../../server/providers/vm-host/settings.ts';
import { makeFolders, vmFiles } from '../../../../server/providers/vm-host/folders.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

const state = mkdtempSync(join(tmpdir(), 'yard-'));
afterAll(() => rmSync(state, { recursive: true }));

const READY = { quietSeconds: 5, minSeconds: 10, maxSeconds: 60 };

/** How many seconds a guest takes whose screen shows this, second by second. */
async function secondsOf(screen: (second: number) => string, ready = READY) {
  const world = virtualWorld({ seed: 1 });
  const folders = makeFolders(state, undefined);
  mkdirSync(vmFiles(folders, 'vm-old').folder, { recursive: true });
  const told: string[] = [];
  const log = (line: string) => void told.push(line);
  const picture = async (file: string) => writeFileSync(file, screen(world.elapsed() / 1000));
  const settings = DEFAULT_VM_HOST_SETTINGS;
  const waiting = untilScreenIsQuiet(
    { world, folders, settings, log },
    { record: { name: 'vm-old' }, link: { control: { picture } } },
    ready,
    new AbortController().signal,
  );
  await world.finish(waiting, { withinMs: 120_000 });
  return { seconds: world.elapsed() / 1000, told };
}

test('a screen that shows nothing new is at rest, though not before the least time', async () => {
  expect(await secondsOf(() => 'desktop')).toEqual({ seconds: 10, told: [] });
  const booting = (second: number) => (second < 20 ? `booting ${second}` : 'desktop');
  // The first picture of the desktop is taken at 20 s; one of before may be left in the window.
  expect((await secondsOf(booting)).seconds).toBeGreaterThanOrEqual(24.5);
  expect((await secondsOf(booting)).seconds).toBeLessThanOrEqual(25);
});

test('a cursor that blinks is at rest, a picture that moves is not', async () => {
  expect((await secondsOf((second) => `cursor ${second % 1}`)).seconds).toBe(10);
  const { seconds, told } = await secondsOf((second) => `clouds ${second}`);
  expect(seconds).toBe(60);
  expect(told).toEqual(['vm-old: its screen never rests; after 60 s it is taken']);
});
