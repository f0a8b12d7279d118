import type { LogView } from './history-log.ts';

/** What keeps new lines from coming on top. */
interface Held {
  readonly isPaused: boolean;
  /** The reader has scrolled down, and is not to be moved. */
  readonly isAway: boolean;
}

/**
 * What becomes of new lines now. How many there are is not part of it: this is read out whenever
 * it differs, and they come many times a second.
 */
export function followingWords(
  { state, hasNewest }: Pick<LogView, 'state' | 'hasNewest'>,
  { isPaused, isAway }: Held,
): string {
  if (state === 'LOADING') return 'Reading the log …';
  if (state === 'REFUSED') return 'The server does not show this log.';
  if (isPaused) return 'Paused';
  if (isAway) return 'New lines wait above while you read';
  if (!hasNewest) return 'Not following: the newest lines are not loaded';
  return 'Following: new lines come on top';
}
