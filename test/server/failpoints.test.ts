import { describe, expect, it, vi } from 'vitest';
import { seedsOf } from '../kit/campaign.ts';
import { Failpoints } from '../kit/failpoints.ts';
import { differences, Invariants } from '../kit/invariants.ts';
import { settled, Story, type Acknowledged } from '../kit/story.ts';
import { openYard, type Crashed, type Yard } from '../kit/yard.ts';

/** A point at which the process is killed, what that leaves, and what was promised by then. */
interface Death {
  readonly point: string;
  readonly left: Crashed;
  readonly promised: readonly Acknowledged[];
}

/** Outside things take seconds, not minutes: fewer idle ticks to sit out. */
const SPEED = 20;

/** In a test run once at each place in the code; by its own command each time it is reached. */
const { all: everyOne, seeds } = seedsOf('failpoints', 1);

/** Plays the story to its end, and puts by what a crash at each point would leave. */
async function record(seed: number): Promise<{ deaths: Death[]; points: number }> {
  const deaths: Death[] = [];
  const seen = new Set<string>();
  let points = 0;
  let story: Story | undefined;
  const reach = (point: string): void => {
    if (story === undefined) return;
    points += 1;
    if (seen.has(point) && !everyOne) return;
    seen.add(point);
    deaths.push({ point, left: yard.putBy(), promised: [...story.acknowledged.values()] });
  };
  const failpoints = new Failpoints(reach);
  const yard: Yard = openYard({
    seed,
    speed: SPEED,
    shuffle: seed > 1,
    wrapStore: (store) => failpoints.store(store),
    wrapProvider: (provider) => failpoints.provider(provider),
  });
  story = new Story(yard);
  await story.play();
  expect(yard.faults).toEqual([]);
  story = undefined;
  await yard.close();
  return { deaths, points };
}

/** What is wrong with the server that was started on what the crash left. */
async function broken(seed: number, { left, promised }: Death): Promise<string[]> {
  const yard = left.open({ seed, speed: SPEED });
  try {
    yard.loops.start();
    const invariants = new Invariants();
    await yard.world.settle();
    const lost = promised.flatMap((holds) => holds(yard.store) ?? []);
    const torn = invariants.broken(yard.store);
    await settled(yard);
    await tidied(yard);
    const outside = await yard.done(differences(yard.store, yard.simulator));
    return [...lost, ...torn, ...invariants.broken(yard.store), ...outside, ...yard.faults];
  } catch (error) {
    return [String(error)];
  } finally {
    await yard.close();
  }
}

/** What nobody knows any more is found within ten minutes. */
async function tidied(yard: Yard): Promise<void> {
  const rest = await yard.done(differences(yard.store, yard.simulator));
  if (rest.length > 0) await yard.world.advance(11 * 60_000);
}

vi.setConfig({ testTimeout: 7_200_000 });

describe('a process killed at any point', () => {
  it.each(seeds)('converges with all that was acknowledged (seed %i)', async (seed) => {
    const { deaths, points } = await record(seed);
    const failures: string[] = [];
    for (const death of deaths) {
      for (const line of await broken(seed, death)) failures.push(`${death.point}: ${line}`);
    }
    console.info(`${deaths.length} of ${points} points, seed ${seed}: ${failures.length} failures`);
    expect(failures).toEqual([]);
  });
});
