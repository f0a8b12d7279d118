import { useMemo } from 'react';
import type { Cluster } from '../subject.ts';
import { useThings } from './live.ts';

/** Which clusters of a pool are wanted; both conditions must hold. */
export interface ClusterFilter {
  /** A state as it is shown; '' for any. */
  readonly status: string;
  /** A part of the name, in any case; '' for any. */
  readonly name: string;
}

/** The state that people see: one that is being taken away is neither here nor there. */
export function shownStatus({ status, removingAt }: Cluster): string {
  return removingAt === null ? status : 'REMOVING';
}

/** The clusters that a filter wants, in their order. */
export function filterClusters(
  clusters: readonly Cluster[],
  { status, name }: ClusterFilter,
): readonly Cluster[] {
  const part = name.trim().toLowerCase();
  if (status === '' && part === '') return clusters;
  return clusters.filter(
    (cluster) =>
      (status === '' || shownStatus(cluster) === status) &&
      cluster.name.toLowerCase().includes(part),
  );
}

/** The clusters of one pool in the order of their numbers. */
export function useClustersOf(poolId: string): readonly Cluster[] {
  const clusters = useThings('clusters');
  return useMemo(
    () => [...clusters.values()].filter(({ pool }) => pool.id === poolId).sort(byNumber),
    [clusters, poolId],
  );
}

/** Names of one pool differ in their numbers only, so that the longer one is the higher. */
function byNumber(a: Cluster, b: Cluster): number {
  return a.name.length - b.name.length || (a.name < b.name ? -1 : 1);
}
