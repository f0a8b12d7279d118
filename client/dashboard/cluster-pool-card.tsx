import { memo } from 'react';
import { Link, useLocation } from 'wouter';
import type { Cluster, ClusterPool } from '../subject.ts';
import { ActionButton } from './action-button.tsx';
import { ActionScope } from './action-scope.tsx';
import { ClusterCounts } from './cluster-counts.tsx';
import { ClusterStrip } from './cluster-strip.tsx';
import { GoldenStateLine } from './golden-state-line.tsx';
import { NextActionNote } from './next-action-note.tsx';
import { paths } from './paths.ts';
import { ServedLine } from './served-line.tsx';
import { CLAIM } from './session-actions.ts';

/** A pool: how it stands, its clusters, and the way to one of them. */
export const ClusterPoolCard = memo(function ClusterPoolCard(props: {
  pool: ClusterPool;
  clusters: readonly Cluster[];
}) {
  const { pool, clusters } = props;
  return (
    <section className="card" data-pool={pool.name} aria-label={`Pool ${pool.name}`}>
      <ActionScope canBeHad={pool.stats.availableClusters > 0}>
        <header className="card-head">
          <div>
            <h2>
              <Link href={paths.pool(pool.name)}>{pool.name}</Link>
            </h2>
            <p className="quiet">{describe(pool)}</p>
          </div>
          <ClaimButton pool={pool} />
        </header>
        <ClusterCounts stats={pool.stats} />
        <ClusterStrip poolName={pool.name} clusters={clusters} />
        <ul className="facts">
          <li>
            <StrategyNow pool={pool} />
          </li>
          <li>
            <GoldenStateLine pool={pool} />
          </li>
          <li>
            <ServedLine poolName={pool.name} />
          </li>
        </ul>
        <NextActionNote pool={pool} />
      </ActionScope>
    </section>
  );
});

/** Claims a cluster, and goes to the session that comes of it. */
export function ClaimButton({ pool }: { pool: ClusterPool }) {
  const [, go] = useLocation();
  if (!pool.allowedActions.includes('createSession')) return null;
  return (
    <ActionButton
      document={CLAIM}
      variables={{ input: { pool: pool.name } }}
      label="Claim"
      about={`a cluster of ${pool.name}`}
      look={{ variant: 'filled', size: 'sm' }}
      onDone={({ createSession: session }) => {
        if ('id' in session) go(paths.session(session.id));
      }}
    />
  );
}

function StrategyNow({ pool }: { pool: ClusterPool }) {
  const words = { SNAPSHOT: 'from snapshots', BOOTSTRAP: 'by bootstrap, from the image' } as const;
  return (
    <>
      <span className="fact-name">Strategy now</span> {words[pool.strategy] ?? pool.strategy}
    </>
  );
}

function describe({ provider, size, maxClusters, lazy }: ClusterPool): string {
  const most = maxClusters > size ? `, at most ${maxClusters}` : '';
  return `${provider.toLowerCase()} · size ${size}${most}${lazy ? ' · lazy' : ''}`;
}
