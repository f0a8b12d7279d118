import { describe, expect, it } from 'vitest';
import {
  claim,
  clusterOf,
  HOUR,
  MINUTE,
  release,
  restart,
  runningYard,
  sessionOf,
  until,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

async function claimedYard(): Promise<{ yard: Yard; session: Awaited<ReturnType<typeof claim>> }> {
  const yard = runningYard();
  await yard.addPool({ name: 'p', size: 1, sessionTtlMinutes: 17 });
  await yard.settled('p', 1);
  return { yard, session: await claim(yard, 'p') };
}

describe('expiry', () => {
  it('ends a session at the very millisecond, not at the next sweep', async () => {
    const { yard, session } = await claimedYard();
    await until(yard, () => sessionOf(yard, session).status !== 'RUNNING');
    expect(yard.world.now()).toBe(session.createdAt + 17 * MINUTE);
    expect(sessionOf(yard, session)).toMatchObject({
      status: 'COMPLETED',
      endReason: 'EXPIRED',
      endedAt: session.expiresAt,
    });
    expect(clusterOf(yard, session.clusterId).status).toBe('RESETTING');
  });

  it('follows an extension', async () => {
    const { yard, session } = await claimedYard();
    await yard.world.advance(10 * MINUTE);
    const wanted = { sessionId: session.id, minutes: 60 };
    const { expiresAt } = await yard.done(yard.as('alice', 'USER').extendSession(wanted));
    await until(yard, () => sessionOf(yard, session).status !== 'RUNNING');
    expect(yard.world.now()).toBe(expiresAt);
    expect(expiresAt).toBe(session.createdAt + 70 * MINUTE);
  });

  it('is within the sweep when the clock is set forward', async () => {
    const { yard, session } = await claimedYard();
    yard.world.jumpClock(HOUR);
    const since = yard.world.elapsed();
    await until(yard, () => sessionOf(yard, session).status === 'COMPLETED');
    expect(yard.world.elapsed() - since).toBeLessThanOrEqual(5 * MINUTE);
  });

  it('waits for the time of day when the clock is set back', async () => {
    const { yard, session } = await claimedYard();
    await yard.world.advance(10 * MINUTE);
    yard.world.jumpClock(-HOUR);
    await yard.world.advance(HOUR);
    expect(sessionOf(yard, session).status).toBe('RUNNING');
    await until(yard, () => sessionOf(yard, session).status !== 'RUNNING');
    expect(yard.world.now()).toBe(session.expiresAt);
  });

  it('catches up on what ended while no server ran', async () => {
    const { yard, session } = await claimedYard();
    const next = restart(yard, {});
    next.world.jumpClock(2 * HOUR);
    await next.world.advance(1_000);
    expect(sessionOf(next, session)).toMatchObject({ endReason: 'EXPIRED' });
    await next.settled('p', 1);
  });

  it('is no business of a session that was released', async () => {
    const { yard, session } = await claimedYard();
    await release(yard, session);
    await yard.world.advance(HOUR);
    expect(sessionOf(yard, session).endReason).toBe('ADMIN');
  });
});
