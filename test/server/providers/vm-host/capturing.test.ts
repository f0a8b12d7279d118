import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { takeStreams } from '../../../../server/providers/vm-host/cluster-stream.ts';
import {
  layDisk,
  layersFound,
  layersOfSet,
  layersOfVm,
} from '../../../../server/providers/vm-host/disk/layers.ts';
import {
  type Folders,
  makeFolders,
  draftFolder,
  vmFiles,
} from '../../../../server/providers/vm-host/folders.ts';
import type { Host } from '../../../../server/providers/vm-host/host.ts';
import { Links } from '../../../../server/providers/vm-host/links.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../../../server/providers/vm-host/settings.ts';
import { realWorld } from '../../../../server/world.ts';
import {
  type FakeVm,
  freeMiB,
  fakeHypervisor,
  fakeVm,
  mute,
  noteVm,
  notedVm,
} from '../../../kit/fake-hypervisor.ts';
import { microRef, microSet, stateFolder } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const settings = DEFAULT_VM_HOST_SETTINGS;
const world = realWorld();
const ref = microRef('used');
const source = { kind: 'CLUSTER', cluster: ref, inUse: true } as const;

let vm: FakeVm;
let folders: Folders;
let host: Host;
beforeEach(() => {
  vm = fakeVm();
  folders = makeFolders(stateFolder(), undefined);
  const hypervisor = fakeHypervisor(vm);
  const links = new Links(world, settings, hypervisor, folders, () => {});
  host = { world, settings, hypervisor, folders, imagesDir: folders.state, links, log: () => {} };
});
afterEach(async () => {
  await host.links.close();
  rmSync(folders.state, { recursive: true });
});

const take = (step = stepOf(1)) => takeStreams(host, source, microSet(1), step, (work) => work());
const folderFor = (name: string) => {
  const made = join(folders.state, name);
  mkdirSync(made);
  return made;
};
/** The VM as it is noted, with a disk of so many layers. */
function withLayers(count: number) {
  const { name } = noteVm(folders, ref, { fittings: mute(512) });
  const place = layersOfVm(vmFiles(folders, name).folder);
  for (let at = 0; at < count; at += 1) writeFileSync(place(at), `layer ${at}`);
  vm.layers = count;
  return place;
}

test('a disk that was captured with as many layers as may be can be restored', async () => {
  withLayers(22);
  const { streams } = await take();
  expect(streams[0]?.layers).toBe(22);
  // What is baked of it has one more, and one more than that whoever is restored from it.
  const below = layersOfVm(folderFor('baked'));
  for (let at = 0; at < 23; at += 1) writeFileSync(below(at), '');
  const lower = Array.from({ length: 23 }, (_, at) => below(at));
  const laid = await layDisk(lower, layersOfVm(folderFor('restored')), mute(512).disk);
  expect(laid).toHaveLength(24);
});

test('a disk with too many layers is refused before the VM stands still', async () => {
  const place = withLayers(23);
  await expect(take()).rejects.toThrow('has 23 layers');
  expect(vm.orders).toEqual([]);
  expect(existsSync(place(23))).toBe(false);
});

test('nobody stands still for a capture that may find no room', async () => {
  withLayers(1);
  const [memory = 0] = ref.vms.map(({ memoryMiB }) => memoryMiB);
  const all = 2 * memory + 256;
  freeMiB(all - 1);
  await expect(take()).rejects.toThrow(`it may take ${2 * memory} MiB`);
  await expect(take()).rejects.toMatchObject({ retryable: true });
  expect(vm.orders).toEqual([]);
  expect(existsSync(draftFolder(folders, microSet(1).id))).toBe(false);
  freeMiB(all);
  await take();
  // What is taken already takes no more room.
  freeMiB(all - memory);
  await take();
  expect(vm.orders).toEqual(['capture', 'resume']);
});

/** Another disk than the one VMs are on, where this machine has one. */
const OTHER_DISK = '/dev/shm';
const hasOtherDisk = existsSync(OTHER_DISK) && statSync(OTHER_DISK).dev !== statSync(tmpdir()).dev;

describe.runIf(hasOtherDisk)('with sets on another disk (needs /dev/shm)', () => {
  let sets: string;
  let kept: string[];
  beforeEach(() => {
    sets = mkdtempSync(join(OTHER_DISK, 'sets-'));
    cpSync(folders.sets, sets, { recursive: true });
    folders = makeFolders(folders.state, sets);
    host = { ...host, folders };
    kept = [];
    const draft = draftFolder(folders, microSet(1).id);
    const disks = () => readdirSync(draft).filter((name) => name.includes('.disk'));
    vm.instead = {
      resume: async () => {
        vm.orders.push('resume');
        kept = disks();
      },
    };
  });
  afterEach(() => rmSync(sets, { recursive: true }));

  test('the VM goes on before its disk is copied', async () => {
    withLayers(2);
    await take();
    expect(vm.orders).toEqual(['capture', 'resume']);
    expect(kept).toEqual([]);
    const place = layersOfSet(draftFolder(folders, microSet(1).id), 'STANDALONE');
    expect(layersFound(place).map((path) => readFileSync(path, 'utf8'))).toEqual([
      'layer 0',
      'layer 1',
    ]);
  });

  test('the copying is given up with the step, and leaves nothing', async () => {
    withLayers(2);
    const stop = new AbortController();
    vm.instead = { ...vm.instead, resume: async () => stop.abort(new Error('too late')) };
    await expect(take(stepOf(1, { signal: stop.signal }))).rejects.toThrow('given up');
    expect(readdirSync(draftFolder(folders, microSet(1).id))).toEqual(['manifest.json']);
    expect(notedVm(folders, ref.vms[0]?.name ?? '')).toMatchObject({ stoppedFor: null });
  });
});
