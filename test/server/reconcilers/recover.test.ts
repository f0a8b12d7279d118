import { describe, expect, it } from 'vitest';
import type { SimulatedCluster } from '../../../server/providers/simulator/outside.ts';
import { MINUTE, restart, runningYard, strays } from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

/** Puts a cluster into the outside world that no row knows. */
function plant(yard: Yard, id: string, installation: string): void {
  const [cluster] = yard.outside.clusters();
  if (cluster === undefined) throw new Error('the outside world is empty');
  const planted: SimulatedCluster = { ...cluster, id, name: id, installation };
  yard.outside.change({ cluster: planted });
}

describe('recovery', () => {
  it('removes what no row knows, but nothing of another installation', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    plant(yard, 'orphan', yard.store.installation.id);
    plant(yard, 'stranger', 'another-installation');
    const next = restart(yard);
    await next.world.advance(MINUTE);
    expect(next.outside.cluster('orphan')).toBeUndefined();
    expect(next.outside.cluster('stranger')).toBeDefined();
    expect(await strays(next)).toEqual([]);
    expect(next.members('p').map(({ status }) => status)).toEqual(['AVAILABLE']);
  });

  it('looks again each ten minutes, whatever becomes of the clock', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    plant(yard, 'orphan', yard.store.installation.id);
    yard.world.jumpClock(-60 * MINUTE);
    await yard.world.advance(11 * MINUTE);
    expect(yard.outside.cluster('orphan')).toBeUndefined();
  });

  it('lets a server that was away for long find its pool as it left it', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 2 });
    await yard.settled('p', 2);
    const next = restart(yard);
    await next.world.advance(10_000);
    expect(next.members('p').map(({ status }) => status)).toEqual(['AVAILABLE', 'AVAILABLE']);
  });
});
