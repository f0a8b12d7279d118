import type { ClusterPool } from '../subject.ts';
import { type GoldenSet, type GoldenState, isStale, useGoldenState } from './golden-state.ts';
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
  const isOld = isStale(set, useNow());
  return (
    <span className="set" data-stale={isOld}>
      set {set.set}, taken <Ago at={set.createdAt} />
      {!set.isReady && ', not ready'}
      {isOld && ', stale'}{' '}
    </span>
  );
}

function OwnSets({ golden, total }: { golden: GoldenState; total: number }) {
  const { templateSets, ownSets, clustersWithOwn } = golden;
  const now = useNow();
  const [oldest] = ownSets;
  if (oldest === undefined) return templateSets.length === 0 ? <>none</> : null;
  const stale = ownSets.filter((set) => isStale(set, now)).length;
  return (
    <span className="set" data-stale={stale > 0}>
      {clustersWithOwn} of {total} clusters have their own, {ownSets.length > 1 && 'the oldest is '}
      set {oldest.set}, taken <Ago at={oldest.createdAt} />
      {stale > 0 && `, ${stale} stale`}
    </span>
  );
}
