import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageRecipe, ImageStore } from '../../../../../server/providers/image-store.ts';
import { readCpio } from '../../../../../server/providers/vm-host/image/cpio.ts';
import { bootFiles, findImage } from '../../../../../server/providers/vm-host/image-manifest.ts';
import { baseImage, imagesOn, whyNoVms } from '../../../../kit/qemu.ts';
import { stepOf } from '../../../../kit/simulator.ts';

const missing = await whyNoVms();
if (missing !== null) console.info(`no images are built here: ${missing}`);

const RECIPE: ImageRecipe = {
  parent: 'base',
  packages: [],
  files: { '/opt/hello': '#!/bin/sh\necho hello "$1"\n', '/opt/gone': 'x' },
  steps: [
    ['sh', '-c', '/opt/hello "$0" > /etc/greeting', 'two words'],
    ['sh', '-c', 'rm /opt/gone /bin/vi && mkdir -m 700 /srv && ln -s /etc/greeting /srv/g'],
  ],
};

describe.runIf(missing === null)('images (needs QEMU)', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'yard-'));
  let store: ImageStore;
  let base: { name: string; imageVersion: number };

  beforeAll(async () => {
    base = { name: 'base', imageVersion: baseImage().imageVersion };
    store = await imagesOn(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const build = (name: string, imageVersion: number, recipe: ImageRecipe, step = stepOf(1)) => {
    const from = { kind: 'RECIPE', recipe } as const;
    return store.ensureImage({ name, imageVersion, parent: base, madeFor: 'a-row', from }, step);
  };
  const here = () => readdirSync(folder).filter((name) => !name.startsWith('accel'));

  test('a variant is its parent and what the recipe and its steps made of it', async () => {
    const phases: string[] = [];
    const step = { ...stepOf(1), progress: (name: string) => phases.push(name) };
    const one = await build('lab', 1, RECIPE, step);
    expect(phases.map((name) => name.slice(0, 14))).toEqual(
      ['fetch packages', 'start parent', 'step 1: sh -c ', 'step 2: sh -c '].concat(
        'take changes',
        'pack',
      ),
    );
    const image = findImage(folder, 'lab');
    const parent = findImage(folder, 'base');
    const files = (of: typeof image) =>
      of && bootFiles(of.boot).map(({ name }) => join(of.folder, name));
    const [, shared, own = ''] = files(image) ?? [];
    expect(statSync(shared ?? '').ino).toBe(statSync(files(parent)?.[1] ?? '').ino);
    const layer = readCpio(readFileSync(own));
    expect([...layer.keys()]).toEqual([
      'etc/greeting',
      'lib/snapyard/removed',
      'opt',
      'opt/hello',
      'srv',
      'srv/g',
    ]);
    const text = (path: string) => {
      const entry = layer.get(path);
      return entry?.kind === 'FILE' ? Buffer.from(entry.data).toString() : entry;
    };
    expect(text('etc/greeting')).toBe('hello two words\n');
    expect(text('lib/snapyard/removed')).toBe('bin/vi\0');
    expect(text('srv')).toMatchObject({ kind: 'FOLDER', mode: 0o700 });
    expect(one).toMatchObject({ parent: base, source: 'BUILT', arch: 'amd64' });
    expect(one.sizeBytes).toBeLessThan(parent?.sizeBytes ?? 0);
    expect(one.contents).toContain('file /opt/hello');
    // The same again is the same content under another number.
    const two = await build('lab', 2, RECIPE);
    expect(two.digest).toBe(one.digest);
    expect(two.digest).not.toBe(parent?.digest);
    expect(findImage(folder, 'lab')?.imageVersion).toBe(2);
    expect(findImage(folder, 'lab@1')?.digest).toBe(one.digest);
    expect(await build('lab', 2, RECIPE)).toEqual(two);
  });

  test('a build that fails leaves nothing, and says at which step and why', async () => {
    const before = here();
    const steps = [['true'], ['sh', '-c', 'echo first; echo no room >&2; exit 3']];
    const failed = build('bad', 1, { ...RECIPE, steps });
    await expect(failed).rejects.toThrow(/^step 2: sh -c .* ended with 3: no room$/);
    const nothing = build('bad', 1, { ...RECIPE, files: {}, steps: [] });
    await expect(nothing).rejects.toThrow(`bad would be the same as base@${base.imageVersion}`);
    const unknown = build('bad', 1, { ...RECIPE, packages: ['no-such-package'] });
    await expect(unknown).rejects.toThrow('apt knows no package no-such-package');
    const orphan = store.ensureImage(
      {
        name: 'bad',
        imageVersion: 1,
        parent: { name: 'lab', imageVersion: 99 },
        madeFor: 'a-row',
        from: { kind: 'RECIPE', recipe: RECIPE },
      },
      stepOf(1),
    );
    await expect(orphan).rejects.toThrow('There is no image lab@99');
    const givenUp = new AbortController();
    const endless = build(
      'bad',
      1,
      { ...RECIPE, steps: [['true']] },
      {
        ...stepOf(1),
        signal: givenUp.signal,
        progress: (name) => name === 'start parent' && givenUp.abort(),
      },
    );
    await expect(endless).rejects.toThrow();
    expect(here()).toEqual(before);
  });

  test('a version that is removed is gone, and absence is success', async () => {
    await store.remove({ name: 'lab', imageVersion: 2 }, stepOf(1));
    await store.remove({ name: 'lab', imageVersion: 2 }, stepOf(1));
    expect((await store.list(stepOf(1).signal)).map(({ name }) => name)).not.toContain('lab@2');
    expect(findImage(folder, 'lab')?.imageVersion).toBe(1);
  });
});
