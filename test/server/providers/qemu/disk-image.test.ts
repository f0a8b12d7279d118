import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterRef, Provider } from '../../../../server/providers/provider.ts';
import {
  IMAGE_FORMAT,
  type ImageManifest,
} from '../../../../server/providers/vm-host/image-manifest.ts';
import { microRef, qemuOn, stateFolder, tearDown, whyNoVms } from '../../../kit/qemu.ts';
import { firstPicture } from '../../../kit/rfb.ts';
import { setRef, stepOf } from '../../../kit/simulator.ts';

const missing = await whyNoVms();
if (missing !== null) console.info(`no disk images are tried here: ${missing}`);

const MIB = 2 ** 20;
const EMPTY_OVERLAY = 4 * 65_536;

// A whole system: it says that it is up, then counts in the second sector with every tick.
const SYSTEM = [
  'fa 31c0 8ed8 8ec0 8ed0 bc007c fb', // no segments, a stack below us
  'be307c', // mov si, text
  'ac 84c0 7406 b40e cd10 ebf5', // next: print up to the zero
  'f4', // again: hlt, until the clock ticks
  'ff060080', // inc word [0x8000]
  'b80103 bb0080 b90200 ba8000 cd13', // write it to sector 2 of the first disk
  'ebeb', // jmp again
  '75702e00', // text: up.
].join('');

const old = (name: string): ClusterRef => {
  const ref = microRef(name);
  return { ...ref, vms: ref.vms.map((spec) => ({ ...spec, image: 'old@1' })) };
};
const setOf = (number: number) => setRef(old('any'), number, 'POOL');

describe.runIf(missing === null)('a disk image without an agent (needs QEMU)', () => {
  const folder = stateFolder();
  const images = stateFolder();
  const disk = systemDisk();
  let provider: Provider;

  beforeAll(async () => {
    writeImage(images, disk);
    provider = await qemuOn(folder, { imageDir: images });
    await provider.ensureSet({ kind: 'IMAGE' }, setOf(1), 'OFFLINE', stepOf(1));
  }, 60_000);
  afterAll(async () => {
    await tearDown(provider, folder);
    rmSync(images, { recursive: true });
  });

  const make = (ref: ClusterRef, set = setOf(1)) =>
    provider.ensureCluster(ref, { kind: 'SET', set }, stepOf(1));
  const wake = (ref: ClusterRef) =>
    provider.wake(ref, { id: `session of ${ref.name}`, owner: 'ada' }, stepOf(2));
  const inSet = (file: string, number = 1) => join(folder, 'sets', setOf(number).id, file);
  /** What the guest counted is on its own layer, so that layer grows. */
  const hasWritten = (ref: ClusterRef, layer = 'disk2') =>
    expect
      .poll(() => statSync(join(folder, 'vms', `vm-${ref.name}`, layer)).size, { timeout: 10_000 })
      .toBeGreaterThan(EMPTY_OVERLAY);

  test('is captured when its screen rests; clones have layers of their own', async () => {
    const before = sha256(readFileSync(inSet('standalone.disk1')));
    const [one, two] = [old('one'), old('two')];
    const made = await make(one);
    expect(made).toMatchObject({ marks: null, vms: [{ phase: 'PAUSED', answers: true }] });
    await make(two);
    await provider.mark(one, 'turn-1', stepOf(1));
    const woken = await wake(one);
    expect(woken.vms[0]).toMatchObject({ phase: 'RUNNING', answers: true, origin: 'WARM' });
    expect(woken.vms[0]?.message).toContain('keeps the identity');
    await hasWritten(one);
    await hasWritten(two);
    const { vms, marks } = await provider.look(one, stepOf(2).signal);
    expect(marks).toBeNull();
    const running = { exists: true, phase: 'RUNNING', answers: true, hasScreen: true };
    expect(vms[0]).toMatchObject(running);
    const vm = { cluster: one, role: 'STANDALONE' } as const;
    const asked = provider.run(vm, ['true'], { signal: stepOf(2).signal });
    await expect(asked).rejects.toThrow('There is no agent in vm-one');
    expect(sha256(readFileSync(inSet('standalone.disk1')))).toBe(before);
    expect(readFileSync(inSet('standalone.disk0')).equals(disk)).toBe(true);
    const reset = await provider.ensureReset(one, setOf(1), stepOf(3));
    expect(reset.sighting).toMatchObject({ marks: null, vms: [{ phase: 'PAUSED' }] });
  }, 60_000);

  test('its screen is seen by several, also of one that went on from a snapshot', async () => {
    const two = old('two');
    await wake(two);
    const vm = { cluster: two, role: 'STANDALONE' } as const;
    const open = () => provider.open(vm, 'VNC', stepOf(2).signal);
    const [first, second] = [await open(), await open()];
    for (const screen of [first, second]) {
      const { banner, width, height, pixels } = await firstPicture(screen);
      expect(banner).toBe('RFB 003.008\n');
      expect([width, height]).toEqual([720, 400]);
      expect(pixels).toHaveLength(width * height * 4);
      expect(pixels.some((value) => value > 0)).toBe(true);
    }
    expect(first.destroyed).toBe(false);
    const ends = [first, second].map((screen) => once(screen, 'close'));
    await provider.ensureReset(two, setOf(1), stepOf(3));
    await Promise.all(ends);
    await provider.wake(two, { id: 'the next', owner: 'bob' }, stepOf(3));
    const third = await open();
    expect((await firstPicture(third)).width).toBe(720);
    const closed = once(third, 'close');
    await provider.close();
    await closed;
    provider = await qemuOn(folder, { imageDir: images });
    expect((await firstPicture(await open())).width).toBe(720);
  }, 60_000);

  test('one in use is captured, too', async () => {
    const two = old('two');
    const source = { kind: 'CLUSTER', cluster: two, inUse: true } as const;
    await provider.ensureSet(source, setOf(2), 'ONLINE', stepOf(3));
    await hasWritten(two, 'disk3');
    const three = old('three');
    await make(three, setOf(2));
    await wake(three);
    await hasWritten(three, 'disk4');
  }, 60_000);
});

function systemDisk(): Buffer {
  const disk = Buffer.alloc(MIB);
  Buffer.from(SYSTEM.replaceAll(' ', ''), 'hex').copy(disk);
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}

function writeImage(images: string, disk: Buffer): void {
  const folder = join(images, 'old@1');
  mkdirSync(folder);
  writeFileSync(join(folder, 'disk'), disk);
  const file = { file: 'disk', format: 'raw', virtualBytes: MIB, bytes: MIB } as const;
  const manifest: ImageManifest = {
    format: IMAGE_FORMAT,
    name: 'old',
    imageVersion: 1,
    parent: null,
    arch: 'amd64',
    source: 'IMPORTED',
    digest: `sha256:${'0'.repeat(64)}`,
    programs: '',
    packages: [],
    contents: [],
    boot: {
      kind: 'DISK',
      disk: { ...file, sha256: sha256(disk) },
      machine: 'pc-i440fx-7.2',
      bus: 'IDE',
      video: 'std',
      ready: { quietSeconds: 1, minSeconds: 1, maxSeconds: 30 },
      agent: false,
    },
    sizeBytes: MIB,
    compressedBytes: null,
    createdAt: 0,
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
