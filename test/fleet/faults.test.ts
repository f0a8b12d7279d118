import { afterAll, describe, expect, it, vi } from 'vitest';
import { seedsOf } from '../kit/campaign.ts';
import type { Fleet } from '../kit/fleet.ts';
import { MISHAPS } from './fault-list.ts';
import { MOMENTS, type Mishap, type Moment } from './mishap.ts';
import { openScene, tryOut, type Verdict } from './trial.ts';

/**
 * Every fault at every moment: the work ends well, or in a failure that can be read, before a
 * deadline; and with the fault gone the pool is as it was, by itself or by a repair.
 */

/** In a test run a few at each moment, by `npm run check:kubevirt-faults` all at all. */
const { all } = seedsOf('kubevirt-faults', 1);

vi.setConfig({ testTimeout: 120_000 });

/** The share of what can go wrong at a moment that a test run has time for. */
const EVERY = 36;

/** What can go wrong at a moment: all of it in a campaign, in a test run a few of each. */
function casesAt(moment: Moment): (readonly [what: string, mishap: Mishap])[] {
  const possible = MISHAPS.filter(({ at = MOMENTS }) => at.includes(moment));
  const first = MOMENTS.indexOf(moment);
  const chosen = all ? possible : possible.filter((_, index) => index % EVERY === first);
  return chosen.map((mishap) => [mishap.what, mishap] as const);
}

describe.each(MOMENTS)('at the moment of %s', (moment: Moment) => {
  let scene: Fleet | undefined;

  afterAll(async () => {
    await scene?.close();
  });

  it.each(casesAt(moment))('%s', async (_, mishap) => {
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
