const UNITS: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A quantity as a number: `500m` is 0.5, `1Gi` 2^30; NaN where it is none. */
export function quantityOf(value: unknown): number {
  if (typeof value === 'number') return value;
  const [, digits, unit] =
    /^([0-9.]+)([a-zA-Z]*)$/.exec(typeof value === 'string' ? value : '') ?? [];
  if (digits === undefined) return Number.NaN;
  return Number(digits) * (unit ? (UNITS[unit] ?? Number.NaN) : 1);
}
