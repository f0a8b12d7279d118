import { expect, it, vi } from 'vitest';
import { hunt } from './hunt.ts';
import { BUGS } from './planted/bugs.ts';
import { play } from './play.ts';

/**
 * The feed from the store to the engine, in virtual time, under readers of every kind; every
 * message is checked against what was committed. `npm run check:feed` plays as many seeds as
 * wanted, `npm run check:feed -- --bugs` hunts the planted bugs for longer.
 */

vi.setConfig({ testTimeout: 60_000 });

/** Seeds that have found something stay. */
const REMEMBERED = [868];
const SEEDS = [...Array.from({ length: 12 }, (_, n) => n + 1), ...REMEMBERED];
/** A bug that is planted is found within so many. */
const MOST_SEEDS = 12;

it.each(SEEDS)('keeps its promises (seed %i)', async (seed) => {
  const { faults, story } = await play(seed);
  expect(faults.slice(0, 5), story.join('\n')).toEqual([]);
});

it('plays the same run for the same seed', async () => {
  expect(await play(7)).toEqual(await play(7));
});

it('has a bank of bugs, each with a name of its own', () => {
  expect(BUGS.length).toBeGreaterThanOrEqual(12);
  expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length);
});

it.each(BUGS)('finds a planted bug: $name', async (bug) => {
  expect(await hunt(bug, 1, MOST_SEEDS)).toBeDefined();
});
