import { afterEach, expect } from 'vitest';
import { Fleet, type FleetOptions } from '../kit/fleet.ts';

/**
 * For the beginning of a test file: opens a fleet whose loops run. It is closed after its test,
 * however that ended, and the test fails when a server of it has logged a bug.
 */
export function fleetPerTest(): (options?: FleetOptions) => Promise<Fleet> {
  let present: Fleet | undefined;
  afterEach(async () => {
    const fleet = present;
    present = undefined;
    await fleet?.close();
    expect(fleet?.faults ?? []).toEqual([]);
  });
  return async (options) => {
    present = await Fleet.open(options);
    present.loops.start();
    return present;
  };
}
