import { useMemo } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../graphql.ts';
import type { Session } from '../subject.ts';

const PLACE = graphql(`
  query QueuePlace($id: ID!) {
    session(id: $id) {
      id
      queuePosition
    }
  }
`);

const PLACES = graphql(`
  query QueuePlaces($pool: String) {
    sessions(first: 100, pool: $pool, status: [PENDING]) {
      edges {
        node {
          id
          queuePosition
        }
      }
    }
  }
`);

/**
 * The place of a waiting session in its queue; null while it is not known. Others who leave move it
 * without a change of its own, so it is only ever what the server has answered: what the feed has
 * brought may be long past.
 */
export function useQueuePlace({ id }: Pick<Session, 'id'>): number | null {
  const [{ data }] = useQuery({
    query: PLACE,
    variables: { id },
    requestPolicy: 'network-only',
  });
  return data?.session?.queuePosition ?? null;
}

/**
 * The places of those who wait, in one pool or in any, by their sessions' ids, when anybody does.
 * The server tells them for the 100 youngest; a place that is not told is not known.
 */
export function useQueuePlaces(
  isAnybodyWaiting: boolean,
  pool: string | null,
): ReadonlyMap<string, number | null> {
  const [{ data }] = useQuery({
    query: PLACES,
    variables: { pool },
    pause: !isAnybodyWaiting,
    requestPolicy: 'network-only',
  });
  return useMemo(() => {
    const edges = data?.sessions.edges ?? [];
    return new Map(edges.map(({ node }) => [node.id, node.queuePosition]));
  }, [data]);
}
