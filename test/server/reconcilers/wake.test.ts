import { describe, expect, it } from 'vitest';
import type { Provider } from '../../../server/providers/provider.ts';
import { faultAt, type FaultPlan } from '../../kit/faults.ts';
import {
  claim,
  clusterOf,
  MINUTE,
  release,
  restart,
  runningYard,
  served,
  sessionOf,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

/** A provider with something left to do at each hand-over. */
function waking(provider: Provider): Provider {
  return { ...provider, capabilities: { ...provider.capabilities, wakes: true } };
}

const failing = (times: number): FaultPlan =>
  faultAt(
    { operation: 'wake', when: 'BEFORE' },
    { kind: 'ERROR', retryable: true, reason: 'it sleeps on' },
    times,
  );

async function yardOf(faults: FaultPlan, size: number): Promise<Yard> {
  const yard = runningYard({ faults, wrapProvider: waking });
  await yard.addPool({ name: 'p', size, whenEmpty: 'QUEUE' });
  await yard.settled('p', size);
  return yard;
}

describe('a wake', () => {
  it('makes a session RUNNING that was PROVISIONING in the answer', async () => {
    const yard = await yardOf(failing(0), 1);
    const session = await claim(yard, 'p');
    expect(session).toMatchObject({ status: 'PROVISIONING', servedFrom: null });
    expect(await served(yard, session)).toMatchObject({ status: 'RUNNING', servedFrom: 'POOL' });
  });

  it('that fails resets the cluster, and the session takes another', async () => {
    const yard = await yardOf(failing(2), 3);
    const session = await claim(yard, 'p');
    const first = clusterOf(yard, session.clusterId);
    expect(await served(yard, session)).toMatchObject({
      status: 'RUNNING',
      failedWakes: 2,
      fallbackReason: 'a cluster could not be woken: it sleeps on',
    });
    expect(sessionOf(yard, session).clusterId).not.toBe(first.id);
    expect(clusterOf(yard, first.id).status).toBe('RESETTING');
  });

  it('that fails three times fails the session, with the reason', async () => {
    const yard = await yardOf(failing(3), 3);
    const session = await served(yard, await claim(yard, 'p'));
    expect(session).toMatchObject({
      status: 'FAILED',
      statusMessage: '3 clusters could not be woken; the last: it sleeps on',
    });
    await yard.settled('p', 3);
  });

  it('that fails where there is no other cluster fails the session', async () => {
    const yard = await yardOf(failing(1), 1);
    const session = await served(yard, await claim(yard, 'p'));
    expect(session.statusMessage).toBe(
      'its cluster could not be woken and there is no other: it sleeps on',
    );
  });

  it('is asked for again after a crash', async () => {
    const yard = await yardOf(failing(0), 1);
    const session = await claim(yard, 'p');
    const next = restart(yard, { wrapProvider: waking });
    expect(await served(next, session)).toMatchObject({ status: 'RUNNING' });
  });

  it('is not waited for by who releases', async () => {
    const hang = faultAt({ operation: 'wake' }, { kind: 'HANG' }, 1);
    const yard = await yardOf(hang, 1);
    const session = await claim(yard, 'p');
    const waiter = await claim(yard, 'p', 'bob');
    await release(yard, session);
    await yard.world.advance(5 * MINUTE);
    expect(sessionOf(yard, waiter)).toMatchObject({ status: 'RUNNING' });
  });
});
