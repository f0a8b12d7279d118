import { expect, it, vi } from 'vitest';
import { play } from './play.ts';

vi.setConfig({ testTimeout: 600_000 });

it.each([1, 2, 3])('seed %i', async (seed) => {
  const t = performance.now();
  const { faults, story, counts } = await play(seed);
  console.log(seed, counts, performance.now() - t);
  if (faults.length > 0) console.log(story.join('\n'));
  expect(faults.slice(0, 10)).toEqual([]);
});
