import {
  composeExchanges,
  type Exchange,
  type Operation,
  type OperationContext,
  type OperationResult,
} from '@urql/core';
import { filter, makeSubject, merge, pipe, share, tap } from 'wonka';

/**
 * The context of an operation that is for its asker alone: its answer is as the server gave it,
 * nothing in it is shared with what else is shown, and it is never asked for anew by itself. For
 * what must be taken together, such as a list and the cursor at which it was read: the cache gives
 * each field its newest value, wherever that came from.
 */
export const PAST_CACHE: Partial<OperationContext> = {
  requestPolicy: 'network-only',
  isPastCache: true,
};

/**
 * The same, but asked for anew when the feed makes it old, for as long as somebody shows it. For
 * questions that differ with the time: the cache keeps the answers to all that were ever asked.
 */
export const PAST_CACHE_LIVE: Partial<OperationContext> = { ...PAST_CACHE, isKeptFresh: true };

/** Whether nobody but its asker asks for it anew. */
export function isLeftAlone({ context }: Operation): boolean {
  return context['isPastCache'] === true && context['isKeptFresh'] !== true;
}

/** Exchanges that what is asked with `PAST_CACHE` goes past. */
export function passable(exchanges: Exchange[]): Exchange {
  const caching = composeExchanges(exchanges);
  return ({ forward, ...input }) =>
    (operations) => {
      const all = pipe(operations, share);
      const past = pipe(all, filter(goesPast));
      const answersPast = makeSubject<OperationResult>();
      const throughCache = caching({
        ...input,
        forward: (ordinary) =>
          pipe(
            forward(merge([ordinary, past])),
            tap((result) => {
              if (goesPast(result.operation)) answersPast.next(result);
            }),
            filter(({ operation }) => !goesPast(operation)),
          ),
      });
      const ordinary = pipe(
        all,
        filter((operation) => !goesPast(operation)),
      );
      return merge([answersPast.source, throughCache(ordinary)]);
    };
}

function goesPast({ context }: Operation): boolean {
  return context['isPastCache'] === true;
}
