import { memo } from 'react';
import type { Cluster } from '../subject.ts';
import { wordFor } from './status.tsx';

/** Beyond this the cells become small, with the words in their titles. */
const ROOMY = 48;
/** Beyond this they are only colours. */
const SMALL = 200;
/** Beyond this cells would say less than the counts do. */
const MOST_CELLS = 1_000;

/** The clusters of a pool, a cell each, coloured by state, changing as it happens. */
export const ClusterStrip = memo(function ClusterStrip(props: {
  poolName: string;
  clusters: readonly Cluster[];
}) {
  const { poolName, clusters } = props;
  const hidden = clusters.length - MOST_CELLS;
  return (
    <>
      <ul className="strip" data-size={sizeOf(clusters)} aria-label={`Clusters of ${poolName}`}>
        {clusters.slice(0, MOST_CELLS).map((cluster) => (
          <ClusterCell key={cluster.id} cluster={cluster} />
        ))}
      </ul>
      {hidden > 0 && <p className="quiet">and {hidden} more</p>}
    </>
  );
});

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

function sizeOf({ length }: readonly Cluster[]): 'roomy' | 'small' | 'tiny' {
  if (length <= ROOMY) return 'roomy';
  return length <= SMALL ? 'small' : 'tiny';
}

function labelOf({ status, removingAt }: Cluster): string {
  return wordFor(removingAt === null ? status : 'REMOVING');
}

function detailOf({ status, statusMessage, assignedSession }: Cluster): string | null {
  const owner = status === 'LOCKED' ? assignedSession?.owner : undefined;
  return statusMessage ?? owner ?? null;
}
