import { expect, it } from 'vitest';
import { claim, clusterOf, release, served, until } from '../kit/pool-under-test.ts';
import { fleetPerTest } from './fleet-per-test.ts';

const open = fleetPerTest();

it('guests that take no SSH are made, handed out and reset by their own probe', async () => {
  const fleet = await open();
  await fleet.addPool({ name: 'lab', size: 1, readiness: 'PROBE' });
  await fleet.settled('lab', 1);
  const session = await served(fleet, await claim(fleet, 'lab'));
  expect(session.status).toBe('RUNNING');
  await release(fleet, session);
  const cluster = () => clusterOf(fleet, session.clusterId);
  await until(fleet, () => cluster().status === 'AVAILABLE' && cluster().lastReset !== null);
}, 60_000);
