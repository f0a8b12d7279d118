import { afterAll, describe, expect, it, vi } from 'vitest';
import { seedsOf } from '../kit/campaign.ts';
import type { Fleet } from '../kit/fleet.ts';
import { MISHAPS } from './fault-list.ts';
import { MOMENTS, type Moment } from './mishap.ts';
import { openScene, tryOut, type Verdict } from './trial.ts';

/**
 * Every fault at every moment: the work ends well, or in a failure that can be read, before a
 * deadline; and with the fault gone the pool is as it was, by itself or by a repair.
 */

/** In a test run some faults at one moment each, by `npm run check:kubevirt-faults` all at all. */
const { all } = seedsOf('kubevirt-faults', 1);

vi.setConfig({ testTimeout: 120_000 });

/** The share of the faults that a test run has time for; making a cluster takes the longest. */
const EVERY = 8;

const CASES = MISHAPS.flatMap((mishap, index) => {
  const moments = mishap.at ?? MOMENTS;
  if (!all && index % EVERY !== 0) return [];
  const chosen = all ? moments : moments.slice((index / EVERY) % moments.length).slice(0, 1);
  return chosen.map((moment) => ({ mishap, moment }));
});

describe.each(MOMENTS)('at the moment of %s', (moment: Moment) => {
  let scene: Fleet | undefined;

  afterAll(async () => {
    await scene?.close();
  });

  it.each(
    CASES.filter((each) => each.moment === moment).map((each) => [each.mishap.what, each] as const),
  )('%s', async (_, { mishap }) => {
    scene ??= await openScene(moment);
    const fleet = scene;
    try {
      show(moment, mishap.what, await tryOut(fleet, mishap, moment));
    } catch (error) {
      // What is left of it is no place for the next.
      scene = undefined;
      await fleet.close().catch(() => undefined);
      throw error;
    }
    expect(fleet.faults).toEqual([]);
  });
});

function show(moment: Moment, what: string, { seconds, end, told }: Verdict): void {
  if (process.env['SNAPYARD_SHOW'] === undefined) return;
  console.info(`${moment} ${what}: ${seconds} s, ${end}\n    ${told.join('\n    ')}`);
}
