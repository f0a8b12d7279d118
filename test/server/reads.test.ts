import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordProvisioning } from '../../db/provisioning.ts';
import type { Change } from '../../schema/model/change.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import type { OpenContext } from '../../server/context.ts';
import { ADMIN, openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;
let opened: OpenContext[] = [];

beforeEach(() => {
  kit = openTestStore();
});
afterEach(async () => {
  for (const operation of opened) operation.close();
  opened = [];
  await kit.close();
});

const alice = viewer('alice');
const bob = viewer('bob');
const watcher = viewer('alice', 'VIEWER');
const PAGE = { first: 50 };

async function open(who: Viewer): Promise<OpenContext> {
  const context = await kit.done(kit.contexts.open(who));
  opened.push(context);
  return context;
}

async function claimOf(who: Viewer): Promise<Session> {
  return kit.done(kit.verbs(who).createSession({ pool: 'cks' }));
}

describe('what a viewer may see', () => {
  it('is its own sessions, those of all for an admin, none for a viewer', async () => {
    await kit.addPool({}, 2);
    const [first, second] = [await claimOf(alice), await claimOf(bob)];
    const seenBy = async (who: Viewer) => {
      const { reads } = (await open(who)).context;
      const found = [first, second].map(({ id }) => reads.session(id)?.owner);
      const page = reads.sessions({}, PAGE);
      expect(page.totalCount()).toBe(page.rows.length);
      const listed = page.rows.map(({ row }) => row.owner);
      expect(listed.toSorted()).toEqual(found.filter((owner) => owner !== undefined));
      return found;
    };
    expect(await seenBy(alice)).toEqual(['alice', undefined]);
    expect(await seenBy(bob)).toEqual([undefined, 'bob']);
    expect(await seenBy(ADMIN)).toEqual(['alice', 'bob']);
    expect(await seenBy(watcher)).toEqual([undefined, undefined]);
  });

  it('is the history without the sessions of others', async () => {
    const pool = await kit.addPool({}, 2);
    const [first, second] = [await claimOf(alice), await claimOf(bob)];
    const historyOf = async (who: Viewer, filter: object = {}) => {
      const { reads } = (await open(who)).context;
      const page = reads.changes(filter, { first: 100 });
      expect(page.totalCount()).toBe(page.rows.length);
      return page.rows.map(({ row }) => row);
    };
    const sessionsIn = (changes: Change[]) =>
      changes.filter(({ type }) => type === 'SESSION').map(({ subjectId }) => subjectId);
    expect(sessionsIn(await historyOf(alice))).toEqual([first.id]);
    expect(sessionsIn(await historyOf(watcher))).toEqual([]);
    expect(sessionsIn(await historyOf(ADMIN))).toEqual([second.id, first.id]);
    const all = await historyOf(ADMIN, { poolId: pool.id });
    expect(all.map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq).toSorted((a, b) => b - a));
    const foreign = { subject: { type: 'SESSION', id: second.id } };
    expect(await historyOf(alice, foreign)).toEqual([]);
    expect(await historyOf(bob, foreign)).toHaveLength(1);
    const clusters = await historyOf(watcher, { types: ['CLUSTER'] });
    expect(clusters.every(({ type }) => type === 'CLUSTER')).toBe(true);
    expect(clusters[0]?.to).toBe('LOCKED');
  });

  it('comes in pages that go on where the last one ended', async () => {
    await kit.addPool({}, 3);
    for (const who of [alice, bob, alice]) await claimOf(who);
    const { reads } = (await open(ADMIN)).context;
    const seen: number[] = [];
    for (let after: string | undefined; ;) {
      const page = reads.changes({}, { first: 7, after });
      seen.push(...page.rows.map(({ row }) => row.seq));
      after = page.rows.at(-1)?.position;
      if (!page.hasNextPage) break;
    }
    const last = reads.cursor().seq;
    expect(seen).toEqual(Array.from({ length: last }, (_, n) => last - n));
    expect(() => reads.changes({}, { first: 7, after: 'x' })).toThrow('not a position');
  });
});

