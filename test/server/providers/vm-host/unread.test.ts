import fs, { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Folders } from '../../../../server/providers/vm-host/folders.ts';
import {
  listSetFolders,
  makeFolders,
  vmFiles,
} from '../../../../server/providers/vm-host/folders.ts';
import type { Host } from '../../../../server/providers/vm-host/host.ts';
import { readJson, writeJson } from '../../../../server/providers/vm-host/json-file.ts';
import { isAlive, startOf } from '../../../../server/providers/vm-host/process.ts';
import {
  MemoryProofs,
  readDevices,
  readSet,
} from '../../../../server/providers/vm-host/set-store.ts';
import { sightCluster } from '../../../../server/providers/vm-host/sight.ts';
import { newRecord, writeRecord } from '../../../../server/providers/vm-host/vm-record.ts';
import { microRef } from '../../../kit/qemu.ts';

/** What cannot be read is not gone: sessions are not ended for it, nor sets given up. */

let folder: string;
let folders: Folders;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'unread-'));
  folders = makeFolders(folder, undefined);
});
afterEach(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();
const CLUSTER = microRef('one');

/** From now on no file with such a path can be opened: this process has too many already. */
function outOfFiles(ending: string): void {
  const real = fs.readFileSync;
  const full = (path: unknown, ...rest: [never]) => {
    if (!String(path).endsWith(ending)) return real(path as string, ...rest);
    throw Object.assign(new Error(`EMFILE: too many open files, open '${String(path)}'`), {
      code: 'EMFILE',
    });
  };
  const restore = (to: typeof real) => {
    fs.readFileSync = to;
    syncBuiltinESMExports();
  };
  onTestFinished(() => restore(real));
  restore(full as typeof real);
}

/** A VM with a process, which is this test's own. */
function runningVm(): void {
  const [spec] = CLUSTER.vms;
  if (spec === undefined) throw new Error('no VM');
  const { id, name, poolId } = CLUSTER;
  const owner = { kind: 'CLUSTER', id, name, poolId } as const;
  const of = { installation: 'i', fence: 1, owner, role: spec.role, name: spec.name } as const;
  const made = newRecord({ ...of, uuid: 'u', setId: null, origin: 'COLD_BOOT', machineId: 'm' });
  mkdirSync(vmFiles(folders, spec.name).folder);
  const { pid } = process;
  writeRecord(folders, { ...made, process: { pid, startedAt: startOf(pid) ?? '' } });
}

const look = () => {
  const parts: Partial<Host> = { folders };
  return sightCluster(parts as Host, CLUSTER, signal, () => false);
};

test('a VM whose record or process cannot be read is not seen to be gone', async () => {
  expect((await look()).vms[0]).toMatchObject({ exists: false });
  runningVm();
  expect((await look()).vms[0]).toMatchObject({ exists: true, phase: 'STARTING' });
  outOfFiles('vm.json');
  await expect(look()).rejects.toMatchObject({ retryable: true });
  await expect(look()).rejects.toThrow(/vm\.json cannot be read: EMFILE/);
});

test('a process that cannot be asked for is not taken for one that has ended', async () => {
  runningVm();
  const startedAt = startOf(process.pid) ?? '';
  outOfFiles('/stat');
  await expect(look()).rejects.toMatchObject({ retryable: true });
  expect(() => isAlive({ pid: process.pid, startedAt })).toThrow(/cannot be read: EMFILE/);
});

test('JSON that is missing or torn is none; that is not said of what cannot be read', () => {
  const path = join(folder, 'a.json');
  expect(readJson(path)).toBeUndefined();
  expect(readJson(join(path, 'below.json'))).toBeUndefined();
  writeFileSync(path, '{"torn":');
  expect(readJson(path)).toBeUndefined();
  expect(readJson(join(path, 'below a file.json'))).toBeUndefined();
  writeJson(path, { a: 1 });
  expect(readJson(path)).toEqual({ a: 1 });
  outOfFiles('a.json');
  expect(() => readJson(path)).toThrow(/EMFILE/);
});

test('a set is lost when its files are not there, not when they cannot be read', async () => {
  const set = join(folders.sets, 'set-1');
  mkdirSync(set);
  const file = { bytes: 1, sha256: 'x' };
  const stored = { role: 'WORKER', machine: 'm', memory: file, devices: file } as const;
  const asked = [
    () => new MemoryProofs().prove(set, stored),
    () => readDevices(set, stored),
    // Its manifest, too, tells whether there is such a set.
    async () => readSet(folders, 'set-1'),
  ];
  const [memory, devices, manifest] = asked;
  await expect(memory?.()).rejects.toMatchObject({ lostSet: true });
  await expect(devices?.()).rejects.toMatchObject({ lostSet: true });
  expect(await manifest?.()).toBeNull();
  for (const name of ['worker.ram', 'worker.state', 'manifest.json']) {
    symlinkSync(name, join(set, name));
  }
  for (const ask of asked) {
    await expect(ask()).rejects.toMatchObject({ lostSet: false, retryable: true });
  }
});

test('what else lies on the disk of the sets is not asked what it is', () => {
  for (const name of ['set-1', '.new-set-2', '.gone-x', 'lost+found']) {
    mkdirSync(join(folders.sets, name));
  }
  const names = listSetFolders(folders).map((path) => path.slice(folders.sets.length + 1));
  expect(names).toEqual(['set-1', '.new-set-2']);
});
