import type { ClusterPool } from '../subject.ts';
import { type GoldenSet, type GoldenState, useGoldenState } from './golden-state.ts';
import { Ago, useNow } from './moment.tsx';

/** The golden state that a pool has now: which set, how old, and whether it is too old. */
export function GoldenStateLine({ pool }: { pool: ClusterPool }) {
  const golden = useGoldenState(pool.id);
  return (
    <>
      <span className="fact-name">Golden state</span>{' '}
      {golden.templateSets.map((set) => (
        <SetAge key={set.set} set={set} />
      ))}
      <OwnSets golden={golden} total={pool.stats.totalClusters} />
      {golden.inTheMaking > 0 && <span> · {golden.inTheMaking} being taken</span>}
    </>
  );
}

function SetAge({ set }: { set: GoldenSet }) {
  const now = useNow();
  const isStale = set.staleAt !== null && Date.parse(set.staleAt) <= now;
  return (
    <span className="set" data-stale={isStale}>
      set {set.set}, taken <Ago at={set.createdAt} />
      {!set.isReady && ', not ready'}
      {isStale && ', stale'}{' '}
    </span>
  );
}

function OwnSets({ golden, total }: { golden: GoldenState; total: number }) {
  const { templateSets, clustersWithOwn } = golden;
  if (clustersWithOwn === 0) return templateSets.length === 0 ? <>none</> : null;
  return (
    <span>
      {clustersWithOwn} of {total} clusters have their own
    </span>
  );
}
