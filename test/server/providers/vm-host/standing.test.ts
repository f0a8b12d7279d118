import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Provider } from '../../../../server/providers/provider.ts';
import { ProviderError } from '../../../../server/providers/provider.ts';
import { type Folders, makeFolders } from '../../../../server/providers/vm-host/folders.ts';
import { createVmHost } from '../../../../server/providers/vm-host/provider.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../../../server/providers/vm-host/settings.ts';
import { realWorld } from '../../../../server/world.ts';
import { type FakeVm, fakeHypervisor, fakeVm } from '../../../kit/fake-hypervisor.ts';
import { freeMiB, mute, noteVm, notedVm } from '../../../kit/fake-hypervisor.ts';
import { microRef, microSet, stateFolder } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const ref = microRef('used');
const { signal } = stepOf(1);

let vm: FakeVm;
let folders: Folders;
let told: string[];
let provider: Provider;
beforeEach(async () => {
  vm = fakeVm();
  told = [];
  folders = makeFolders(stateFolder(), undefined);
  provider = await createVmHost({
    world: realWorld(),
    hypervisor: fakeHypervisor(vm),
    folders,
    unlock: () => {},
    imagesDir: folders.state,
    log: (line) => void told.push(line),
    settings: DEFAULT_VM_HOST_SETTINGS,
  });
});
afterEach(async () => {
  await provider.close();
  rmSync(folders.state, { recursive: true });
});

const look = async () => (await provider.look(ref, signal)).vms[0];
const noted = () => notedVm(folders, ref.vms[0]?.name ?? '');

describe('a VM that a capture left standing', () => {
  beforeEach(() => {
    noteVm(folders, ref, { stoppedFor: 'set-1', fittings: mute(512) });
    vm.status = 'postmigrate';
  });

  test('goes on when it is looked at', async () => {
    expect(await look()).toMatchObject({ phase: 'RUNNING', answers: true });
    expect(vm.orders).toEqual(['resume']);
    expect(noted()).toMatchObject({ stoppedFor: null });
    await look();
    expect(vm.orders).toEqual(['resume']);
  });

  test('does not answer while it cannot go on, which is tried again', async () => {
    const refused = new ProviderError('not yet', { retryable: true });
    vm.instead = { resume: () => Promise.reject(refused) };
    expect(await look()).toMatchObject({ answers: false, message: 'The VM is postmigrate' });
    expect(told).toEqual(['vm-used stands still: not yet']);
    await look();
    expect(told).toHaveLength(2);
    expect(noted()).toMatchObject({ stoppedFor: 'set-1' });
  });

  test('is let alone while it is captured', async () => {
    vm.status = 'running';
    const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
    const { promise: captured, reject: fail } = Promise.withResolvers<never>();
    const captureAll = () => {
      vm.status = 'postmigrate';
      isAsked();
      return captured;
    };
    vm.instead = { captureAll };
    const source = { kind: 'CLUSTER', cluster: ref, inUse: true } as const;
    const capture = provider.ensureSet(source, microSet(1), 'ONLINE', stepOf(1));
    await asked;
    expect(await look()).toMatchObject({ answers: true, message: 'The VM is being captured' });
    expect(vm.orders).toEqual([]);
    fail(new ProviderError('no more', { retryable: false }));
    await expect(capture).rejects.toThrow('no more');
    expect(await look()).toMatchObject({ phase: 'RUNNING', answers: true });
  });
});

describe('a VM that stands because the disk was full', () => {
  beforeEach(() => {
    noteVm(folders, ref, { fittings: mute(512) });
    vm.status = 'io-error';
  });

  test('goes on when there is room', async () => {
    expect(await look()).toMatchObject({ phase: 'RUNNING', answers: true });
    expect(vm.orders).toEqual(['resume']);
  });

  test('is told to stand while there is none', async () => {
    freeMiB(1);
    const message = 'The VM stands still until there is room on the disk';
    expect(await look()).toMatchObject({ phase: 'PAUSED', answers: false, message });
    expect(vm.orders).toEqual([]);
  });
});
