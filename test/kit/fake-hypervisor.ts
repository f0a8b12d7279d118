import fs, { writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { duplexPair } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { ClusterRef } from '../../server/providers/provider.ts';
import type { Fittings } from '../../server/providers/vm-host/fittings.ts';
import { type Folders, publishFolder } from '../../server/providers/vm-host/folders.ts';
import type { Control, Hypervisor } from '../../server/providers/vm-host/hypervisor.ts';
import { writeJson } from '../../server/providers/vm-host/json-file.ts';
import { manifestFile, newSet } from '../../server/providers/vm-host/set-store.ts';
import { startOf } from '../../server/providers/vm-host/process.ts';
import { type VmRecord, newRecord, readRecord } from '../../server/providers/vm-host/vm-record.ts';

/** A VM that is only told of. What it was told to do is written down. */
export interface FakeVm {
  readonly orders: string[];
  status: string;
  /** Of its disk. */
  layers: number;
  /** What a test wants to go another way. */
  instead: Partial<Control>;
}

/** The one VM there is, which has no process but that of the test: it must never be removed. */
export function fakeVm(): FakeVm {
  return { orders: [], status: 'running', layers: 1, instead: {} };
}

/** A hypervisor of that VM. Its guest has no agent, so that there is nobody to speak with. */
export function fakeHypervisor(vm: FakeVm): Hypervisor {
  const turn = (order: string, status: string) => {
    vm.orders.push(order);
    vm.status = status;
    return Promise.resolve();
  };
  return {
    kind: 'QEMU',
    program: 'none',
    version: '1',
    capturesRunning: true,
    fits: true,
    streams: ['SERIAL', 'VNC'],
    worksInFolder: false,
    argumentsFor: () => [],
    describeMachine: () => 'a machine',
    control: () => Promise.resolve({ ...controlOf(vm, turn), ...vm.instead }),
    agentSocket: () => Promise.resolve(duplexPair()[0]),
    confirmBoot: () => {},
    giveUp: () => false,
  };
}

function controlOf(vm: FakeVm, turn: (order: string, status: string) => Promise<void>): Control {
  const file = { bytes: 0, sha256: '' };
  const done = () => Promise.resolve();
  return {
    begin: done,
    booted: done,
    restore: done,
    quit: done,
    guestEnd: done,
    status: () => Promise.resolve(vm.status),
    resume: () => turn('resume', 'running'),
    pause: () => turn('pause', 'paused'),
    capture: () => Promise.resolve(file),
    captureAll: async ({ file: path }) => {
      writeFileSync(path, '');
      await turn('capture', 'paused');
      vm.layers += 1;
      return file;
    },
    layerCount: () => Promise.resolve(vm.layers),
    console: () => Promise.resolve(''),
    onClose: () => {},
    close: () => {},
  };
}

/** Notes the first VM of a cluster as one that was made from a set, and was handed over. */
export function noteVm(
  folders: Folders,
  cluster: ClusterRef,
  given: Partial<VmRecord> = {},
): VmRecord {
  const { id, name, poolId } = cluster;
  const setId = noteSet(folders, poolId);
  const made = newRecord({
    installation: 'installation-1',
    fence: 1,
    owner: { kind: 'CLUSTER', id, name, poolId },
    role: 'STANDALONE',
    name: cluster.vms[0]?.name ?? '',
    uuid: `uuid-of-${name}`,
    setId,
    origin: 'WARM',
    machineId: '',
  });
  const process_ = { pid: process.pid, startedAt: startOf(process.pid) ?? '' };
  const record = { ...made, process: process_, state: 'AWAKE', ...given } as const;
  publishFolder(folders.vms, record.name, (draft) => writeJson(`${draft}/vm.json`, record));
  return record;
}

function noteSet(folders: Folders, poolId: string): string {
  const object = { kind: 'SET', id: 'made-from', name: 'the set', poolId } as const;
  const { id } = object;
  const made = { installation: 'installation-1', object, image: 'base@1', createdAt: 0 };
  const set = newSet({ ...made, hypervisor: 'a fake' });
  publishFolder(folders.sets, id, (draft) => writeJson(manifestFile(draft), set));
  return id;
}

/** What is noted of a VM now. */
export function notedVm(folders: Folders, name: string): VmRecord | null {
  return readRecord(folders, name);
}

/** What a guest without an agent has, on a disk of so many bytes. */
export function mute(bytes: number): Fittings {
  const platform = { machine: 'pc', video: 'std', agent: false } as const;
  return { disk: { bytes, bus: 'VIRTIO', format: 'qcow2' }, platform };
}

/** Until the test ends there is so much room on every disk. */
export function freeMiB(mib: number): void {
  const { promises } = fs;
  const real = promises.statfs;
  const become = (statfs: unknown) => {
    Object.assign(promises, { statfs });
    syncBuiltinESMExports();
  };
  onTestFinished(() => become(real));
  become(() => Promise.resolve({ bavail: mib, bsize: 2 ** 20 }));
}
