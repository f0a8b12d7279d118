const FIRST_MS = 200;
const LONGEST_MS = 4_000;

/** How patient to be: the first wait is at most `first`, and none is longer than `longest`. */
export interface Patience {
  readonly first: number;
  readonly longest: number;
}

/** After a line that broke. */
export const EAGER: Patience = { first: FIRST_MS, longest: LONGEST_MS };
/** After a server that said it goes, to all its clients at once: they spread over this time. */
export const SPREAD: Patience = { first: 4_000, longest: 4_000 };
/** After an answer that another try will hardly change. */
export const CALM: Patience = { first: 1_000, longest: 30_000 };

/** Anything from nothing to twice as long as the last time: those who wait must not meet again. */
export function pauseMs(attempt: number, { first, longest }: Patience): number {
  return Math.random() * Math.min(longest, first * 2 ** Math.min(attempt, 16));
}

/** Runs after a pause, or as soon as the browser says that there is a network again. */
export function afterPause(ms: number, run: () => void): () => void {
  const isBrowser = typeof addEventListener === 'function';
  const cancel = () => {
    clearTimeout(timer);
    if (isBrowser) removeEventListener('online', go);
  };
  const go = () => {
    cancel();
    run();
  };
  const timer = setTimeout(go, ms);
  if (isBrowser) addEventListener('online', go);
  return cancel;
}
