import type { Times } from './history-documents.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A stretch of time to look back on, in buckets of which some dozens fit into it. */
export interface Period {
  readonly value: string;
  readonly label: string;
  readonly lengthMs: number;
  readonly bucketMinutes: number;
}

/** The periods that can be chosen. */
export const PERIODS: readonly [Period, ...Period[]] = [
  { value: '1h', label: '1 h', lengthMs: HOUR, bucketMinutes: 1 },
  { value: '24h', label: '24 h', lengthMs: DAY, bucketMinutes: 30 },
  { value: '7d', label: '7 d', lengthMs: 7 * DAY, bucketMinutes: 240 },
  { value: '30d', label: '30 d', lengthMs: 30 * DAY, bucketMinutes: 1_440 },
];

/** The ways of serving, in the order in which people hope for them. */
export const WAYS: readonly { readonly way: string; readonly word: string; color: string }[] = [
  { way: 'POOL', word: 'Warm', color: 'var(--green)' },
  { way: 'SNAPSHOT', word: 'From snapshots', color: 'var(--blue)' },
  { way: 'BOOTSTRAP', word: 'By bootstrap', color: 'var(--amber)' },
];

/** What people call a way of serving; one that this page does not know is told as it is. */
export function wayWord(way: string): string {
  return WAYS.find((known) => known.way === way)?.word ?? way;
}

/** When the first bucket of a period begins that ends in the bucket of now. */
export function sinceOf({ lengthMs, bucketMinutes }: Period, now: number): number {
  const bucketMs = bucketMinutes * MINUTE;
  return Math.floor(now / bucketMs) * bucketMs - lengthMs + bucketMs;
}

/** One bucket of a chart: when it begins (`at`), and of each way median, p95 and failures. */
export type Bucket = Record<string, number | null>;

/** All buckets of a period, also those in which nothing happened, in order. */
export function bucketsOf(times: readonly Times[], period: Period, since: number): Bucket[] {
  const bucketMs = period.bucketMinutes * MINUTE;
  const byStart = Map.groupBy(times, ({ from }) => Date.parse(from));
  const count = Math.round(period.lengthMs / bucketMs);
  return Array.from({ length: count }, (_, index) => {
    const at = since + index * bucketMs;
    const values = (byStart.get(at) ?? []).flatMap(({ servedFrom, p50Ms, p95Ms, failed }) => [
      [`${servedFrom} p50`, drawn(p50Ms)] as const,
      [`${servedFrom} p95`, drawn(p95Ms)] as const,
      [`${servedFrom} failed`, failed] as const,
    ]);
    return Object.fromEntries<number | null>([...values, ['at', at]]);
  });
}

/** A logarithm has no place for nothing. */
function drawn(ms: number | null): number | null {
  return ms === null ? null : Math.max(1, ms);
}

/** Round times that an axis can name. */
const MARKS = [
  1,
  10,
  100,
  1_000,
  10_000,
  MINUTE,
  10 * MINUTE,
  HOUR,
  10 * HOUR,
  100 * HOUR,
] as const;

/** The marks of an axis that has room for all these times, and no more room than it takes. */
export function marksFor(times: readonly Times[]): number[] {
  const all = times.flatMap(({ p50Ms, p95Ms }) => [p50Ms, p95Ms]).filter((ms) => ms !== null);
  if (all.length === 0) return [100, 1_000, 10_000];
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const from = MARKS.findLastIndex((mark) => mark <= Math.max(1, least));
  const above = MARKS.findIndex((mark) => mark >= most);
  const to = above === -1 ? MARKS.length : above;
  return MARKS.slice(from, Math.max(to, from + 1) + 1);
}

/** A round time as an axis names it: 100 ms, 10 s, 1 min. */
export function markLabel(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < MINUTE) return `${ms / 1_000} s`;
  return ms < HOUR ? `${ms / MINUTE} min` : `${ms / HOUR} h`;
}

/**
 * A bucket's begin as an axis names it: by the clock of who looks, or by the day where it is as
 * long. Days are those of UTC, as the server has them, and say so.
 */
export function bucketLabel(at: number, { lengthMs, bucketMinutes }: Period): string {
  const date = new Date(at);
  if (bucketMinutes >= 1_440) return `${UTC_DATE.format(date)} UTC`;
  return (lengthMs > DAY ? DATE_AND_HOUR : TIME).format(date);
}

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const UTC_DATE = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  timeZone: 'UTC',
});
const DATE_AND_HOUR = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
