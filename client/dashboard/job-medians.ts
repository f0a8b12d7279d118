import { useEffect, useMemo, useState } from 'react';
import { type Client, useClient } from 'urql';
import { graphql } from '../graphql.ts';
import { PAST_CACHE } from '../past-cache.ts';
import type { Job } from '../subject.ts';
import { type AskDone, type DoneJob, medianTimes, olderMedians } from './job-time.ts';

const DONE = graphql(`
  query DoneJobs($pool: String!, $after: String) {
    jobs(pool: $pool, status: [SUCCEEDED], first: 100, after: $after) {
      edges {
        node {
          id
          kind
          createdAt
          finishedAt
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`);

/**
 * How long each kind of job took in a pool: by the last that were done, and for those under way
 * whose kind is not among them, by what is found further back. That is looked for once.
 */
export function useMedians(
  poolName: string,
  jobs: readonly Job[],
  done: readonly DoneJob[] | undefined,
): ReadonlyMap<string, number> {
  const client = useClient();
  const recent = useMemo(() => medianTimes(done ?? []), [done]);
  const [older, setOlder] = useState<ReadonlyMap<string, number>>(NONE);
  const missing = done === undefined ? '' : missingKinds(jobs, recent);
  useEffect(() => {
    if (missing === '') return undefined;
    let isHere = true;
    void olderMedians(missing.split(' '), asker(client, poolName)).then((found) => {
      if (isHere) setOlder((known) => new Map([...known, ...found]));
    });
    return () => {
      isHere = false;
    };
  }, [client, poolName, missing]);
  return useMemo(() => new Map([...older, ...recent]), [older, recent]);
}

const NONE: ReadonlyMap<string, number> = new Map();

/** As one word, which stays the same while they do. */
function missingKinds(jobs: readonly Job[], recent: ReadonlyMap<string, number>): string {
  const underWay = jobs.filter(({ finishedAt }) => finishedAt === null).map(({ kind }) => kind);
  return [...new Set(underWay)]
    .filter((kind) => !recent.has(kind))
    .sort()
    .join(' ');
}

function asker(client: Client, pool: string): AskDone {
  return async (after) => {
    const { data } = await client.query(DONE, { pool, after }, PAST_CACHE).toPromise();
    if (data === undefined) return undefined;
    const { edges, pageInfo } = data.jobs;
    const next = pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null;
    return { jobs: edges.map(({ node }) => node), next };
  };
}
