import { useMemo } from 'react';
import type { Cluster } from '../subject.ts';
import { useThings } from './live.ts';

const COLLATOR = new Intl.Collator('en', { numeric: true });

/** Things in the order of their numbers: cluster2 before cluster10. */
export function byName(a: { name: string }, b: { name: string }): number {
  return COLLATOR.compare(a.name, b.name);
}

/** The clusters of every pool, by the pool's id, each in the order of its names. */
export function useClustersByPool(): ReadonlyMap<string, readonly Cluster[]> {
  const clusters = useThings('clusters');
  return useMemo(
    () => Map.groupBy([...clusters.values()].sort(byName), ({ pool }) => pool.id),
    [clusters],
  );
}
