import { expect, it, vi } from 'vitest';
import { seedsOf } from '../kit/campaign.ts';
import { RandomWalk, type Walk } from '../kit/random-walk.ts';

const STEPS = 20;
/** Seeds of one test: so many that a test is worth its line, so few that a failure is found. */
const TOGETHER = 20;

vi.setConfig({ testTimeout: 7_200_000 });

const { seeds } = seedsOf('walks', 100);
const groups = Array.from({ length: Math.ceil(seeds.length / TOGETHER) }, (_, i) => ({
  from: seeds[i * TOGETHER] ?? 0,
  group: seeds.slice(i * TOGETHER, (i + 1) * TOGETHER),
}));

it.each(groups)('whatever happens, the invariants hold (seeds from $from)', async ({ group }) => {
  const walks: Walk[] = [];
  for (const seed of group) walks.push(await new RandomWalk(seed).walk(STEPS));
  const sum = (of: (walk: Walk) => number) => walks.reduce((all, walk) => all + of(walk), 0);
  const [steps, crashes] = [sum((w) => w.steps), sum((w) => w.crashes)];
  console.info(`${walks.length} walks, ${steps} steps, ${crashes} crashes`);
  expect(sum((w) => w.sessions)).toBeGreaterThan(0);
});
