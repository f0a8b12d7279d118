import { describe, expect, it, vi } from 'vitest';
import { claim, ended, release, served, snapshotsOf } from '../kit/pool-under-test.ts';
import { dirty, inventoryOf, isClean, namesOf } from './deeds.ts';
import { fleetPerTest } from './fleet-per-test.ts';

// Virtual time is quick, but real sockets, SSH among them, take the machine's time.
vi.setConfig({ testTimeout: 120_000 });

const open = fleetPerTest();

describe('a pool of KubeVirt clusters', () => {
  it('is bootstrapped with golden snapshots in namespaces of its own', async () => {
    const fleet = await open();
    await fleet.addPool({ name: 'cks', size: 3, lazy: true });
    const job = await fleet.done(fleet.as('admin').bootstrapPool('cks'));
    expect(await ended(fleet, job)).toMatchObject({ status: 'SUCCEEDED' });
    await fleet.settled('cks', 3);
    const labels = { 'cks.io/cluster-pool': 'true' };
    const labelled = fleet.kubernetes.objects.list('Namespace', { labels });
    const namespaces = labelled.map(({ metadata }) => metadata.name).toSorted();
    expect(namespaces).toEqual(['cluster1', 'cluster2', 'cluster3']);
    for (const namespace of namespaces) {
      expect(namesOf(fleet, 'VirtualMachineSnapshot', namespace)).toEqual(['cp-snap', 'wk-snap']);
      expect(namesOf(fleet, 'VirtualMachineInstance', namespace)).toHaveLength(2);
    }
    expect(namesOf(fleet, 'VirtualMachineSnapshot', 'vm-templates')).toEqual([]);
    const states = snapshotsOf(fleet, 'cks').map(({ status }) => status);
    expect(states).toEqual(Array.from({ length: 6 }, () => 'READY'));
  });

  it('hands out clean clusters round after round, and leaves nothing behind', async () => {
    const fleet = await open();
    await fleet.addPool({ name: 'lab', size: 1 });
    await fleet.settled('lab', 1);
    const [namespace = ''] = fleet.members('lab').map((cluster) => cluster.namespace);
    const before = inventoryOf(fleet, namespace);
    for (let round = 1; round <= 20; round += 1) {
      const session = await served(fleet, await claim(fleet, 'lab', `owner-${round}`));
      expect(session.status).toBe('RUNNING');
      expect(await isClean(fleet, session.clusterId), `round ${round}`).toBe(true);
      await dirty(fleet, session.clusterId);
      await release(fleet, session);
      await fleet.settled('lab', 1);
      expect(inventoryOf(fleet, namespace)).toEqual(before);
    }
  });
});
