const UNITS = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;

/** Reads a size as tools for disks take it: `2G` is two times 2 to the 30th. Null for no size. */
export function readByteSize(text: string): number | null {
  const [, digits, unit] = /^(\d{1,15})([KMGT]?)$/.exec(text) ?? [];
  if (digits === undefined) return null;
  const factor = isUnit(unit) ? UNITS[unit] : 1;
  const size = Number(digits) * factor;
  return Number.isSafeInteger(size) ? size : null;
}

function isUnit(text: string | undefined): text is keyof typeof UNITS {
  return text !== undefined && Object.hasOwn(UNITS, text);
}
