import { expect, test } from 'vitest';
import type { LogChange, LogPage } from '../../client/dashboard/history-documents.ts';
import {
  MOST_ENTRIES,
  NO_ROWS,
  Numbering,
  released,
  type Rows,
  withNew,
  withOlder,
} from '../../client/dashboard/history-rows.ts';
import { seeded } from '../kit/seeded.ts';

// A log in which each line is called by its number: what is kept must be a stretch of it.

function line(number: number): LogChange {
  const nothing = { from: null, to: null, reason: null, job: null, subject: null };
  const at = '2026-01-01T00:00:00.000Z';
  const why = { cause: 'CLAIM', actor: 'ada' } as const;
  return { id: String(number), type: 'SESSION', kind: 'UPDATED', at, ...why, ...nothing };
}

/** The page of the lines below a number, as the server would give it. */
function pageBelow(number: number, first: number): LogPage {
  const numbers = Array.from({ length: Math.min(first, number - 1) }, (_, i) => number - 1 - i);
  return {
    cursor: `e-${number}`,
    changeLog: {
      edges: numbers.map((one) => ({ node: line(one) })),
      pageInfo: { endCursor: String(numbers.at(-1) ?? ''), hasNextPage: number - 1 > first },
    },
  };
}

function numbersIn(entries: Rows['entries']): number[] {
  return entries.map(({ change }) => Number(change.id));
}

test('whatever comes, waits, is taken in and fetched: no gap, nothing twice, bounded', () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const chance = seeded(seed);
  const numbering = new Numbering();
  let newest = 5_000;
  let isHeld = false;
  let rows = withOlder(NO_ROWS, pageBelow(newest + 1, 100), numbering);
  const deeds = [
    () => {
      const count = 1 + Math.floor(chance() * 300);
      const news = Array.from({ length: count }, (_, index) => line(newest + count - index));
      newest += count;
      rows = withNew(rows, numbering.number(news), isHeld || !rows.hasNewest);
    },
    () => {
      if (rows.end !== null) rows = withOlder(rows, pageBelow(Number(rows.end), 100), numbering);
    },
    () => {
      isHeld = !isHeld;
      if (isHeld) return;
      if (rows.hasNewest) rows = released(rows);
      else rows = withOlder(NO_ROWS, pageBelow(newest + 1, 100), numbering);
    },
  ];
  for (let step = 0; step < 400; step += 1) {
    deeds[Math.floor(chance() * deeds.length)]?.();
    const shown = numbersIn(rows.entries);
    const top = shown[0] ?? 0;
    expect(shown).toEqual(Array.from({ length: shown.length }, (_, index) => top - index));
    expect(shown.length).toBeLessThanOrEqual(MOST_ENTRIES);
    if (rows.hasNewest) expect(top + rows.waitingCount).toBe(newest);
    if (rows.end !== null) expect(Number(rows.end)).toBe(shown.at(-1));
    expect(new Set(rows.entries.map(({ key }) => key)).size).toBe(shown.length);
  }
});

test('the end of the log is known as such', () => {
  const rows = withOlder(NO_ROWS, pageBelow(31, 100), new Numbering());
  expect([rows.entries.length, rows.hasOlder]).toEqual([30, false]);
});
