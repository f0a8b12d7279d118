import { describe, expect, it, vi } from 'vitest';
import { findVmsOfCluster } from '../../db/vm-handle.ts';
import type { Fleet } from '../kit/fleet.ts';
import {
  claim,
  clusterOf,
  HOUR,
  MINUTE,
  poolOf,
  release,
  served,
  sessionOf,
  until,
} from '../kit/pool-under-test.ts';
import type { KubeObject } from '../kubernetes/ports.ts';
import { inventoryOf, isClean, namesOf } from './deeds.ts';
import { fleetPerTest } from './fleet-per-test.ts';

/** What a server does about what it finds: after a long absence, or with another database. */

vi.setConfig({ testTimeout: 120_000 });

const open = fleetPerTest();

async function fleetOf(size: number): Promise<Fleet> {
  const fleet = await open();
  await fleet.addPool({ name: 'lab', size });
  await fleet.settled('lab', size);
  return fleet;
}

function find({ kubernetes }: Fleet, kind: string, name: string, namespace?: string): KubeObject {
  const found = kubernetes.objects.get(kind, namespace, name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

const uidsOf = ({ kubernetes }: Fleet, kind: string, namespace?: string) =>
  kubernetes.objects
    .list(kind, { namespace })
    .map(({ metadata }) => metadata.uid)
    .toSorted();

/** Somebody takes a VM away and brings another of another name, with the same disk and labels. */
function rename(fleet: Fleet, namespace: string, from: string, to: string): void {
  const { objects } = fleet.kubernetes;
  const { metadata, spec, kind } = find(fleet, 'VirtualMachine', from, namespace);
  const { labels, annotations } = metadata;
  objects.remove(find(fleet, 'VirtualMachine', from, namespace));
  objects.create(kind, {
    metadata: {
      name: to,
      namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    },
    spec,
  });
}

/** The VMs of a cluster as its rows name them. */
function vmNamesOf(fleet: Fleet, namespace: string): string[] {
  const row = fleet.members('lab').find((cluster) => cluster.namespace === namespace);
  const handles = fleet.store.read((db) => findVmsOfCluster(db, row?.id ?? ''));
  return handles.map(({ name }) => name).toSorted();
}

function unlabel(fleet: Fleet, object: KubeObject): void {
  fleet.kubernetes.objects.update(object, (now) => ({
    ...now,
    metadata: { ...now.metadata, labels: {} },
  }));
}

describe('a server that was away', () => {
  it('finds VMs stopped, gone, renamed and without labels, and has them well again', async () => {
    const fleet = await fleetOf(4);
    const { objects } = fleet.kubernetes;
    fleet.kill();
    objects.update(find(fleet, 'VirtualMachine', 'cp-lab-1', 'lab-1'), (vm) => ({
      ...vm,
      spec: { ...(vm.spec as object), runStrategy: 'Halted' },
    }));
    objects.remove(find(fleet, 'VirtualMachine', 'wk-lab-2', 'lab-2'));
    rename(fleet, 'lab-3', 'wk-lab-3', 'worker-of-somebody');
    unlabel(fleet, find(fleet, 'VirtualMachine', 'wk-lab-4', 'lab-4'));
    await fleet.world.advance(24 * HOUR);
    fleet.restart();
    await fleet.world.advance(MINUTE);
    await fleet.settled('lab', 4);
    expect(vmNamesOf(fleet, 'lab-3')).toEqual(['cp-lab-3', 'worker-of-somebody']);
    for (const { namespace } of fleet.members('lab')) {
      expect(namesOf(fleet, 'VirtualMachine', namespace)).toEqual(vmNamesOf(fleet, namespace));
      expect(namesOf(fleet, 'VirtualMachineInstance', namespace)).toHaveLength(2);
      expect(namesOf(fleet, 'PersistentVolumeClaim', namespace)).toHaveLength(2);
    }
  });

  it('mends services and quotas at the next reset', async () => {
    const fleet = await fleetOf(1);
    const { objects } = fleet.kubernetes;
    const before = inventoryOf(fleet, 'lab-1');
    fleet.kill();
    objects.remove(find(fleet, 'Service', 'worker', 'lab-1'));
    objects.remove(find(fleet, 'ResourceQuota', 'session-quota', 'lab-1'));
    await fleet.world.advance(24 * HOUR);
    fleet.restart();
    await release(fleet, await served(fleet, await claim(fleet, 'lab')));
    await fleet.settled('lab', 1);
    expect(inventoryOf(fleet, 'lab-1')).toEqual(before);
  });
});

describe('a server with another database', () => {
  it('leaves alone what belongs to another installation, and says whose place it is', async () => {
    const fleet = await fleetOf(1);
    const before = [uidsOf(fleet, 'Namespace'), uidsOf(fleet, 'VirtualMachine')];
    fleet.restart('NEW');
    await fleet.addPool({ name: 'lab', size: 1 });
    await until(fleet, () => fleet.members('lab').some(({ status }) => status === 'ERROR'));
    expect(fleet.members('lab')[0]?.statusMessage).toContain('lab-1 does not belong to this');
    await fleet.world.advance(HOUR);
    expect([uidsOf(fleet, 'Namespace'), uidsOf(fleet, 'VirtualMachine')]).toEqual(before);
    await fleet.addPool({ name: 'other', size: 1 });
    await fleet.settled('other', 1);
    expect(uidsOf(fleet, 'VirtualMachine')).toEqual(expect.arrayContaining(before[1] ?? []));
    expect(poolOf(fleet, 'lab').replenishPaused).toContain('lab-1 does not belong to this');
  });

  it('takes up from a backup what it knows, and removes what came after it', async () => {
    const fleet = await fleetOf(1);
    const backup = fleet.backup();
    const session = await served(fleet, await claim(fleet, 'lab'));
    await fleet.done(fleet.as('admin').updateClusterPool({ name: 'lab', size: 2 }));
    await until(fleet, () => fleet.members('lab').length === 2);
    await until(fleet, () => fleet.members('lab').every((c) => c.status !== 'CREATING'));
    expect(namesOf(fleet, 'Namespace')).toEqual(expect.arrayContaining(['lab-1', 'lab-2']));
    fleet.restart({ backup });
    await fleet.world.advance(15 * MINUTE);
    await fleet.settled('lab', 1);
    expect(() => sessionOf(fleet, session)).toThrow('no session');
    expect(namesOf(fleet, 'Namespace')).not.toContain('lab-2');
    const again = await served(fleet, await claim(fleet, 'lab'));
    expect(await isClean(fleet, again.clusterId)).toBe(true);
    expect(clusterOf(fleet, again.clusterId).name).toBe('lab-1');
  });
});
