/** Numbers and how they are shown. */

/** What was measured in one go. */
export interface Measured {
  readonly perSecond: number;
  /** Per second of processor time of the process that did the work; NaN where that is unknown. */
  readonly perCpuSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Sums up how long each of some operations took, in milliseconds. */
export function measured(
  latencies: readonly number[],
  seconds: number,
  cpuSeconds: number,
): Measured {
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    perSecond: sorted.length / seconds,
    perCpuSecond: sorted.length / cpuSeconds,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
  };
}

/** The value below which this share of sorted ones lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** The middle one, or what lies between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [below, above] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((below ?? NaN) + (above ?? NaN)) / 2;
}

/** A number with three digits that count, or all of a large one. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
}

/** The median of several rounds, and how far they were apart. */
export function shownRounds(values: readonly number[]): string {
  const range = `${shown(Math.min(...values))} .. ${shown(Math.max(...values))}`;
  return values.length === 1 ? shown(median(values)) : `${shown(median(values))} [${range}]`;
}
