import { expect, test } from 'vitest';
import type { Times } from '../../client/dashboard/history-documents.ts';
import { causeWord, finder, kindWord } from '../../client/dashboard/history-words.ts';
import {
  bucketsOf,
  markLabel,
  marksFor,
  PERIODS,
  sinceOf,
} from '../../client/dashboard/provisioning-periods.ts';

const NOW = Date.parse('2026-01-02T10:17:45.000Z');

function times(from: string, p50Ms: number | null, p95Ms: number | null, failed = 0): Times {
  return { servedFrom: 'POOL', from, count: 3, failed, p50Ms, p95Ms };
}

test.each(PERIODS)('$label is some dozens of whole buckets, the last of them now', (period) => {
  const since = sinceOf(period, NOW);
  const buckets = bucketsOf([], period, since);
  const bucketMs = period.bucketMinutes * 60_000;
  expect(since % bucketMs).toBe(0);
  expect(buckets.length).toBeGreaterThanOrEqual(24);
  const last = buckets.at(-1)?.['at'] ?? 0;
  expect(NOW - last).toBeGreaterThanOrEqual(0);
  expect(NOW - last).toBeLessThan(bucketMs);
});

test('each time is in its bucket, and nothing is there that a logarithm cannot show', () => {
  const [hour] = PERIODS;
  const list = [times('2026-01-02T10:16:00.000Z', 0, 40, 2)];
  const told = bucketsOf(list, hour, sinceOf(hour, NOW)).filter((one) => 'POOL p50' in one);
  const at = Date.parse('2026-01-02T10:16:00.000Z');
  expect(told).toEqual([{ at, 'POOL p50': 1, 'POOL p95': 40, 'POOL failed': 2 }]);
});

test('the axis has room for milliseconds and minutes, in round times', () => {
  const marks = marksFor([times('', 5, 40), times('', 90_000, 200_000), times('', null, null)]);
  expect(marks.map(markLabel)).toEqual([
    '1 ms',
    '10 ms',
    '100 ms',
    '1 s',
    '10 s',
    '1 min',
    '10 min',
  ]);
  expect(marksFor([]).length).toBeGreaterThan(1);
  expect(marksFor([times('', 10, 10)]).length).toBeGreaterThan(1);
});

test('what this page does not know yet is told as it is', () => {
  expect([kindWord('REGION'), causeWord('ECLIPSE')]).toEqual(['REGION', 'ECLIPSE']);
});

test('a line is found by the words that it shows, and by those of programs', () => {
  const change = {
    id: 'x-1',
    type: 'SESSION',
    kind: 'UPDATED',
    at: '2026-01-01T00:00:00.000Z',
    from: 'RUNNING',
    to: 'COMPLETED',
    cause: 'RELEASE',
    reason: 'no longer needed',
    actor: 'ada',
    job: null,
    subject: null,
  } as const;
  for (const text of ['given back', 'RELEASE', 'ada completed', 'needed', 'x-1']) {
    expect(finder(text)?.(change)).toBe(true);
  }
  expect(finder('bob')?.(change)).toBe(false);
  expect(finder('  ')).toBe(null);
});
