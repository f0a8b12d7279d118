const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The bytes of a quantity such as `10Gi`; undefined where it is none. */
export function bytesOf(quantity: string | undefined): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([kMGT]i?|Ki|)$/.exec(quantity ?? '') ?? [];
  const factor = unit === undefined ? undefined : UNITS[unit];
  return factor === undefined ? undefined : Number(digits) * factor;
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
