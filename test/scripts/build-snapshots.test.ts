import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openCatalogue } from '../../server/providers/vm-host/image/catalogue.ts';
import { ProviderError } from '../../server/providers/provider.ts';
import { realWorld } from '../../server/world.ts';
import { diskFolder } from '../kit/disks.ts';
import { readOptions, tagFor } from '../../scripts/snapshot-options.ts';
import { type PlannedStep, planSteps, runSteps } from '../../scripts/snapshot-run.ts';

const execute = promisify(execFile);
const NOWHERE = { repository: undefined, tag: 'win98-base' };
const HOME = { repository: 'registry.example.org/lab/images', tag: 'win98-base' };
const catalogue = openCatalogue(undefined, () => {});

const namesOf = (argv: string[], settings: Parameters<typeof readOptions>[1] = HOME) =>
  planSteps(readOptions(argv, settings), catalogue).map(({ name }) => name);

test('without a word all of the catalogue is built and sent to the place of the settings', () => {
  expect(namesOf([])).toEqual([
    ...['base', 'games', 'productivity', 'ssh'].map((name) => `build ${name}`),
    'push base as registry.example.org/lab/images:win98-base',
    'push games as registry.example.org/lab/images:win98-games',
    'push productivity as registry.example.org/lab/images:win98-productivity',
    'push ssh as registry.example.org/lab/images:win98-ssh',
  ]);
});

test('each option does what it says', () => {
  const argv = ['--build-snapshots', '--variant', 'games', '--registry', 'other.org/a/b'];
  expect(namesOf([...argv, '--tag', 'v1'], NOWHERE)).toEqual([
    'build base',
    'build games',
    'capture base',
    'capture games',
    'push base as other.org/a/b:v1',
    'push games as other.org/a/b:v1-games',
  ]);
  expect(namesOf(['--no-push', '--variant', 'ssh', '--variant', 'ssh'], NOWHERE)).toEqual([
    'build base',
    'build ssh',
    'pack base',
    'pack ssh',
  ]);
  expect(tagFor('v1.0.0', 'base')).toBe('v1.0.0');
});

test('a disk is imported under a name and sent under the tag; old machines are its default', () => {
  expect(namesOf(['--disk-image', '/d/Windows 98.vhd'])).toEqual([
    'import windows-98 from /d/Windows 98.vhd',
    'push windows-98 as registry.example.org/lab/images:win98-base',
  ]);
  const told = '--bus virtio --video cirrus --ready 5,2,60 --machine pc-q35-7.2 --name win';
  const argv = ['--disk-image', '/d/a.img', '--no-push', ...told.split(' ')];
  expect(namesOf(argv, NOWHERE)).toEqual(['import win from /d/a.img', 'pack win']);
  const plain = { machine: 'pc-i440fx-7.2', bus: 'IDE', video: 'std', agent: false };
  expect(readOptions(['--disk-image', '/d/a.img'], HOME).disk).toMatchObject(plain);
  expect(readOptions([...argv, '--with-agent'], HOME).disk).toEqual({
    name: 'win',
    path: '/d/a.img',
    machine: 'pc-q35-7.2',
    bus: 'VIRTIO',
    video: 'cirrus',
    ready: { minSeconds: 5, quietSeconds: 2, maxSeconds: 60 },
    agent: true,
  });
});

test.each([
  [['--machine', 'pc-i440fx-7.2'], 'says nothing without --disk-image'],
  [['--disk-image', '/d/98.img'], '--name'],
  [['--disk-image', '/d/a.img', '--name', 'A'], 'cannot be the name'],
  [['--disk-image', '/d/a.img', '--machine', 'pc'], 'no machine with its version'],
  [['--disk-image', '/d/a.img', '--machine', 'pc-q35-7.2,x=y'], 'no machine with its version'],
  [['--disk-image', '/d/a.img', '--bus', 'scsi'], '--bus is one of ide, virtio'],
  [['--disk-image', '/d/a.img', '--ready', '9,1,5'], '--ready is MIN,QUIET,MAX'],
  [['--disk-image', '/d/a.img', '--variant', 'games'], 'nothing of the catalogue'],
  [['--disk-image', '/d/a.img', '--build-snapshots'], 'a snapshot with a disk is not sent'],
  [['--disk-image', '/d/games.img'], 'an image of the catalogue'],
])('%j is refused of a disk', (argv, message) => {
  expect(() => namesOf(argv)).toThrow(message);
});

test.each([
  [['--registry'], 'argument missing'],
  [['--push'], 'Unknown option'],
  [['extra'], 'Unexpected argument'],
  [['--tag', 'a b'], 'cannot be a tag'],
  [['--variant', 'Games'], 'cannot be the name of an image'],
  [['--registry', 'https://x.org/a/b'], 'begins with a protocol'],
])('%j is refused', (argv, message) => {
  expect(() => readOptions(argv, HOME)).toThrow(message);
});

test('a place to send to must be named, and a variant be in the catalogue', () => {
  expect(() => readOptions([], NOWHERE)).toThrow('--no-push');
  expect(() => namesOf(['--variant', 'none'])).toThrow('there is no image none');
});

test('a dry run says the steps, an unknown flag ends with 1 and how it is used', async () => {
  const script = 'scripts/build-snapshots.ts';
  const dry = ['--dry-run', '--no-push', '--variant', 'games'];
  const { stdout } = await execute(process.execPath, ['bin/run.js', script, ...dry]);
  expect(stdout).toBe('1. build base\n2. build games\n3. pack base\n4. pack games\n');
  const bad = execute(process.execPath, ['bin/run.js', script, '--nonsense']);
  await expect(bad).rejects.toMatchObject({ code: 1 });
  await expect(bad).rejects.toThrow(/build:snapshots: Unknown option '--nonsense'/);
  await expect(bad).rejects.toThrow('--build-snapshots    also start');
});

test('a run that is stopped ends its step, begins no other and leaves nothing', async () => {
  const imagesDir = diskFolder();
  const stop = new AbortController();
  const reason = new ProviderError('stopped by SIGINT', { retryable: false });
  const begun: string[] = [];
  const step = (name: string, work: PlannedStep['work']): PlannedStep => ({
    name,
    work: (run) => {
      begun.push(name);
      return work(run);
    },
  });
  const steps = [
    step('capture one', async ({ folder, settings: { signal } }) => {
      mkdirSync(join(folder, '1'));
      if (signal === undefined) throw new Error('nobody could stop it');
      const stopped = once(signal, 'abort');
      stop.abort(reason);
      await stopped;
      throw signal.reason;
    }),
    step('capture other', () => Promise.resolve('')),
  ];
  const exchange = { repository: undefined, allowed: [], authFile: undefined };
  const limits = { pullLimitBytes: 1, diskSizeBytes: 1, transferMs: 1 };
  const running = runSteps(steps, {
    world: realWorld(),
    imagesDir,
    catalogue,
    exchange: { ...exchange, ...limits },
    accel: 'tcg',
    say: () => undefined,
    signal: stop.signal,
  });
  await expect(running).rejects.toThrow(/^step "capture one" failed after .* stopped by SIGINT$/);
  expect(begun).toEqual(['capture one']);
  expect(readdirSync(imagesDir)).toEqual([]);
});
