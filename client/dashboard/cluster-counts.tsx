import { memo } from 'react';
import type { ClusterPool } from '../subject.ts';
import { wordFor } from './status.tsx';

type Stats = ClusterPool['stats'];

/** How many clusters are in each state, in the order in which people look for them. */
const COUNTS: readonly (readonly [string, (stats: Stats) => number])[] = [
  ['AVAILABLE', (stats) => stats.availableClusters],
  ['LOCKED', (stats) => stats.lockedClusters],
  ['RESETTING', (stats) => stats.resettingClusters],
  ['CREATING', (stats) => stats.creatingClusters],
  ['ERROR', (stats) => stats.errorClusters],
];

/** How a pool stands, in numbers. */
export const ClusterCounts = memo(function ClusterCounts({ stats }: { stats: Stats }) {
  return (
    <dl className="counts">
      {COUNTS.map(([status, countOf]) => (
        <Count key={status} status={status} word={wordFor(status)} count={countOf(stats)} />
      ))}
      <Count status="QUEUED" word="Queue" count={stats.queuedSessions} />
    </dl>
  );
});

function Count({ status, word, count }: { status: string; word: string; count: number }) {
  return (
    <div className="count" data-status={status} data-none={count === 0}>
      <dt>{word}</dt>
      <dd>{count}</dd>
    </div>
  );
}
