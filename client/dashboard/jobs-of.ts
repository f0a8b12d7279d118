import { useMemo } from 'react';
import type { Job } from '../subject.ts';
import { useThings } from './live.ts';

/** The jobs of a pool that wait or run, the youngest first. */
export function useUnfinishedJobs(poolId: string): readonly Job[] {
  const jobs = useThings('jobs');
  return useMemo(
    () =>
      [...jobs.values()]
        .filter(({ pool, finishedAt }) => pool.id === poolId && finishedAt === null)
        .sort((a, b) => b.createdAt.localeCompare(a.createdAt)),
    [jobs, poolId],
  );
}
