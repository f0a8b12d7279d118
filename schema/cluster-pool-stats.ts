import { builder, forViewer } from './builder.ts';
import { ClusterStatusEnum } from './cluster.ts';
import { type Cluster, shownStatus } from './model/cluster.ts';
import type { ClusterPoolStats } from './model/cluster-pool.ts';
import { ageSeconds } from './model/snapshot.ts';

/** Pools of more clusters are read through `clusters`: the list here is not paged. */
const MAX_LISTED_CLUSTERS = 100;

const ClusterStatusEntryObject = builder.objectRef<Cluster>('ClusterStatusEntry').implement({
  description: 'The state of one cluster of a pool.',
  authScopes: forViewer,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the cluster.' }),
    status: t.field({
      type: ClusterStatusEnum,
      description: 'Its state.',
      resolve: shownStatus,
    }),
  }),
});

/** How many clusters of a pool are in each state. */
export const ClusterPoolStatsObject = builder
  .objectRef<ClusterPoolStats & { readonly poolId: string }>('ClusterPoolStats')
  .implement({
    description:
      'How many clusters of a pool are in each state. The counts add up to totalClusters.',
    authScopes: forViewer,
    fields: (t) => ({
      maxClusters: t.exposeInt('maxClusters', { description: 'The most clusters at once.' }),
      activeVms: t.exposeInt('activeVms', { description: 'VMs that sessions have.' }),
      snapshotAgesSeconds: t.intList({
        description: 'The age of each current template set in whole seconds, the oldest set first.',
        resolve: ({ setsReadyAt }, _args, { reads }) =>
          setsReadyAt.map((at) => ageSeconds({ createdAt: at, readyAt: at }, reads.now())),
      }),
      totalClusters: t.exposeInt('totalClusters', { description: 'All of them.' }),
      availableClusters: t.exposeInt('availableClusters', { description: 'AVAILABLE.' }),
      lockedClusters: t.exposeInt('lockedClusters', { description: 'LOCKED by a session.' }),
      resettingClusters: t.exposeInt('resettingClusters', {
        description: 'RESETTING, or being removed.',
      }),
      errorClusters: t.exposeInt('errorClusters', { description: 'In ERROR.' }),
      creatingClusters: t.exposeInt('creatingClusters', { description: 'CREATING.' }),
      queuedSessions: t.exposeInt('queuedSessions', {
        description: 'Sessions that wait in the queue; not clusters.',
      }),
      statusByCluster: t.field({
        type: [ClusterStatusEntryObject],
        description:
          'Each cluster with its state, by name; empty for pools of more than 100 clusters, ' +
          'which are read through `clusters`.',
        resolve: ({ poolId, totalClusters }, _args, { reads }) =>
          totalClusters > MAX_LISTED_CLUSTERS
            ? []
            : reads.clusters(poolId, { first: MAX_LISTED_CLUSTERS }).rows.map(({ row }) => row),
      }),
    }),
  });
