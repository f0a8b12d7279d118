import { builder, forViewer } from './builder.ts';
import type { Snapshot, SnapshotStatus } from './model/snapshot.ts';
import type { VmRole } from './model/template.ts';
import { SnapshotNode } from './nouns.ts';
import { SnapshotStatusEnum } from './snapshot.ts';

/** The current template set of a pool, as one thing. */
export const SnapshotInfoObject = builder.objectRef<readonly Snapshot[]>('SnapshotInfo').implement({
  description: 'The golden state of a pool: the snapshots of all roles. All null when it has none.',
  authScopes: forViewer,
  fields: (t) => ({
    controlPlaneSnapshot: t.field({
      type: SnapshotNode,
      nullable: true,
      description: 'That of the control plane; of the only VM where there is but one.',
      resolve: (set) => ofRole(set, 'CONTROL_PLANE') ?? ofRole(set, 'STANDALONE'),
    }),
    workerSnapshot: t.field({
      type: SnapshotNode,
      nullable: true,
      description: 'That of the worker node.',
      resolve: (set) => ofRole(set, 'WORKER'),
    }),
    createdAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the first of them was begun.',
      resolve: (set) => (set.length === 0 ? null : Math.min(...set.map((one) => one.createdAt))),
    }),
    k8sVersion: t.string({
      nullable: true,
      description: 'The Kubernetes in it; null where there is none.',
      resolve: (set) => set.find((one) => one.k8sVersion !== null)?.k8sVersion,
    }),
    status: t.field({
      type: SnapshotStatusEnum,
      nullable: true,
      description: 'READY when all of them are; else the state of the one that holds it up.',
      resolve: statusOfSet,
    }),
  }),
});

function ofRole(set: readonly Snapshot[], role: VmRole): Snapshot | undefined {
  return set.find((snapshot) => snapshot.role === role);
}

/** The worst state says what the set is good for. */
function statusOfSet(set: readonly Snapshot[]): SnapshotStatus | undefined {
  const worstFirst = ['FAILED', 'DELETING', 'CREATING', 'READY'] as const;
  return worstFirst.find((status) => set.some((snapshot) => snapshot.status === status));
}
