/**
 * Where a reader stands in a stream of `changes`. Each message tells the cursor of the one before
 * it; one that does not fit proves that something is missing.
 */
export interface Chain {
  /** The position that the reader has everything up to, from which a new stream goes on. */
  readonly cursor: string | null;
  /** The cursor of the last message of this stream, or the one it went on from. */
  readonly last: string | null;
  /** Whether a state has begun that is not whole yet. */
  readonly isArriving: boolean;
}

/** What every message of the feed tells of its place, as far as it was asked for. */
export interface Link {
  readonly __typename: string;
  readonly cursor: string;
  readonly prev?: string | null;
  readonly more?: boolean;
}

/** A stream that begins with the state. */
export const FROM_THE_STATE: Chain = { cursor: null, last: null, isArriving: false };

/** A stream that goes on behind a cursor; half a state is worth nothing there. */
export function goingOn(cursor: string | null): Chain {
  return { cursor, last: cursor, isArriving: false };
}

/** Takes the next message. GAP: something is missing before it. */
export function extend(chain: Chain, message: Link): Chain | 'GAP' {
  const { __typename, cursor, prev, more } = message;
  if (__typename === 'FeedResync') return { ...chain, last: cursor, isArriving: true };
  // A reader that did not ask for `prev` has chosen not to know.
  if (prev !== undefined && prev !== chain.last) return 'GAP';
  if (__typename === 'FeedState') {
    return more === true ? { ...chain, last: cursor, isArriving: true } : goingOn(cursor);
  }
  return chain.cursor === null || chain.isArriving ? 'GAP' : goingOn(cursor);
}
