import { Checkbox, SegmentedControl, Select } from '@mantine/core';
import { memo, useMemo, useState } from 'react';
import { useChoice } from './address.ts';
import { byName } from './by-name.ts';
import { TIMES, type Times } from './history-documents.ts';
import { lazyPage } from './lazy-page.tsx';
import { useThings } from './live.ts';
import { formatMs, useNow } from './moment.tsx';
import { bucketLabel, type Period, PERIODS, sinceOf, wayWord } from './provisioning-periods.ts';
import { useStats } from './use-stats.ts';

// The chart's library is large: it comes when there is something to draw.
const ProvisioningChart = lazyPage(
  { name: 'the chart', waiting: 'Drawing …', className: 'times-chart quiet' },
  () => import('./provisioning-chart.tsx'),
);

/** A chart that is drawn anew more often is dear, and shows no more. */
const CALM_MS = 1_000;

/** How long it took to get a cluster, by the way it was served, over time. */
export function ProvisioningTimes() {
  const pools = useThings('clusterPools');
  const names = useMemo(() => [...pools.values()].sort(byName).map(({ name }) => name), [pools]);
  const [chosen, setPool] = useChoice('times');
  const [value, setPeriod] = useChoice('period', PERIODS[0].value);
  const [served, setServed] = useChoice('served', 'claims');
  const claimsOnly = served !== 'all';
  // A pool that comes later never takes its place by its name.
  const [first, setFirst] = useState(names[0]);
  if (first !== names[0] && first === undefined) setFirst(names[0]);
  const [asTable, setAsTable] = useState(false);
  const pool = chosen === '' ? first : chosen;
  const period = PERIODS.find((one) => one.value === value) ?? PERIODS[0];
  return (
    <section className="card" aria-label="Provisioning times">
      <h2>Time to a ready cluster</h2>
      <div className="times-choices">
        <Select
          label="Pool"
          data={names}
          value={pool ?? null}
          onChange={(name) => setPool(name ?? '')}
          allowDeselect={false}
        />
        <SegmentedControl
          className="times-period"
          aria-label="Period"
          data={PERIODS.map(({ value, label }) => ({ value, label }))}
          value={period.value}
          onChange={setPeriod}
        />
        <Checkbox
          label="Claims only"
          description="without clusters made for the pool"
          checked={claimsOnly}
          onChange={(event) => setServed(event.currentTarget.checked ? 'claims' : 'all')}
        />
      </div>
      {pool === undefined ? (
        <p className="quiet">There are no pools yet.</p>
      ) : (
        // Another question begins anew: times of one pool never stand under another's name.
        <TimesNow
          key={`${pool} ${period.value} ${claimsOnly}`}
          {...{ pool, period, claimsOnly, asTable, onTable: setAsTable }}
        />
      )}
    </section>
  );
}

interface TimesWanted {
  readonly pool: string;
  readonly period: Period;
  readonly claimsOnly: boolean;
  /** Whether the numbers are shown too. */
  readonly asTable: boolean;
  readonly onTable: (asTable: boolean) => void;
}

/** Goes on to the next bucket when its time has come. */
function TimesNow(props: TimesWanted) {
  return <TimesSince {...props} since={sinceOf(props.period, useNow())} />;
}

const TimesSince = memo(function TimesSince(props: TimesWanted & { since: number }) {
  const { pool, period, claimsOnly, since, asTable, onTable } = props;
  const { bucketMinutes } = period;
  const variables = useMemo(
    () => ({ pool, since: new Date(since).toISOString(), bucketMinutes, claimsOnly }),
    [pool, since, bucketMinutes, claimsOnly],
  );
  const data = useStats(TIMES, variables, CALM_MS);
  if (data === undefined) return <p className="times-chart quiet">Reading …</p>;
  const times = data.provisioningStats;
  if (times.length === 0) return <p className="quiet">Nothing was served in this time.</p>;
  return (
    <>
      <ProvisioningChart times={times} period={period} since={since} />
      <Checkbox
        label="Show the numbers"
        checked={asTable}
        onChange={(event) => onTable(event.currentTarget.checked)}
      />
      <div className={asTable ? undefined : 'unseen'}>
        <TimesTable times={times} period={period} />
      </div>
    </>
  );
});

function TimesTable({ times, period }: { times: readonly Times[]; period: Period }) {
  return (
    <table className="rows" aria-label="Provisioning times, newest first">
      <thead>
        <tr>
          <th scope="col">From</th>
          <th scope="col">Served</th>
          <th scope="col">Count</th>
          <th scope="col">Failed</th>
          <th scope="col">Median</th>
          <th scope="col">95 of 100 within</th>
        </tr>
      </thead>
      <tbody>
        {times.toReversed().map(({ from, servedFrom, count, failed, p50Ms, p95Ms }) => (
          <tr key={`${from} ${servedFrom}`}>
            <td data-label="From">{bucketLabel(Date.parse(from), period)}</td>
            <td data-label="Served">{wayWord(servedFrom)}</td>
            <td data-label="Count">{count}</td>
            <td data-label="Failed">{failed}</td>
            <td data-label="Median">{p50Ms === null ? '–' : formatMs(p50Ms)}</td>
            <td data-label="95 of 100 within">{p95Ms === null ? '–' : formatMs(p95Ms)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
