import { useMemo } from 'react';
import { graphql } from '../graphql.ts';
import { useHour } from './moment.tsx';
import { failedOf, servedWords } from './served-words.ts';
import { useStats } from './use-stats.ts';

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
const CALM_MS = 2_000;

/** How the claims of the last day were served, and how long that took, each way by itself. */
export function ServedLine({ poolName }: { poolName: string }) {
  const hour = useHour();
  const variables = useMemo(
    () => ({ pool: poolName, since: new Date(hour - DAY_MS).toISOString() }),
    [poolName, hour],
  );
  const data = useStats(SERVED, variables, CALM_MS);
  if (data === undefined) return <span className="fact-name">Claims in 24 h</span>;
  const ways = data.provisioningStats;
  const failed = failedOf(ways);
  return (
    <>
      <span className="fact-name">Claims in 24 h</span> {servedWords(ways)}
      {failed > 0 && <strong className="bad">, {failed} failed</strong>}
    </>
  );
}
