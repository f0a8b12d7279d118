const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** How many bytes a Kubernetes quantity says, such as `10Gi`; null where it says none. */
export function bytesOf(quantity: string | number | null | undefined): number | null {
  const parts = /^(\d+(?:\.\d+)?(?:e\d+)?)([A-Za-z]*)$/.exec(String(quantity ?? ''));
  const factor = FACTORS[parts?.[2] ?? ''];
  if (parts === null || factor === undefined) return null;
  return Math.round(Number(parts[1]) * factor);
}
