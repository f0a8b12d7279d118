import { describe, expect, it } from 'vitest';
import { findTemplate } from '../../../db/template.ts';
import { insertSet, moveSet } from '../../../db/snapshot.ts';
import { setId } from '../../../server/outside.ts';
import type { SimulatedCluster } from '../../../server/providers/simulator/outside.ts';
import {
  MINUTE,
  poolOf,
  restart,
  runningYard,
  snapshotsOf,
  strays,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

/** Puts a cluster into the outside world that no row knows. */
function plant(yard: Yard, id: string, installation: string): void {
  const [cluster] = yard.outside.clusters();
  if (cluster === undefined) throw new Error('the outside world is empty');
  const planted: SimulatedCluster = { ...cluster, id, name: id, installation };
  yard.outside.change({ cluster: planted });
}

/** Adds a set of a pool that could not be captured; answers its id. */
async function giveUpASet(yard: Yard, pool: string): Promise<string> {
  const { id: poolId, templateId } = poolOf(yard, pool);
  const why = { cause: 'ADMIN' } as const;
  const nowhere = { clusterId: null, sourceSessionId: null, sourceClusterId: null, jobId: null };
  return await yard.done(
    yard.store.transact((tx) => {
      const roles = findTemplate(tx.db, templateId)?.roles ?? [];
      const set = insertSet(tx, { poolId, mode: 'OFFLINE', ...nowhere }, roles, why);
      const patch = { nextAttemptAt: null };
      moveSet(tx, { poolId, set }, { from: ['CREATING'], to: 'FAILED', patch }, why);
      return setId({ poolId, set });
    }),
  );
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

  it('removes what is left of a set whose capture was given up, and keeps the others', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    const [set] = yard.outside.sets();
    if (set === undefined) throw new Error('there is no set');
    const id = await giveUpASet(yard, 'p');
    yard.outside.change({ set: { ...set, id, name: id, clusterId: null } });
    const next = restart(yard);
    await next.world.advance(MINUTE);
    const left = [...next.outside.sets()].filter(({ goneAt }) => goneAt === null);
    expect(left.map((each) => each.id)).toEqual([set.id]);
    expect(
      [...next.outside.sets()].filter((each) => each.goneAt === null).map((s) => s.id),
    ).toEqual([set.id]);
    expect(snapshotsOf(next, 'p').map(({ status }) => status)).toContain('FAILED');
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
