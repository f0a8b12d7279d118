import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  Exchange,
  type ExchangeTask,
  sweepPulls,
} from '../../../../../server/providers/vm-host/image/exchange.ts';
import { ProviderError } from '../../../../../server/providers/provider.ts';
import { openPrebuilt } from '../../../../../server/providers/vm-host/prebuilt-set.ts';
import { isAlive, startOf } from '../../../../../server/providers/vm-host/process.ts';
import { diskFolder } from '../../../../kit/disks.ts';
import { stepOf } from '../../../../kit/simulator.ts';
import { noise } from '../registry/bundles.ts';
import { type RealRegistry, startRegistry, whyNoRegistry } from '../registry/real-registry.ts';
import { settingsFor, smallImage, world } from './small-images.ts';

const SOURCE = join(import.meta.dirname, '../../../../../server');
const pullsOf = (imagesDir: string) => readdirSync(join(imagesDir, '.pulls'));

describe.skipIf(whyNoRegistry())('images that travel (needs skopeo and docker-registry)', () => {
  let real: RealRegistry;
  beforeAll(async () => {
    real = await startRegistry();
  });
  afterAll(() => real.close());
  beforeEach(() => {
    real.holdIf = () => false;
    real.seen.length = 0;
  });

  /** An image in a repository of its own, and an empty folder on another machine. */
  async function published(repository: string) {
    const settings = settingsFor(`${real.host}/lab/${repository}`);
    const elsewhere = diskFolder();
    const image = await smallImage(elsewhere, 'games', [noise(1, 65_536).toString('hex')]);
    await new Exchange(world, elsewhere, settings).publish(image, 'v1', stepOf(1));
    real.seen.length = 0;
    const imagesDir = diskFolder();
    const fetch = (reference: string, into: string, more: Partial<ExchangeTask> = {}) => {
      const exchange = new Exchange(world, imagesDir, settings);
      return exchange.fetch(reference, into, { ...stepOf(1), ...more });
    };
    return { settings, imagesDir, fetch, address: `${settings.repository}:v1` };
  }

  test('two who fetch one image, by its tag and by its address, take turns', async () => {
    const { imagesDir, fetch, address } = await published('turns');
    const work = diskFolder();
    await Promise.all([fetch('v1', join(work, 'a')), fetch(address, join(work, 'b'))]);
    const asked = real.seen.flatMap(({ path }, at) => (path.endsWith('/manifests/v1') ? at : []));
    const came = real.seen.flatMap(({ path }, at) => (path.includes('/blobs/') ? at : []));
    // The second asks when the last blob of the first, which is half of all, is here.
    expect(asked).toHaveLength(2);
    expect(asked[1]).toBeGreaterThan(came[came.length / 2 - 1] ?? Infinity);
    expect(pullsOf(imagesDir)).toEqual([]);
  });

  test('what a killed server has left writing is ended before the fetch goes on', async () => {
    const { settings, imagesDir, fetch } = await published('killed');
    const work = diskFolder();
    let begun = 0;
    // What is asked for before the copying is answered.
    real.holdIf = ({ path }) => path.includes('/blobs/') && (begun += 1) > 1;
    const files = ['providers/vm-host/image/exchange.ts', 'world.ts'];
    const [exchange, clock] = files.map((file) => JSON.stringify(join(SOURCE, file)));
    const given = [imagesDir, settings].map((value) => JSON.stringify(value)).join();
    const program = `import { Exchange } from ${exchange}; import { realWorld } from ${clock};
      const task = { signal: new AbortController().signal, progress() {} };
      await new Exchange(realWorld(), ${given}).fetch('v1', '/nowhere', task);`;
    const argv = ['--input-type=module', '-e', program];
    const server = spawn(process.execPath, argv, { stdio: 'inherit' });
    await real.held();
    const left = skopeosBelow(imagesDir);
    expect(left).toHaveLength(1);
    const ended = new Promise((resolve) => server.once('close', resolve));
    server.kill('SIGKILL');
    await ended;
    expect(left.every(isAlive)).toBe(true);
    real.holdIf = () => false;
    await fetch('v1', join(work, 'files'));
    expect(left.some(isAlive)).toBe(false);
    expect(readdirSync(join(work, 'files'))).toContain('vmlinux');
  });

  test('a set from elsewhere is kept; its bundle is not, and not fetched again', async () => {
    const { settings, imagesDir, address } = await published('prebuilt');
    const wanted = { wanted: true, repository: settings.repository, tag: 'v1' };
    const prebuilt = openPrebuilt(world, imagesDir, { ...wanted, exchange: settings });
    const first = await prebuilt.fetch(address, stepOf(1));
    expect(first.image.name).toBe('games');
    expect(pullsOf(imagesDir)).toEqual([]);
    real.seen.length = 0;
    expect(await prebuilt.fetch(address, stepOf(1))).toEqual(first);
    expect(real.fetched()).toEqual([]);
  });

  test.each([
    ['stays where it is tried again', true],
    ['goes where it is not', false],
  ])('what came of a fetch that is given up %s', async (_title, retryable) => {
    const { imagesDir, fetch } = await published('given-up');
    real.holdIf = ({ path }) => path.includes('/blobs/') && real.fetched().length > 1;
    const given = new AbortController();
    const fetching = fetch('v1', join(diskFolder(), 'files'), { signal: given.signal });
    await real.held();
    given.abort(new ProviderError('no more of it', { retryable }));
    await expect(fetching).rejects.toThrow('no more of it');
    expect(pullsOf(imagesDir)).toHaveLength(retryable ? 1 : 0);
  });

  test('what was fetched and never used is removed after a day', async () => {
    const imagesDir = diskFolder();
    const [old, young] = ['a', 'b'].map((name) => join(imagesDir, '.pulls', name.repeat(32)));
    for (const folder of [old, young]) mkdirSync(join(folder ?? '', 'blobs'), { recursive: true });
    const dayAgo = world.now() / 1_000 - 90_000;
    utimesSync(old ?? '', dayAgo, dayAgo);
    await sweepPulls(world, imagesDir);
    expect(existsSync(old ?? '')).toBe(false);
    expect(pullsOf(imagesDir)).toEqual(['b'.repeat(32)]);
  });
});

/** The skopeos that write below a folder. */
function skopeosBelow(folder: string) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((name) => {
    const startedAt = startOf(Number(name));
    const isOne = startedAt !== null && cwdOf(name).startsWith(folder);
    return isOne ? [{ pid: Number(name), startedAt }] : [];
  });
}

function cwdOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
