import { expect } from 'vitest';
import type { RunResult } from '../../server/providers/provider.ts';
import { clusterRef } from '../../server/outside.ts';
import type { VmRole } from '../../schema/model/template.ts';
import type { Fleet } from '../kit/fleet.ts';
import { clusterOf } from '../kit/pool-under-test.ts';

/** A file that a session leaves behind. */
const LEFT = '/home/left-behind';

/** Runs a command in a guest of a cluster, as the provider runs it. */
export function runIn(
  fleet: Fleet,
  clusterId: string | null,
  role: VmRole,
  argv: readonly string[],
  stdin?: string,
): Promise<RunResult> {
  const row = clusterOf(fleet, clusterId);
  const cluster = fleet.store.read((db) => clusterRef(db, row));
  const { signal } = new AbortController();
  return fleet.done(fleet.provider.run({ cluster, role }, argv, { stdin, signal }));
}

/** Leaves something in both guests, as a session does. */
export async function dirty(fleet: Fleet, clusterId: string | null): Promise<void> {
  for (const role of ['CONTROL_PLANE', 'WORKER'] as const) {
    const { exitCode } = await runIn(fleet, clusterId, role, ['sudo', 'tee', LEFT], 'secret');
    expect(exitCode).toBe(0);
  }
}

/** Whether nothing of an earlier session is in either guest. */
export async function isClean(fleet: Fleet, clusterId: string | null): Promise<boolean> {
  for (const role of ['CONTROL_PLANE', 'WORKER'] as const) {
    const { exitCode } = await runIn(fleet, clusterId, role, ['sudo', 'cat', LEFT]);
    if (exitCode !== 1) return false;
  }
  return true;
}

/** The names of the objects of a kind, of one namespace or of all. */
export function namesOf({ kubernetes }: Fleet, kind: string, namespace?: string): string[] {
  return kubernetes.objects
    .list(kind, { namespace })
    .map(({ metadata }) => metadata.name)
    .toSorted();
}

/**
 * How many objects of each kind that work could leave are in a namespace. Not data volumes: a disk
 * that was restored has none any more.
 */
export function inventoryOf(fleet: Fleet, namespace: string): Record<string, number> {
  const kinds = [
    'VirtualMachine',
    'VirtualMachineInstance',
    'VirtualMachineRestore',
    'VirtualMachineSnapshot',
    'VirtualMachineSnapshotContent',
    'VolumeSnapshot',
    'PersistentVolumeClaim',
    'Secret',
    'Service',
    'ResourceQuota',
  ];
  return Object.fromEntries(kinds.map((kind) => [kind, namesOf(fleet, kind, namespace).length]));
}
