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

/** Gives the jobs that were done, the youngest first, behind a position; null is the start. */
export type AskDone = (after: string | null) => Promise<DonePage | undefined>;

/** Some jobs that were done, and where the ones before them are. */
export interface DonePage {
  readonly jobs: readonly DoneJob[];
  /** Null when there are none before them. */
  readonly next: string | null;
}

/** How many pages are looked through for a kind of job that is rare. */
const MOST_PAGES = 5;

/**
 * The medians of kinds of jobs that are not among the last ones done, which others have crowded
 * out: looks further back until each was found, but not for ever.
 */
export async function olderMedians(
  kinds: readonly string[],
  ask: AskDone,
): Promise<ReadonlyMap<string, number>> {
  const found: DoneJob[] = [];
  let after: string | null = null;
  for (let read = 0; read < MOST_PAGES; read += 1) {
    const page: DonePage | undefined = await ask(after);
    if (page === undefined) break;
    found.push(...page.jobs.filter(({ kind }) => kinds.includes(kind)));
    const isEnough = kinds.every((kind) => found.some((job) => job.kind === kind));
    if (isEnough || page.next === null) break;
    after = page.next;
  }
  return medianTimes(found);
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
