import { spawnSync } from 'node:child_process';
import { expect, it, vi } from 'vitest';
import { BUGS } from './bugs.ts';
import { findBug } from './simulate.ts';
import { simulate } from './simulation.ts';

// `npm run simulate -- --seeds 1000` plays as many as wanted: here are a few of them.
const SEEDS = Array.from({ length: 4 }, (_, group) => group * 5 + 1);
const TOGETHER = 5;
/** More than any planted bug needs. */
const SEEDS_FOR_A_BUG = 12;

vi.setConfig({ testTimeout: 120_000 });

it.each(SEEDS)('whatever happens, what must hold holds (five seeds from %i)', async (first) => {
  for (let seed = first; seed < first + TOGETHER; seed += 1) {
    const { calls, rows } = await simulate(seed);
    expect(calls).toBeGreaterThan(0);
    expect(rows).toBeGreaterThan(100);
  }
});

it('a seed plays the same history each time, in this process and in another', async () => {
  const seed = 7;
  const first = await simulate(seed);
  expect(await simulate(seed)).toEqual(first);
  const args = ['test/simulation/simulate.ts', '--seed', `${seed}`];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual(first);
  expect((await simulate(seed + 1)).hash).not.toBe(first.hash);
});

it.each(BUGS)('a planted bug is found: $name', async (bug) => {
  const { found } = await findBug(bug, SEEDS_FOR_A_BUG);
  expect(found?.lines.length).toBeGreaterThan(0);
});
