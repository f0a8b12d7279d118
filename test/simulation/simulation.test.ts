import { spawnSync } from 'node:child_process';
import { expect, it, vi } from 'vitest';
import { BUGS } from './bugs.ts';
import { findBug } from './simulate.ts';
import { simulate } from './simulation.ts';

// `npm run simulate -- --seeds 1000` plays as many as wanted: here are a few of them.
const SEEDS = [1, 6];
const TOGETHER = 5;
/** Seeds by which every planted bug is found soon. */
const SEEDS_FOR_A_BUG = { first: 20, seeds: 12 };

vi.setConfig({ testTimeout: 120_000 });

it.each(SEEDS)('whatever happens, what must hold holds (five seeds from %i)', async (first) => {
  const all = { calls: 0, rows: 0, deaths: 0, messages: 0 };
  for (let seed = first; seed < first + TOGETHER; seed += 1) {
    const { calls, rows, deaths, messages } = await simulate(seed);
    all.calls += calls;
    all.rows += rows;
    all.deaths += deaths;
    all.messages += messages;
  }
  // Where nothing happens, nothing can be wrong.
  expect(all.calls).toBeGreaterThan(50);
  expect(all.rows).toBeGreaterThan(1_000);
  expect(all.deaths).toBeGreaterThan(0);
  expect(all.messages).toBeGreaterThan(100);
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

const AGAINST_AN_ORDER = ['double owner', 'lost release', 'queue overtaking'];

it.each(BUGS.filter(({ name }) => AGAINST_AN_ORDER.includes(name)))(
  'the order of claims alone finds a planted bug: $name',
  async (bug) => {
    const { found } = await findBug(bug, { ...SEEDS_FOR_A_BUG, only: 'linearizability' });
    expect(found?.check).toBe('linearizability');
  },
);
