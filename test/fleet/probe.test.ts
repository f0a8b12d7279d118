import { afterEach, expect, it } from 'vitest';
import { Fleet } from '../kit/fleet.ts';
import { claim, clusterOf, release, served, until } from '../kit/pool-under-test.ts';

let fleet: Fleet | undefined;

afterEach(async () => {
  const present = fleet;
  fleet = undefined;
  await present?.close();
  expect(present?.faults ?? []).toEqual([]);
});

it('guests that take no SSH are made, handed out and reset by their own probe', async () => {
  fleet = await Fleet.open();
  const present = fleet;
  present.loops.start();
  await present.addPool({ name: 'lab', size: 1, readiness: 'PROBE' });
  await present.settled('lab', 1);
  const session = await served(present, await claim(present, 'lab'));
  expect(session.status).toBe('RUNNING');
  await release(present, session);
  const cluster = () => clusterOf(present, session.clusterId);
  await until(present, () => cluster().status === 'AVAILABLE' && cluster().lastReset !== null);
}, 60_000);
