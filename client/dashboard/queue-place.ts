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
  query QueuePlaces {
    sessions(first: 50, status: [PENDING]) {
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
 * The place of a waiting session in its queue. Others who leave move it without a change of its
 * own, so it is asked of the server, at first too: what the feed has brought is no answer that
 * could become old.
 */
export function useQueuePlace({ id, queuePosition }: Session): number | null {
  const [{ data }] = useQuery({
    query: PLACE,
    variables: { id },
    requestPolicy: 'cache-and-network',
  });
  return data?.session?.queuePosition ?? queuePosition;
}

/** The places of the youngest who wait, by their sessions' ids, when anybody does. */
export function useQueuePlaces(isAnybodyWaiting: boolean): ReadonlyMap<string, number | null> {
  const [{ data }] = useQuery({ query: PLACES, pause: !isAnybodyWaiting });
  return useMemo(() => {
    const edges = data?.sessions.edges ?? [];
    return new Map(edges.map(({ node }) => [node.id, node.queuePosition]));
  }, [data]);
}
