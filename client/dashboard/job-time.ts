import type { Job } from '../subject.ts';

/** A job that was done: how long jobs of its kind take. */
export interface DoneJob {
  readonly kind: string;
  readonly createdAt: string;
  readonly finishedAt: string | null;
}

/** The median time that jobs of each kind took; kinds that were never done have none. */
export function medianTimes(done: readonly DoneJob[]): ReadonlyMap<string, number> {
  const times = Map.groupBy(
    done.filter(({ finishedAt }) => finishedAt !== null),
    ({ kind }) => kind,
  );
  return new Map([...times].map(([kind, jobs]) => [kind, median(jobs.map(lengthOf))]));
}

/**
 * How long a job will still take, in milliseconds, if it takes as long as those before it; null
 * when there is nothing to go by. Before its first progress only the clock tells, after that the
 * progress does: a slow job does not count down to nothing while half of it is to be done.
 */
export function timeLeftMs(
  { progress, createdAt }: Pick<Job, 'progress' | 'createdAt'>,
  medianMs: number | undefined,
  now: number,
): number | null {
  if (medianMs === undefined) return null;
  if (progress <= 0) return Math.max(0, medianMs - (now - Date.parse(createdAt)));
  return medianMs * (1 - Math.min(1, progress));
}

function lengthOf({ createdAt, finishedAt }: DoneJob): number {
  return Math.max(0, Date.parse(finishedAt ?? createdAt) - Date.parse(createdAt));
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? 0, sorted[Math.floor(middle)] ?? 0];
  return (low + high) / 2;
}
