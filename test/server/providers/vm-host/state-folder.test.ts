import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProviderError } from '../../../../server/providers/provider.ts';
import { qemuAvailability } from '../../../../server/providers/qemu/availability.ts';
import {
  Accelerators,
  probe,
  probeFirmware,
} from '../../../../server/providers/qemu/accelerator.ts';
import { toldOfDisk, toldOfRoom } from '../../../../server/providers/vm-host/disk-trouble.ts';
import {
  makeFolders,
  publishFolder,
  vmFiles,
} from '../../../../server/providers/vm-host/folders.ts';
import { removeFolder, removeLeftovers } from '../../../../server/providers/vm-host/folders.ts';
import { findByArgument, isAlive, startOf } from '../../../../server/providers/vm-host/process.ts';
import { DEFAULT_QEMU_SETTINGS } from '../../../../server/providers/qemu/settings.ts';
import { lockState } from '../../../../server/providers/vm-host/state-lock.ts';
import { Turns } from '../../../../server/providers/vm-host/turns.ts';
import { realWorld } from '../../../../server/world.ts';
import { whyNoVms } from '../../../kit/qemu.ts';

const world = realWorld();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a folder is locked by one, given back, and taken over from the dead', () => {
  const unlock = lockState(world, folder);
  expect(() => lockState(world, folder)).toThrow('Another control plane');
  unlock();
  expect(readdirSync(folder)).toEqual([]);
  const dead = { pid: process.pid, startedAt: 'another time', token: 'x' };
  writeFileSync(join(folder, 'lock'), JSON.stringify(dead));
  const again = lockState(world, folder);
  expect(() => lockState(world, folder)).toThrow('Another control plane');
  again();
  writeFileSync(join(folder, 'lock'), 'torn');
  lockState(world, folder)();
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder appears whole, goes at once, and what a crash left is removed', async () => {
  const folders = makeFolders(folder, undefined);
  publishFolder(folders.vms, 'vm-1', (draft) => writeFileSync(join(draft, 'vm.json'), '{}'));
  expect(readdirSync(join(folders.vms, 'vm-1'))).toEqual(['vm.json']);
  await removeFolder(world, folders.vms, 'vm-1');
  await removeFolder(world, folders.vms, 'vm-1');
  for (const name of ['.new-vm-2', '.gone-abc']) mkdirSync(join(folders.vms, name));
  for (const name of ['.new-set-1', '.gone-abc']) mkdirSync(join(folders.sets, name));
  await removeLeftovers(folders);
  expect(readdirSync(folders.vms)).toEqual([]);
  expect(readdirSync(folders.sets)).toEqual(['.new-set-1']);
});

test('what cannot be stored leaves nothing, and is told as what people can mend', async () => {
  const folders = makeFolders(folder, undefined);
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  const fill = () => {
    throw full;
  };
  expect(() => publishFolder(folders.vms, 'vm-1', fill)).toThrow(full);
  expect(readdirSync(folders.vms)).toEqual([]);
  const told = toldOfDisk(full, folder);
  expect(told).toMatchObject({ retryable: true });
  expect(String(told)).toContain('no room left');
  const bug = new TypeError('no trouble with a disk');
  expect(toldOfDisk(bug, folder)).toBe(bug);
  const ended = new ProviderError('The VM ended', { retryable: true });
  expect(await toldOfRoom(ended, folder, [{ memoryMiB: 1 }])).toBe(ended);
  const tooMuch = [{ memoryMiB: 1_048_576 }];
  expect(String(await toldOfRoom(ended, folder, tooMuch))).toMatch(/ended; its memory .* room for/);
});

test('a name cannot lead out of the folder, nor a path be too long for a socket', () => {
  const folders = makeFolders(folder, undefined);
  for (const name of ['../x', 'a/b', '.new-x', '']) {
    expect(() => vmFiles(folders, name)).toThrow('cannot name a folder');
  }
  expect(() => vmFiles(folders, 'x'.repeat(75))).toThrow('too long for a socket');
});

test('a process is known by its start, not by its number alone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'named-for-a-test']);
  await once(child, 'spawn');
  const id = { pid: child.pid ?? 0, startedAt: startOf(child.pid ?? 0) ?? '' };
  expect(isAlive(id)).toBe(true);
  expect(isAlive({ ...id, startedAt: '1' })).toBe(false);
  expect(findByArgument('named-for-a-test')).toEqual(id);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(id)).toBe(false);
  expect(findByArgument('named-for-a-test')).toBeNull();
});

test('turns at one object follow each other, whatever becomes of them', async () => {
  const turns = new Turns();
  const told: string[] = [];
  const work = (name: string, ms: number) => async () => {
    await world.sleep(ms);
    told.push(name);
    if (name === 'bad') throw new Error('as expected');
  };
  const all = [turns.take('a', work('bad', 20)), turns.take('a', work('next', 0))];
  const elsewhere = turns.take('b', work('elsewhere', 0));
  await Promise.allSettled([...all, elsewhere]);
  await turns.idle();
  expect(told).toEqual(['elsewhere', 'bad', 'next']);
});

test('what is missing is told with what to do about it', async () => {
  const none = await qemuAvailability({ imageDir: folder, binary: 'no-such-qemu' });
  expect(none).toMatchObject({ available: false, why: 'no-such-qemu is not installed' });
});

const missing = await whyNoVms();

test.runIf(missing === null)(
  'an accelerator is trusted once it has run a guest (needs QEMU)',
  async () => {
    const firmware = join(folder, 'probe.rom');
    writeFileSync(firmware, probeFirmware());
    const { binary } = DEFAULT_QEMU_SETTINGS;
    expect(await probe(binary, 'tcg', firmware)).toBeNull();
    const told: string[] = [];
    const log = (line: string) => void told.push(line);
    const chosen = await Accelerators.choose(DEFAULT_QEMU_SETTINGS, folder, log);
    // Whichever it is on this host: without KVM the reason is told.
    expect(told).toHaveLength(chosen.current === 'kvm' ? 0 : 1);
    const again = await Accelerators.choose(DEFAULT_QEMU_SETTINGS, folder, log);
    expect(again.current).toBe(chosen.current);
    const forced = await Accelerators.choose(
      { ...DEFAULT_QEMU_SETTINGS, accel: 'tcg' },
      folder,
      log,
    );
    expect(forced.current).toBe('tcg');
    expect(forced.giveUp('it did not boot')).toBe(false);
  },
);

test.runIf(missing === null)('an image is missing until one is there (needs QEMU)', async () => {
  const none = await qemuAvailability({ imageDir: folder });
  expect(none).toMatchObject({ available: false, fix: 'npm run qemu:image' });
  const fetching = await qemuAvailability({ imageDir: folder, fetches: true });
  expect(fetching).toMatchObject({ available: true, image: null });
});
