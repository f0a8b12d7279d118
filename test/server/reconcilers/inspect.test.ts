import { describe, expect, it } from 'vitest';
import { changesAfter } from '../../../db/change.ts';
import { findVmsOfCluster } from '../../../db/vm-handle.ts';
import type { VmRole } from '../../../schema/model/template.ts';
import type { Provider } from '../../../server/providers/provider.ts';
import { witness } from '../../kit/faults.ts';
import {
  claim,
  clusterOf,
  HOUR,
  MINUTE,
  restart,
  runningYard,
  sessionOf,
  until,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

async function warmYard(size = 1): Promise<Yard> {
  const yard = runningYard();
  await yard.addPool({ name: 'p', size, sessionTtlMinutes: 480 });
  await yard.settled('p', size);
  return yard;
}

/** What happens in a dead simulator tells nobody, as a provider that cannot watch. */
function unwatched(yard: Yard): Yard {
  return restart(yard, { wrapProvider: (p) => ({ ...p, watch: () => () => undefined }) });
}

/** A look that finds the VM of a role under another name. */
function renamed(provider: Provider, role: VmRole, name: string): Provider['look'] {
  return async (...asked) => {
    const sighting = await provider.look(...asked);
    return {
      ...sighting,
      vms: sighting.vms.map((vm) => (vm.role === role ? { ...vm, name } : vm)),
    };
  };
}

describe('inspection', () => {
  it('looks at every free and held cluster each five minutes', async () => {
    const yard = await warmYard(2);
    await claim(yard, 'p');
    await yard.world.advance(20 * MINUTE);
    const ages = yard.members('p').map((c) => yard.world.now() - (c.lastHealthCheck ?? 0));
    for (const age of ages) expect(age).toBeLessThan(5 * MINUTE + 10_000);
  });

  it('resets a free cluster that vanished, and has it back', async () => {
    const yard = unwatched(await warmYard());
    await yard.world.advance(MINUTE);
    const [cluster] = yard.members('p');
    yard.simulator.vanish(cluster?.id ?? '');
    await until(yard, () => yard.members('p')[0]?.status === 'RESETTING', 6 * MINUTE);
    await yard.settled('p', 1);
    expect(clusterOf(yard, cluster?.id).lastReset).not.toBeNull();
  });

  it('fails the session of a held cluster that vanished, and resets the cluster', async () => {
    const yard = unwatched(await warmYard());
    const session = await claim(yard, 'p');
    await yard.world.advance(MINUTE);
    yard.simulator.vanish(session.clusterId ?? '', 'WORKER');
    await until(yard, () => sessionOf(yard, session).status === 'FAILED', 6 * MINUTE);
    expect(sessionOf(yard, session).statusMessage).toBe('wk-p-1 no longer exists');
    expect(clusterOf(yard, session.clusterId).status).toBe('RESETTING');
    await yard.settled('p', 1);
  });

  it('takes over the name of a VM that was renamed outside, and tells it', async () => {
    const yard = restart(await warmYard(), {
      wrapProvider: (provider) => ({ ...provider, look: renamed(provider, 'WORKER', 'wk-other') }),
    });
    const id = yard.members('p')[0]?.id ?? '';
    const worker = () => {
      const vms = yard.store.read((db) => findVmsOfCluster(db, id));
      return vms.find(({ role }) => role === 'WORKER');
    };
    const version = worker()?.version ?? 0;
    await until(yard, () => worker()?.name === 'wk-other', 6 * MINUTE);
    await yard.world.advance(10 * MINUTE);
    expect(worker()).toMatchObject({ name: 'wk-other', version: version + 1 });
    const changes = yard.store.read((db) => changesAfter(db, 0, 10_000));
    expect(changes.findLast(({ type }) => type === 'VM_HANDLE')).toMatchObject({
      subjectId: worker()?.id,
      kind: 'UPDATED',
    });
  });

  it('sees at once what the provider tells', async () => {
    const yard = await warmYard();
    const session = await claim(yard, 'p');
    yard.simulator.vanish(session.clusterId ?? '');
    await until(yard, () => sessionOf(yard, session).status === 'FAILED', 5_000);
  });

  it('only notes that a held cluster is silent, and takes the word back', async () => {
    const yard = await warmYard();
    const session = await claim(yard, 'p');
    const { clusterId } = session;
    yard.simulator.silence(clusterId ?? '', 'WORKER');
    await yard.world.advance(6 * MINUTE);
    expect(clusterOf(yard, clusterId)).toMatchObject({ status: 'LOCKED' });
    expect(clusterOf(yard, clusterId).statusMessage).toMatch(/^wk-p-1 does not answer/);
    expect(sessionOf(yard, session).status).toBe('RUNNING');
    yard.simulator.silence(clusterId ?? '', 'WORKER', false);
    await yard.world.advance(6 * MINUTE);
    expect(clusterOf(yard, clusterId).statusMessage).toBeNull();
  });

  it('resets a free cluster that is silent', async () => {
    const yard = await warmYard();
    const [cluster] = yard.members('p');
    yard.simulator.silence(cluster?.id ?? '', 'WORKER');
    await until(yard, () => yard.members('p')[0]?.status === 'RESETTING', 10_000);
    await yard.settled('p', 1);
  });

  it('says that a cluster could not be looked at only as long as that is so', async () => {
    const yard = await warmYard();
    await yard.world.advance(MINUTE);
    let broken = true;
    const next = restart(yard, {
      faults: {
        at: ({ operation }) =>
          broken && operation === 'look' ? { kind: 'ERROR', retryable: true } : undefined,
      },
    });
    await next.world.advance(MINUTE);
    expect(next.members('p')[0]?.statusMessage).toMatch(/^could not be looked at/);
    expect(next.members('p')[0]?.status).toBe('AVAILABLE');
    broken = false;
    await next.world.advance(6 * MINUTE);
    expect(next.members('p')[0]?.statusMessage).toBeNull();
  });

  it.each([HOUR, -HOUR])('goes on when the clock is set by %i ms', async (jump) => {
    const yard = await warmYard();
    const seen = witness();
    const next = restart(yard, { faults: seen });
    await next.world.advance(12 * MINUTE);
    const before = looks();
    next.world.jumpClock(jump);
    await next.world.advance(20 * MINUTE);
    // About one each five minutes: neither none for an hour, nor one after the other.
    expect(looks() - before).toBeGreaterThanOrEqual(3);
    expect(looks() - before).toBeLessThanOrEqual(7);

    function looks(): number {
      return seen.seen.filter((m) => m.operation === 'look' && m.when === 'BEFORE').length;
    }
  });
});
