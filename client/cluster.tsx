import { memo } from 'react';
import type { ClusterStatus } from '../schema/model/cluster.ts';
import type { Cluster } from './subject.ts';

/** The states, each with its word, in the order in which people look for them. */
export const CLUSTER_STATUS_LABELS: readonly (readonly [ClusterStatus, string])[] = [
  ['AVAILABLE', 'Available'],
  ['LOCKED', 'Locked'],
  ['RESETTING', 'Resetting'],
  ['CREATING', 'Creating'],
  ['ERROR', 'Error'],
];

const LABELS = new Map(CLUSTER_STATUS_LABELS);

/** Beyond this the cells become small, with the words in their titles. */
const ROOMY = 48;
/** Beyond this cells would say less than the counts do. */
const MOST_CELLS = 1_000;

/** The clusters of a pool, a cell each, coloured by state. */
export function ClusterStrip(props: { poolName: string; clusters: readonly Cluster[] }) {
  const { poolName, clusters } = props;
  const hidden = clusters.length - MOST_CELLS;
  const size = clusters.length > ROOMY ? 'small' : 'roomy';
  return (
    <>
      <ul className="strip" data-size={size} aria-label={`Clusters of ${poolName}`}>
        {clusters.slice(0, MOST_CELLS).map((cluster) => (
          <ClusterCell key={cluster.id} cluster={cluster} />
        ))}
      </ul>
      {hidden > 0 && <p className="quiet">and {hidden} more</p>}
    </>
  );
}

const ClusterCell = memo(function ClusterCell({ cluster }: { cluster: Cluster }) {
  const { name, status } = cluster;
  const label = labelOf(cluster);
  const detail = detailOf(cluster);
  const title = [name, label, detail].filter(Boolean).join(': ');
  return (
    <li className="cell" data-cluster={name} data-status={status} title={title}>
      <span className="cell-name">{name}</span>
      <span className="cell-state">{label}</span>
      {detail !== null && <span className="cell-detail">{detail}</span>}
    </li>
  );
});

function labelOf({ status, removingAt }: Cluster): string {
  return removingAt === null ? (LABELS.get(status) ?? status) : 'Removing';
}

function detailOf({ status, statusMessage, assignedSession }: Cluster): string | null {
  const owner = status === 'LOCKED' ? assignedSession?.owner : undefined;
  return statusMessage ?? owner ?? null;
}

/** Clusters in the order of their numbers: cluster2 before cluster10. */
export function byName(a: { name: string }, b: { name: string }): number {
  return COLLATOR.compare(a.name, b.name);
}

const COLLATOR = new Intl.Collator('en', { numeric: true });
