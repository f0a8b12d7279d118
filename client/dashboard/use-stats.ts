import { useMemo, useState } from 'react';
import { type AnyVariables, type TypedDocumentNode, useQuery } from 'urql';
import { PAST_CACHE_LIVE } from '../past-cache.ts';
import { atMostEvery } from '../refresh.ts';

/**
 * Figures about a stretch of time that ends now, asked for anew as they become old, at most so
 * often. Their question is another one each time the stretch moves on: on a page that is open for
 * days the cache would keep them all, so they go past it. Until a new answer is there the last one
 * is shown; for figures of something else a component needs another `key`.
 */
export function useStats<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  calmMs: number,
): Data | undefined {
  const context = useMemo(() => ({ ...PAST_CACHE_LIVE, ...atMostEvery(calmMs) }), [calmMs]);
  const args = { query, variables, context };
  const [{ data }] = useQuery<Data>(args);
  const [last, setLast] = useState(data);
  if (data !== undefined && data !== last) setLast(data);
  return data ?? last;
}
