import { useMemo } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../graphql.ts';
import { atMostEvery } from '../refresh.ts';
import { formatMs, useHour } from './moment.tsx';

const SERVED = graphql(`
  query Served($pool: String!, $since: DateTime!) {
    provisioningStats(pool: $pool, since: $since, claimsOnly: true) {
      servedFrom
      count
      failed
      p50Ms
    }
  }
`);

const DAY_MS = 86_400_000;

/** A count of a whole day may be some moments old. */
const CALM = atMostEvery(2_000);

/** How the claims of the last day were served: from the warm clusters, or by a cold start. */
export function ServedLine({ poolName }: { poolName: string }) {
  const hour = useHour();
  const variables = useMemo(
    () => ({ pool: poolName, since: new Date(hour - DAY_MS).toISOString() }),
    [poolName, hour],
  );
  const [{ data }] = useQuery({ query: SERVED, variables, context: CALM });
  if (data === undefined) return <span className="fact-name">Claims in 24 h</span>;
  const ways = data.provisioningStats;
  const warm = ways.filter(({ servedFrom }) => servedFrom === 'POOL');
  const cold = ways.filter(({ servedFrom }) => servedFrom !== 'POOL');
  const failed = sum(ways.map((way) => way.failed));
  return (
    <>
      <span className="fact-name">Claims in 24 h</span> {sum(warm.map(({ count }) => count))} warm
      <Median ms={warm[0]?.p50Ms} />, {sum(cold.map(({ count }) => count))} cold
      <Median ms={cold[0]?.p50Ms} />
      {failed > 0 && <strong className="bad">, {failed} failed</strong>}
    </>
  );
}

function Median({ ms }: { ms: number | null | undefined }) {
  return ms == null ? null : <span className="quiet"> (median {formatMs(ms)})</span>;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
