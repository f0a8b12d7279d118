import { BarChart, LineChart } from '@mantine/charts';
import { useMemo } from 'react';
import type { Times } from './history-documents.ts';
import { formatMs } from './moment.tsx';
import {
  type Bucket,
  bucketLabel,
  bucketsOf,
  markLabel,
  marksFor,
  type Period,
  WAYS,
} from './provisioning-periods.ts';
import '@mantine/charts/styles.css';

/** What there is to draw. */
export interface ProvisioningChartProps {
  readonly times: readonly Times[];
  readonly period: Period;
  /** When the first bucket begins. */
  readonly since: number;
}

/** Median and p95 of each way over time, and below what failed; a table has the numbers. */
export default function ProvisioningChart({ times, period, since }: ProvisioningChartProps) {
  const data = useMemo(() => bucketsOf(times, period, since), [times, period, since]);
  const marks = useMemo(() => marksFor(times), [times]);
  const hasFailed = times.some(({ failed }) => failed > 0);
  const ways = WAYS.filter(({ way }) => times.some(({ servedFrom }) => servedFrom === way));
  const axis = {
    data: [...data],
    dataKey: 'at',
    xAxisProps: { tickFormatter: (at: number) => bucketLabel(at, period), minTickGap: 24 },
    tooltipAnimationDuration: 0,
    tooltipProps: { labelFormatter: (at: unknown) => labelAt(at, period) },
  };
  return (
    <figure className="times-chart" aria-label="Chart of the times">
      <div aria-hidden="true">
        <Legend ways={ways} />
        <LineChart
          {...axis}
          h={260}
          series={ways.flatMap(linesOf)}
          curveType="linear"
          strokeWidth={2}
          valueFormatter={formatMs}
          yAxisProps={{
            scale: 'log',
            domain: [marks[0] ?? 1, marks.at(-1) ?? 1],
            ticks: marks,
            tickFormatter: markLabel,
            width: 64,
          }}
          lineProps={{ isAnimationActive: false }}
          lineChartProps={{ syncId: 'provisioning', accessibilityLayer: false }}
        />
        {hasFailed && <FailedChart axis={axis} ways={ways} />}
      </div>
    </figure>
  );
}

type Way = (typeof WAYS)[number];

function Legend({ ways }: { ways: readonly Way[] }) {
  return (
    <ul className="times-legend">
      {ways.map(({ way, word }) => (
        <li key={way} data-way={way}>
          {word}
        </li>
      ))}
      <li className="quiet">line: median, dots: 95 of 100 within</li>
    </ul>
  );
}

function linesOf({ way, word, color }: Way) {
  return [
    { name: `${way} p50`, label: `${word}, median`, color },
    { name: `${way} p95`, label: `${word}, p95`, color, strokeDasharray: '3 4' },
  ];
}

interface FailedChartProps {
  readonly axis: { readonly data: Bucket[]; readonly dataKey: string };
  readonly ways: readonly Way[];
}

function FailedChart({ axis, ways }: FailedChartProps) {
  return (
    <>
      <p className="quiet">Failed</p>
      <BarChart
        {...axis}
        h={90}
        type="stacked"
        series={ways.map(({ way, word, color }) => ({
          name: `${way} failed`,
          label: `${word}, failed`,
          color,
        }))}
        yAxisProps={{ allowDecimals: false, width: 64, tickCount: 3 }}
        barProps={{ isAnimationActive: false }}
        barChartProps={{ syncId: 'provisioning', accessibilityLayer: false }}
      />
    </>
  );
}

/** Before anything is pointed at, it is asked what nothing is called. */
function labelAt(at: unknown, period: Period): string {
  return typeof at === 'number' ? bucketLabel(at, period) : '';
}
