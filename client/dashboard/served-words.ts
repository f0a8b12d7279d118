import { formatMs } from './moment.tsx';

/** How one way of serving did, over a time. */
export interface ServedWay {
  readonly servedFrom: string;
  readonly count: number;
  readonly failed: number;
  readonly p50Ms: number | null;
}

/** The ways in the order in which people hope for them, as a sentence names them. */
const WORDS: readonly (readonly [way: string, word: string])[] = [
  ['POOL', 'warm'],
  ['SNAPSHOT', 'from snapshots'],
  ['BOOTSTRAP', 'by bootstrap'],
];

/**
 * How many were served each way, and how long that took: each way has a median of its own, which
 * says nothing of the others. Of warm ones also that there were none, which is worth to know.
 */
export function servedWords(ways: readonly ServedWay[]): string {
  const warm = ways.some(({ servedFrom }) => servedFrom === 'POOL') ? [] : [NO_WARM];
  return [...warm, ...ways]
    .filter((way) => servedOf(way) > 0 || way.servedFrom === 'POOL')
    .sort((a, b) => rank(a) - rank(b))
    .map(wordsOf)
    .join(', ');
}

function wordsOf(way: ServedWay): string {
  const median = way.p50Ms === null ? '' : ` (median ${formatMs(way.p50Ms)})`;
  return `${servedOf(way)} ${wordFor(way.servedFrom)}${median}`;
}

/** Those that failed are counted too, but were not served. */
function servedOf({ count, failed }: ServedWay): number {
  return Math.max(0, count - failed);
}

/** How many were not served at all, whichever way was tried. */
export function failedOf(ways: readonly ServedWay[]): number {
  return ways.reduce((total, { failed }) => total + failed, 0);
}

const NO_WARM: ServedWay = { servedFrom: 'POOL', count: 0, failed: 0, p50Ms: null };

/** A way that came after this page was made comes last, and is told as it is. */
function rank({ servedFrom }: ServedWay): number {
  const known = WORDS.findIndex(([way]) => way === servedFrom);
  return known === -1 ? WORDS.length : known;
}

function wordFor(servedFrom: string): string {
  return WORDS.find(([way]) => way === servedFrom)?.[1] ?? servedFrom;
}
