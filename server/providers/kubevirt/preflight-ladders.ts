import type { ClusterFacts } from './preflight-cluster.ts';
import type { Rung } from './preflight-report.ts';
import type { RightFacts } from './preflight-rights.ts';
import type { StorageFacts } from './preflight-storage.ts';

/** What the parts of a preflight found. */
export interface Facts {
  readonly cluster: ClusterFacts;
  readonly storage: StorageFacts;
  readonly rights: RightFacts;
}

/** The ways of resetting and of making a cluster, best first, and why each may be closed. */
export function laddersFor(facts: Facts): Rung[] {
  const restore = [...snapshotsClosed(facts), ...without(facts, RESTORES)];
  const clone = [...disksClosed(facts), ...without(facts, DISKS)];
  const bootstrap = [...disksClosed(facts), ...imageClosed(facts), ...without(facts, VMS)];
  return [
    { ladder: 'reset', rung: 'restore beside', closed: restore },
    { ladder: 'reset', rung: 'restore in place', closed: [...restore, ...inPlaceClosed(facts)] },
    {
      ladder: 'reset',
      rung: 'recreate from snapshot',
      closed: [...restore, ...without(facts, VMS)],
    },
    {
      ladder: 'create',
      rung: 'clone snapshot',
      closed: [...snapshotsClosed(facts), ...clone],
    },
    { ladder: 'create', rung: 'clone claim', closed: clone },
    { ladder: 'create', rung: 'bootstrap', closed: bootstrap },
  ];
}

type Resource = readonly [group: string, resource: string];

const RESTORES: readonly Resource[] = [
  ['snapshot.kubevirt.io', 'virtualmachinesnapshots'],
  ['snapshot.kubevirt.io', 'virtualmachinerestores'],
];
const DISKS: readonly Resource[] = [
  ['cdi.kubevirt.io', 'datavolumes'],
  ['cdi.kubevirt.io', 'datavolumes/source'],
];
const VMS: readonly Resource[] = [['kubevirt.io', 'virtualmachines']];

function without({ rights }: Facts, resources: readonly Resource[]): string[] {
  const lacking = resources.filter(([group, resource]) => !rights.has(group, resource));
  return lacking.map(([group, resource]) => `no right to all of ${resource} (${group})`);
}

function snapshotsClosed({ cluster, storage }: Facts): string[] {
  return [
    ...(cluster.snapshots ? [] : ['snapshots of VMs are not served or not switched on']),
    ...(storage.snapshots ? [] : ['the storage class has no volume snapshot class']),
  ];
}

function disksClosed({ cluster, storage }: Facts): string[] {
  return [
    ...(cluster.groups.has('cdi.kubevirt.io') ? [] : ['CDI is not served']),
    ...(storage.disks ? [] : ['no storage class for new disks']),
  ];
}

function imageClosed({ storage }: Facts): string[] {
  return storage.image ? [] : ['there is no golden image'];
}

function inPlaceClosed({ cluster: { kubevirt } }: Facts): string[] {
  const knows = kubevirt !== undefined && (kubevirt.major > 1 || kubevirt.minor >= 6);
  return knows ? [] : ['KubeVirt knows it from 1.6 on'];
}
