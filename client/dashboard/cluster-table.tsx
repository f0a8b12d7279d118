import { NativeSelect, TextInput } from '@mantine/core';
import { memo, useMemo, useState } from 'react';
import type { Cluster } from '../subject.ts';
import { type ClusterFilter, filterClusters } from './cluster-filter.ts';
import { ClusterRow } from './cluster-row.tsx';
import { Pages } from './pages.tsx';
import { wordFor } from './status.tsx';

const ON_A_PAGE = 50;

const STATES = ['AVAILABLE', 'LOCKED', 'RESETTING', 'CREATING', 'ERROR', 'REMOVING'];

const CHOICES = [
  { value: '', label: 'Any state' },
  ...STATES.map((value) => ({ value, label: wordFor(value) })),
];

const ALL: ClusterFilter = { status: '', name: '' };

/** The clusters of a pool, each with what is known of it and what can be done to it. */
export const ClusterTable = memo(function ClusterTable(props: {
  poolName: string;
  clusters: readonly Cluster[];
}) {
  const { poolName, clusters } = props;
  const [filter, setFilter] = useState(ALL);
  const [page, setPage] = useState(1);
  const wanted = useMemo(() => filterClusters(clusters, filter), [clusters, filter]);
  const last = Math.max(1, Math.ceil(wanted.length / ON_A_PAGE));
  const shown = Math.min(page, last);
  const narrow = (part: Partial<ClusterFilter>) => {
    setFilter((now) => ({ ...now, ...part }));
    setPage(1);
  };
  return (
    <section className="card" aria-label="Clusters">
      <header className="card-head wrapping">
        <div>
          <h2>Clusters</h2>
          <p className="quiet" role="status">
            {wanted.length === clusters.length
              ? `${clusters.length} in all`
              : `${wanted.length} of ${clusters.length}`}
          </p>
        </div>
        <NativeSelect
          aria-label="State of clusters"
          data={CHOICES}
          value={filter.status}
          onChange={(event) => narrow({ status: event.currentTarget.value })}
        />
        <TextInput
          aria-label="Name of clusters"
          placeholder="Part of a name"
          value={filter.name}
          onChange={(event) => narrow({ name: event.currentTarget.value })}
        />
      </header>
      <Rows
        poolName={poolName}
        clusters={wanted.slice((shown - 1) * ON_A_PAGE, shown * ON_A_PAGE)}
        isNarrowed={filter !== ALL && clusters.length > 0}
      />
      <Pages of="clusters" page={shown} last={last} onPage={setPage} />
    </section>
  );
});

function Rows(props: { poolName: string; clusters: readonly Cluster[]; isNarrowed: boolean }) {
  const { poolName, clusters, isNarrowed } = props;
  if (clusters.length === 0) {
    return <p className="quiet">{isNarrowed ? 'No cluster is like that.' : 'There are none.'}</p>;
  }
  return (
    <table className="rows clusters" aria-label={`Clusters of ${poolName} in detail`}>
      <thead>
        <tr>
          <th scope="col">Cluster</th>
          <th scope="col">State</th>
          <th scope="col">VMs</th>
          <th scope="col">Session</th>
          <th scope="col">Last seen to</th>
          <th scope="col">
            <span className="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {clusters.map((cluster) => (
          <ClusterRow key={cluster.id} cluster={cluster} />
        ))}
      </tbody>
    </table>
  );
}
