import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Provider } from '../../../../server/providers/provider.ts';
import type { ExchangeSettings } from '../../../../server/providers/vm-host/image/exchange.ts';
import { planSteps, runSteps } from '../../../../scripts/snapshot-run.ts';
import { readOptions } from '../../../../scripts/snapshot-options.ts';
import { createQemuImageStore } from '../../../../server/providers/qemu/image-store.ts';
import { realWorld } from '../../../../server/world.ts';
import { baseImage, microRef, microSet, qemuOn, whyNoVms } from '../../../kit/qemu.ts';
import { stateFolder, tearDown } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';
import { type RealRegistry, startRegistry, whyNoRegistry } from './registry/real-registry.ts';

const missing = (await whyNoVms()) ?? whyNoRegistry() ?? null;
if (missing !== null) console.info(`no prebuilt sets are tested here: ${missing}`);

describe.runIf(missing === null)('prebuilt sets (needs QEMU)', { timeout: 60_000 }, () => {
  const world = realWorld();
  const images = mkdtempSync(join(tmpdir(), 'yard-'));
  const empty = mkdtempSync(join(tmpdir(), 'yard-'));
  const home = stateFolder();
  let registry: RealRegistry;
  let exchange: ExchangeSettings;
  const told: string[] = [];

  beforeAll(async () => {
    registry = await startRegistry();
    exchange = {
      repository: `${registry.host}/lab/images`,
      allowed: [],
      authFile: undefined,
      pullLimitBytes: 2 ** 30,
      diskSizeBytes: 2 ** 30,
      transferMs: 30_000,
    };
    const from = baseImage();
    cpSync(from.folder, join(images, basename(from.folder)), { recursive: true });
    const say = (line: string) => told.push(line);
    const catalogue = { entries: () => [{ ...ENTRY, description: '' }] };
    const argv = ['--build-snapshots', '--variant', 'lab', '--tag', 'lab-base'];
    const steps = planSteps(readOptions(argv, { ...exchange, tag: '' }), {
      entries: () => [BASE, ...catalogue.entries()],
    }).filter(({ name }) => !name.endsWith(' base') && !name.startsWith('push base'));
    await runSteps(steps, { world, imagesDir: images, catalogue, exchange, accel: 'tcg', say });
  }, 60_000);
  afterAll(async () => {
    await registry.close();
    for (const folder of [images, empty]) rmSync(folder, { recursive: true });
  });

  const on = (folder: string, more: Partial<{ repository: string; imageDir: string }> = {}) =>
    qemuOn(folder, {
      imageDir: more.imageDir ?? empty,
      prebuilt: {
        wanted: true,
        tag: 'lab-lab',
        repository: more.repository ?? exchange.repository,
        exchange: { ...exchange, repository: more.repository ?? exchange.repository },
      },
    });
  const make = (provider: Provider, number: number) =>
    provider.ensureSet({ kind: 'IMAGE' }, microSet(number), 'OFFLINE', stepOf(1));

  test('a machine without an image is served from what was captured elsewhere', async () => {
    expect(told.join('\n')).toMatch(/push lab as .*:lab-lab/);
    const provider = await on(home);
    const [captured] = await make(provider, 1);
    expect(captured?.made).toMatchObject({ source: 'PREBUILT', reason: null, image: 'lab@1' });
    expect(captured?.made?.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const ref = microRef('prebuilt-1');
    await provider.ensureCluster(ref, { kind: 'SET', set: microSet(1) }, stepOf(1));
    await provider.wake(ref, { id: 's1', owner: 'ada' }, stepOf(2));
    const { signal } = stepOf(1);
    const said = await provider.run({ cluster: ref, role: 'STANDALONE' }, ['cat', '/etc/lab'], {
      signal,
    });
    expect(said.stdout).toBe('prebuilt\n');
    // Another set of it fetches nothing twice, and the same set is told as it was made.
    const before = new Set(registry.fetched()).size;
    expect((await make(provider, 2))[0]?.made?.source).toBe('PREBUILT');
    expect(new Set(registry.fetched()).size).toBe(before);
    expect((await make(provider, 1))[0]).toEqual(captured);
    await tearDown(provider, home);
  });

  test('where it cannot be had the base image is used, or both are told', async () => {
    const folder = stateFolder();
    const nowhere = { repository: '127.0.0.1:9/lab/images' };
    const without = await on(folder, nowhere);
    await expect(make(without, 1)).rejects.toThrow(
      /there is no base image on this machine .*; the prebuilt snapshot could not be used: ./,
    );
    await without.close();
    const provider = await on(folder, { ...nowhere, imageDir: images });
    const [captured] = await make(provider, 1);
    expect(captured?.made?.source).toBe('IMAGE');
    expect(captured?.made?.image).toMatch(/^base@/);
    expect(captured?.made?.reason).toContain(`${nowhere.repository}:`);
    await tearDown(provider, folder);
  });

  test('a snapshot of another machine is not used, but its image is', async () => {
    const folder = stateFolder();
    const [bundle = ''] = readdirSync(join(empty, '.prebuilt'));
    const path = join(empty, '.prebuilt', bundle, 'bundle.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace(/QEMU \S+ on/, 'Another on'));
    const provider = await on(folder);
    const [captured] = await make(provider, 1);
    expect(captured?.made).toMatchObject({ source: 'IMAGE', image: 'lab@1' });
    expect(captured?.made?.reason).toContain('was captured on Another');
    await tearDown(provider, folder);
  });

  test('an image travels: published, listed, fetched as a version of another name', async () => {
    const store = (imageDir: string) =>
      createQemuImageStore({ world, stateDir: imageDir, imageDir, catalogue: undefined, exchange });
    const here = await store(images);
    const sent = await here.publish({ name: 'lab', imageVersion: 1 }, 'v2', stepOf(1));
    expect(await here.tags(stepOf(1).signal)).toEqual(['lab-lab', 'v2']);
    const there = await store(empty);
    const order = { name: 'copy', imageVersion: 7, parent: null, madeFor: 'a-row' };
    const from = { kind: 'REGISTRY', reference: 'v2' } as const;
    const kept = await there.ensureImage({ ...order, from }, stepOf(1));
    const [original] = (await here.list(stepOf(1).signal)).filter(({ name }) => name === 'lab');
    expect(kept).toMatchObject({ name: 'copy', imageVersion: 7, source: 'PULLED' });
    expect(kept.digest).toBe(original?.digest);
    expect(kept.compressedBytes).toBe(sent.compressedBytes);
    expect(original?.compressedBytes).toBe(sent.compressedBytes);
    expect(sent.compressedBytes).toBeLessThan(kept.sizeBytes);
  });
});

const BASE = {
  name: 'base',
  description: '',
  recipe: { parent: null, packages: [], files: {}, steps: [] },
};
const ENTRY = {
  name: 'lab',
  recipe: { parent: null, packages: [], files: { '/etc/lab': 'prebuilt\n' }, steps: [] },
};
