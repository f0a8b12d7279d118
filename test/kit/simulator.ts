import type { ClusterRef, SetRef, SetSource, Step } from '../../server/providers/provider.ts';
import { snapshotName } from '../../schema/model/snapshot.ts';
import { BUILT_IN_TEMPLATES, type RoleSpec } from '../../schema/model/template.ts';
import { vmName } from '../../schema/model/vm-handle.ts';

/** A cluster of a template as a provider is told of it. */
export function clusterRef(name: string, template = 'two-node'): ClusterRef {
  const roles = BUILT_IN_TEMPLATES[template]?.roles ?? [];
  return {
    id: `id-of-${name}`,
    name,
    namespace: name,
    poolId: 'pool-1',
    poolName: 'pool',
    identity: 'SHARED_IDENTITY',
    readiness: 'SSH',
    vms: roles.map((role) => ({ ...role, name: vmName(role.role, name) })),
  };
}

/** A set of the cluster's own, or of its pool. */
export function setRef(cluster: ClusterRef, number: number, owner: 'CLUSTER' | 'POOL'): SetRef {
  const roles = cluster.vms.map(roleOf);
  return {
    id: `set-${number}-of-${owner === 'CLUSTER' ? cluster.name : cluster.poolName}`,
    poolId: cluster.poolId,
    poolName: cluster.poolName,
    number,
    cluster: owner === 'CLUSTER' ? cluster : null,
    readiness: cluster.readiness,
    snapshots: roles.map(({ role }) => ({ role, name: snapshotName(role, number) })),
    roles,
  };
}

/** The source of a set captured from a cluster that nobody uses. */
export function idle(cluster: ClusterRef): SetSource {
  return { kind: 'CLUSTER', cluster, inUse: false };
}

/** A step as a worker makes it, and what it told. */
export interface TestStep extends Step {
  readonly told: string[];
  readonly notes: Map<string, string>;
}

/** A step with a fence, whose notes and progress a test can read. */
export function stepOf(fence: number, options: Partial<Step> = {}): TestStep {
  const notes = new Map(options.notes);
  const told: string[] = [];
  return {
    signal: new AbortController().signal,
    deadline: Number.MAX_SAFE_INTEGER,
    fence,
    installation: 'installation-1',
    progress: (name) => void told.push(name),
    note: async (key, value) => {
      await Promise.resolve();
      notes.set(key, value);
    },
    ...options,
    notes,
    told,
  };
}

function roleOf({ role, image, cpuCores, memoryMiB, diskGiB }: RoleSpec): RoleSpec {
  return { role, image, cpuCores, memoryMiB, diskGiB };
}
