import { quantityOf } from '../quantity.ts';

/** The bytes of a quantity such as `10Gi`; undefined where it is none. */
export function bytesOf(quantity: string | undefined): number | undefined {
  const bytes = quantityOf(quantity);
  return Number.isNaN(bytes) ? undefined : bytes;
}

/** The larger of two quantities, as it was written. */
export function larger(a: string | undefined, b: string | undefined): string | undefined {
  return (bytesOf(a) ?? -1) >= (bytesOf(b) ?? -1) ? (a ?? b) : b;
}

const GO_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The milliseconds of a Go duration such as `5m0s`. */
export function millisecondsOf(duration: string): number {
  let sum = 0;
  for (const [, digits, unit] of duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    sum += Number(digits) * (GO_UNITS[unit ?? ''] ?? 0);
  }
  return sum;
}
