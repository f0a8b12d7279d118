import { useState } from 'react';
import { Link } from 'wouter';
import type { ClusterPool } from '../subject.ts';
import { useClustersOf } from './cluster-filter.ts';
import { ClusterPoolHead } from './cluster-pool-head.tsx';
import { ClusterPoolJobs } from './cluster-pool-jobs.tsx';
import { ClusterPoolSettings } from './cluster-pool-settings.tsx';
import { ClusterTable } from './cluster-table.tsx';
import { GoldenStatePanel } from './golden-state-panel.tsx';
import { usePoolNamed, useStanding } from './live.ts';
import { usePageTitle } from './page-title.ts';
import { paths } from './paths.ts';
import './cluster-pool-page.css';

/** One pool: all that is known of it, and all that may be done to it. */
export default function ClusterPoolPage({ name }: { name: string }) {
  usePageTitle(name);
  const pool = usePoolNamed(name);
  const [lastSeen, setLastSeen] = useState<string | null>(null);
  if (pool !== undefined && lastSeen !== name) setLastSeen(name);
  if (pool === undefined) return <NoPool name={name} wasHere={lastSeen === name} />;
  return <Pool key={pool.id} pool={pool} />;
}

function Pool({ pool }: { pool: ClusterPool }) {
  const clusters = useClustersOf(pool.id);
  return (
    <>
      <ClusterPoolHead pool={pool} clusters={clusters} />
      <ClusterPoolJobs poolId={pool.id} poolName={pool.name} />
      <GoldenStatePanel pool={pool} />
      <ClusterTable poolName={pool.name} clusters={clusters} />
      <ClusterPoolSettings pool={pool} />
    </>
  );
}

function NoPool({ name, wasHere }: { name: string; wasHere: boolean }) {
  const isSure = useStanding() === 'LIVE';
  if (!isSure) return <p className="card quiet">Looking for the pool {name} …</p>;
  return (
    <section className="card" aria-label="No such pool">
      <h1 className="long-name">{wasHere ? `${name} was deleted` : `There is no pool ${name}`}</h1>
      <p role={wasHere ? 'alert' : undefined}>
        {wasHere
          ? 'Somebody deleted this pool while you looked at it. Its clusters are being removed.'
          : 'It may have been deleted, or its name is spelled another way.'}{' '}
        <Link href={paths.overview}>To the pools that are there</Link>
      </p>
    </section>
  );
}
