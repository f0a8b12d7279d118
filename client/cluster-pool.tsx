import { useState } from 'react';
import { useMutation } from 'urql';
import type { ClusterStatus } from '../schema/model/cluster.ts';
import { CLUSTER_STATUS_LABELS, ClusterStrip } from './cluster.tsx';
import { graphql } from './graphql.ts';
import { RefusalNote, whyNot } from './refusal.tsx';
import type { Cluster, ClusterPool } from './subject.ts';

/** Claims a cluster of a pool. */
export const CLAIM = graphql(`
  mutation Claim($pool: String!) {
    createSession(input: { pool: $pool }) {
      __typename
      ... on Session {
        id
      }
      ... on UserError {
        message
      }
      ... on PoolExhausted {
        retryAfterMs
      }
    }
  }
`);

/** The last refusal, and how many clusters were available then. */
const NO_REFUSAL: { text: string | null; availableClusters: number } = {
  text: null,
  availableClusters: 0,
};

/** A pool: how it stands, its clusters, and the way to one of them. */
export function ClusterPoolCard(props: { pool: ClusterPool; clusters: readonly Cluster[] }) {
  const { pool, clusters } = props;
  const { availableClusters } = pool.stats;
  const [refusal, setRefusal] = useState(NO_REFUSAL);
  const [{ fetching }, claim] = useMutation(CLAIM);
  const onClaim = async () => {
    setRefusal(NO_REFUSAL);
    const text = whyNot(await claim({ pool: pool.name }));
    setRefusal({ text, availableClusters });
  };
  // Once there is another cluster to be had, an earlier no is no news any more.
  const isOld = availableClusters > refusal.availableClusters;
  return (
    <section className="card" data-pool={pool.name} aria-label={`Pool ${pool.name}`}>
      <header className="card-head">
        <div>
          <h2>{pool.name}</h2>
          <p className="quiet">{describe(pool)}</p>
        </div>
        <button
          type="button"
          className="primary"
          disabled={fetching || !pool.allowedActions.includes('createSession')}
          onClick={() => void onClaim()}
        >
          Claim<span className="unseen"> a cluster of {pool.name}</span>
        </button>
      </header>
      <Counts stats={pool.stats} />
      <ClusterStrip poolName={pool.name} clusters={clusters} />
      {pool.replenishPaused !== null && (
        <p className="warning">No new clusters are made: {pool.replenishPaused}</p>
      )}
      <RefusalNote text={isOld ? null : refusal.text} />
    </section>
  );
}

function describe({ provider, size, strategy }: ClusterPool): string {
  const source = strategy === 'SNAPSHOT' ? 'made from snapshots' : 'made by bootstrap';
  return `${provider.toLowerCase()} · size ${size} · ${source}`;
}

function Counts({ stats }: { stats: ClusterPool['stats'] }) {
  return (
    <dl className="counts">
      {CLUSTER_STATUS_LABELS.map(([status, label]) => (
        <div
          key={status}
          className="count"
          data-status={status}
          data-none={count(stats, status) === 0}
        >
          <dt>{label}</dt>
          <dd>{count(stats, status)}</dd>
        </div>
      ))}
      <div className="count" data-status="QUEUED" data-none={stats.queuedSessions === 0}>
        <dt>Queue</dt>
        <dd>{stats.queuedSessions}</dd>
      </div>
    </dl>
  );
}

function count(stats: ClusterPool['stats'], status: ClusterStatus): number {
  return {
    AVAILABLE: stats.availableClusters,
    LOCKED: stats.lockedClusters,
    RESETTING: stats.resettingClusters,
    CREATING: stats.creatingClusters,
    ERROR: stats.errorClusters,
  }[status];
}
