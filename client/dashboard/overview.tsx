import { useMemo } from 'react';
import { Link } from 'wouter';
import { useClustersByPool, byName } from './by-name.ts';
import { ClusterPoolCard } from './cluster-pool-card.tsx';
import { useThings, useViewer } from './live.ts';
import { usePageTitle } from './page-title.ts';
import { paths } from './paths.ts';

/** Every pool at a glance, as it happens. */
export function Overview() {
  usePageTitle('Overview');
  const clusterPools = useThings('clusterPools');
  const pools = useMemo(() => [...clusterPools.values()].sort(byName), [clusterPools]);
  const clusters = useClustersByPool();
  const isAdmin = useViewer()?.role === 'ADMIN';
  return (
    <>
      <h1 className="unseen">Overview</h1>
      {pools.length === 0 && <p className="card quiet">There are no pools yet.</p>}
      {pools.map((pool) => (
        <ClusterPoolCard key={pool.id} pool={pool} clusters={clusters.get(pool.id) ?? NONE} />
      ))}
      {isAdmin && (
        <p>
          <Link href={paths.newPool}>New pool</Link>
        </p>
      )}
    </>
  );
}

const NONE: readonly never[] = [];