describe('an operation', () => {
  it('reads one moment, whatever is committed meanwhile', async () => {
    await kit.addPool({}, 2);
    const { reads } = (await open(ADMIN)).context;
    const before = [reads.cursor(), reads.now(), reads.sessions({}, PAGE).rows.length];
    await kit.world.advance(1_000);
    await claimOf(alice);
    expect([reads.cursor(), reads.now(), reads.sessions({}, PAGE).rows.length]).toEqual(before);
  });

  it('sees after its own verb what the verb did, also after a refusal', async () => {
    const pool = await kit.addPool({}, 1);
    const { reads, verbs } = (await open(alice)).context;
    expect(reads.poolStats(pool.id).lockedClusters).toBe(0);
    const session = await kit.done(verbs.createSession({ pool: 'cks' }));
    expect(reads.session(session.id)).toEqual(session);
    expect(reads.poolStats(pool.id).lockedClusters).toBe(1);
    await kit.refused(verbs.createSession({ pool: 'cks' }));
    expect(reads.session(session.id)).toEqual(session);
  });

  it('holds no connection while a verb is at work, and none once it is closed', async () => {
    await kit.addPool({ size: 40 }, 40);
    const claims = Array.from({ length: 40 }, async () => {
      const operation = await kit.contexts.open(alice);
      const { context } = operation;
      const session = await context.verbs.createSession({ pool: 'cks' });
      const seen = context.reads.session(session.id);
      operation.close();
      expect(() => context.reads.cursor()).toThrow('has ended');
      return seen?.status;
    });
    const commits: number[] = [];
    const stop = kit.store.onCommit(() => commits.push(1));
    expect(await kit.done(Promise.all(claims))).toEqual(Array(40).fill('RUNNING'));
    stop();
    expect(commits).toHaveLength(1);
  });

  it('whose caller has gone takes no connection after its verb', async () => {
    await kit.addPool({}, 1);
    const operation = await open(alice);
    const { context } = operation;
    const claiming = context.verbs.createSession({ pool: 'cks' });
    operation.close();
    await kit.done(claiming);
    expect(() => context.reads.cursor()).toThrow('has ended');
  });

  it('keeps its moment while it reads access, which changes nothing', async () => {
    await kit.addPool({}, 2);
    const session = await claimOf(alice);
    const { reads, verbs } = (await open(alice)).context;
    const before = reads.cursor();
    const reading = verbs.readAccess(session);
    await claimOf(bob);
    await kit.done(reading);
    expect(reads.cursor()).toEqual(before);
  });

  it('sums up provisioning times from the beginning of its pool', async () => {
    const pool = await kit.addPool({}, 2);
    await claimOf(alice);
    await kit.world.advance(3_600_000);
    await claimOf(bob);
    const { reads } = (await open(watcher)).context;
    expect(reads.provisioningStats({ poolId: pool.id })).toEqual([
      { servedFrom: 'POOL', from: pool.createdAt, count: 2, failed: 0, p50Ms: 0, p95Ms: 0 },
    ]);
    const hours = reads.provisioningStats({ poolId: pool.id, bucketMinutes: 60 });
    expect(hours.map(({ count }) => count)).toEqual([1, 1]);
  });

  it('tells claims from clusters that were made for the pool', async () => {
    const pool = await kit.addPool({}, 1);
    await claimOf(alice);
    const made = { poolId: pool.id, clusterId: 'c', sessionId: null, reason: null };
    const startedAt = kit.world.now();
    const record = { ...made, servedFrom: 'BOOTSTRAP', startedAt, succeeded: true } as const;
    await kit.done(kit.store.transact((tx) => recordProvisioning(tx, record)));
    const { reads } = (await open(watcher)).context;
    const waysOf = (claimsOnly: boolean) =>
      reads.provisioningStats({ poolId: pool.id, claimsOnly }).map(({ servedFrom }) => servedFrom);
    expect(waysOf(false)).toEqual(['POOL', 'BOOTSTRAP']);
    expect(waysOf(true)).toEqual(['POOL']);
  });
});
