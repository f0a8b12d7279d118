import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changesAfter, trimChanges } from '../../db/change.ts';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { findVmsOfSession } from '../../db/vm-handle.ts';
import type { FeedMessage } from '../../schema/context.ts';
import { NotFound } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { FeedClient, stateNow, type Subscription } from '../kit/feed-client.ts';
import { FeedClients } from '../kit/feed-clients.ts';
import { ADMIN, openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;
let clients: FeedClients;

beforeEach(() => {
  kit = openTestStore();
  clients = new FeedClients(kit);
});
afterEach(async () => {
  await clients.close();
  await kit.close();
});

const alice = viewer('alice');
const bob = viewer('bob');
const connect = (subscription: Subscription) => clients.connect(subscription);
const claim = (who: Viewer, pool?: string) => clients.claim(who, pool);
const touch = (poolId: string, times?: number) => clients.touch(poolId, times);
const kinds = (client: FeedClient) => client.messages.map(({ kind }) => kind);
const latest = (client: FeedClient) => client.messages.at(-1);

describe('changes', () => {
  it('of one verb come together, also when verbs share a commit', async () => {
    await kit.addPool({}, 3);
    const client = await connect({ viewer: ADMIN });
    const before = client.messages.length;
    const claims = [alice, bob].map((who) => kit.verbs(who).createSession({ pool: 'cks' }));
    await kit.done(Promise.all(claims));
    await kit.world.settle();
    const told = client.messages.slice(before);
    expect(told.map(({ kind }) => kind)).toEqual(['CHANGES', 'CHANGES']);
    const rows = kit.store.read((db) => changesAfter(db, told[0]?.prev?.seq ?? 0, 1_000));
    expect(client.changes).toEqual(rows);
    const verbs = [...Map.groupBy(rows, ({ tx }) => tx).values()];
    expect(told.map(({ cursor }) => cursor.seq)).toEqual(verbs.map((verb) => verb.at(-1)?.seq));
  });

  it('reach a reader also while more requests wait to read than there may', async () => {
    await kit.addPool({}, 1);
    const client = await connect({ viewer: ADMIN });
    const held = await kit.done(Promise.all(Array.from({ length: 8 }, () => kit.store.lease())));
    const requests = Array.from({ length: 2_001 }, () =>
      kit.store.lease().then((lease) => lease.release()),
    );
    const answers = Promise.allSettled(requests);
    await claim(alice);
    await kit.world.settle();
    expect(kinds(client)).toEqual(['STATE']);
    for (const lease of held) lease.release();
    await kit.world.settle();
    expect(kinds(client)).toEqual(['STATE', 'CHANGES']);
    const refused = (await kit.done(answers)).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(1);
  });

  it('larger than a page still come whole', async () => {
    const pool = await kit.addPool({});
    const client = await connect({ viewer: ADMIN });
    await touch(pool.id, 300);
    await kit.world.settle();
    expect(latest(client)).toMatchObject({ kind: 'CHANGES' });
    expect(client.changes).toHaveLength(300);
  });

  it('go on behind a cursor, without loss, also in another process', async () => {
    const pool = await kit.addPool({}, 3);
    const client = await connect({ viewer: ADMIN });
    await claim(alice);
    await kit.world.settle();
    await client.drop();
    await claim(bob);
    await touch(pool.id, 2);
    client.connect();
    await kit.world.settle();
    expect(kinds(client)).toEqual(['STATE', 'CHANGES', 'CHANGES', 'CHANGES']);
    expect(client.state).toEqual(await stateNow(kit, { viewer: ADMIN }));
    await client.drop();
    await claim(alice);
    const { path, world } = kit;
    kit.hub.close();
    await world.settle();
    await kit.store.close();
    const again = openTestStore({ path, world });
    client.connect(again);
    await again.world.settle();
    expect(kinds(client).slice(4)).toEqual(['CHANGES']);
    expect(client.violations).toEqual([]);
    await client.drop();
    await again.close();
  });
});

describe('a cursor that cannot be resumed', () => {
  const resume = async (seq: number, epoch = kit.store.installation.epoch) => {
    const client = new FeedClient(kit, { viewer: ADMIN });
    clients.add(client);
    client.cursor = { epoch, seq };
    client.connect();
    await kit.world.settle();
    return client;
  };
  const resync = (reason: string) => [{ kind: 'RESYNC', reason }, { kind: 'STATE' }];

  it('of another database, of the future, or trimmed: is told so, then the state', async () => {
    const pool = await kit.addPool({}, 1);
    await touch(pool.id, 5);
    const head = kit.store.head().seq;
    expect((await resume(head, 'anotherdatabase')).messages).toMatchObject(resync('FOREIGN_EPOCH'));
    expect((await resume(head + 1)).messages).toMatchObject(resync('FUTURE'));
    await kit.world.advance(1_000);
    await kit.transact((tx) => trimChanges(tx, { keepMs: 0, keepRows: 2 }, 1_000));
    expect((await resume(head - 3)).messages).toMatchObject(resync('TRIMMED'));
    expect((await resume(head - 2)).messages).toMatchObject([{ kind: 'CHANGES' }]);
    expect((await resume(head)).messages).toMatchObject([{ kind: 'BOOKMARK' }]);
    await kit.transact((tx) => trimChanges(tx, { keepMs: 0, keepRows: 0 }, 1_000));
    expect((await resume(head)).messages).toMatchObject([{ kind: 'BOOKMARK' }]);
    expect((await resume(head - 1)).messages).toMatchObject(resync('TRIMMED'));
  });

  it('because the reader was too slow: is told so, then the state', async () => {
    const pool = await kit.addPool({}, 1);
    const client = await connect({ viewer: ADMIN });
    client.isPaused = true;
    await touch(pool.id);
    await kit.world.settle();
    for (let n = 0; n < 3; n += 1) await touch(pool.id);
    await kit.world.advance(1_000);
    await kit.transact((tx) => trimChanges(tx, { keepMs: 0, keepRows: 0 }, 1_000));
    client.unpause();
    await kit.world.settle();
    expect(kinds(client)).toEqual(['STATE', 'CHANGES', 'RESYNC', 'STATE']);
    expect(client.state).toEqual(await stateNow(kit, { viewer: ADMIN }));
  });

  it('leaves no hole when the clock was set back between the rows', async () => {
    const pool = await kit.addPool({}, 1);
    const head = kit.store.head().seq;
    kit.world.jumpClock(3_600_000);
    await touch(pool.id, 3);
    kit.world.jumpClock(-3_600_000);
    await touch(pool.id, 3);
    await kit.world.advance(120_000);
    await kit.transact((tx) => trimChanges(tx, { keepMs: 60_000, keepRows: 0 }, 1_000));
    const kept = kit.store.read((db) => changesAfter(db, 0, 1_000)).map(({ seq }) => seq);
    expect(kept).toEqual([1, 2, 3, 4, 5, 6].map((n) => head + n));
  });
});

describe('bookmarks', () => {
  it('come when there is nothing else for 10 s', async () => {
    await kit.addPool({});
    const client = await connect({ viewer: ADMIN });
    await kit.world.advance(30_000);
    expect(kinds(client)).toEqual(['STATE', 'BOOKMARK', 'BOOKMARK', 'BOOKMARK']);
    expect(latest(client)?.cursor).toEqual(client.messages[0]?.cursor);
  });

  it('say once that the log has moved on by what is not for the reader', async () => {
    const pool = await kit.addPool({});
    const client = await connect({ viewer: ADMIN, filter: { types: ['SNAPSHOT'] } });
    for (let n = 0; n < 5; n += 1) await touch(pool.id);
    expect(kinds(client)).toEqual(['STATE']);
    await kit.world.advance(1_000);
    expect(kinds(client)).toEqual(['STATE', 'BOOKMARK']);
    expect(latest(client)?.cursor).toEqual(kit.store.head());
    await kit.world.advance(5_000);
    expect(client.messages).toHaveLength(2);
  });

  it('follow a long stretch of what is not for the reader', async () => {
    const pool = await kit.addPool({});
    const client = await connect({ viewer: ADMIN, filter: { types: ['SNAPSHOT'] } });
    await client.drop();
    for (let n = 0; n < 10; n += 1) await touch(pool.id, 100);
    client.connect();
    await kit.world.advance(1_000);
    expect(latest(client)).toMatchObject({ kind: 'BOOKMARK', cursor: kit.store.head() });
  });
});

describe('filters and rights', () => {
  const told = (messages: readonly FeedMessage[]) =>
    messages.flatMap((one) => (one.kind === 'CHANGES' ? one.changes : []));

  it('let a reader see its own sessions only, live and on replay', async () => {
    await kit.addPool({}, 3);
    const readers = [alice, bob, viewer('alice', 'VIEWER'), ADMIN];
    const live: FeedClient[] = [];
    for (const one of readers) live.push(await connect({ viewer: one }));
    const cursor = kit.store.head();
    const [first, second] = [await claim(alice), await claim(bob)];
    await kit.done(kit.verbs(ADMIN).releaseSession(second.id));
    await kit.world.settle();
    const replayed = readers.map((one) => new FeedClient(kit, { viewer: one }));
    for (const client of replayed) {
      clients.add(client);
      client.cursor = cursor;
      client.connect();
    }
    await kit.world.settle();
    const sessions = (client: FeedClient) => [
      ...new Set(
        client.changes.filter(({ type }) => type === 'SESSION').map((one) => one.subjectId),
      ),
    ];
    const expected = [[first.id], [second.id], [], [first.id, second.id]];
    expect(live.map(sessions)).toEqual(expected);
    expect(replayed.map(sessions)).toEqual(expected);
    const clusterRows = live.map(({ changes }) => changes.filter((one) => one.type === 'CLUSTER'));
    expect(new Set(clusterRows.map(({ length }) => length))).toEqual(new Set([3]));
    const fresh = await connect({ viewer: bob });
    expect([...fresh.state.keys()].filter((key) => key.startsWith('SESSION'))).toEqual([]);
  });

  it('narrow to a pool', async () => {
    const pool = await kit.addPool({}, 1);
    await kit.addPool({ name: 'other' }, 1);
    const client = await connect({ viewer: ADMIN, filter: { poolId: pool.id } });
    expect(client.state.size).toBe(1 + 1 + 2);
    await claim(alice, 'other');
    await claim(alice);
    await kit.world.settle();
    expect(new Set(client.changes.map(({ poolId }) => poolId))).toEqual(new Set([pool.id]));
    expect(client.changes).not.toEqual([]);
  });

  it('narrow to a session, its cluster and its VMs while it has them', async () => {
    await kit.addPool({}, 2);
    const session: Session = await claim(alice);
    const filter = { sessionId: session.id };
    const client = await connect({ viewer: alice, filter });
    const vms = kit.store.read((db) => findVmsOfSession(db, session.id).map(({ id }) => id));
    expect([...client.state.keys()]).toEqual([
      `SESSION ${session.id}`,
      `CLUSTER ${session.clusterId}`,
      ...vms.toSorted().map((id) => `VM_HANDLE ${id}`),
    ]);
    await claim(bob);
    await kit.done(kit.verbs(alice).releaseSession(session.id));
    await kit.world.settle();
    const rows = told(client.messages);
    expect(rows.map(({ type, to }) => [type, to])).toEqual([
      ['SESSION', 'COMPLETED'],
      ['CLUSTER', 'RESETTING'],
      ['VM_HANDLE', null],
      ['VM_HANDLE', null],
    ]);
    const later = await connect({ viewer: alice, filter });
    expect(later.messages).toMatchObject([{ subjects: [{ type: 'SESSION', id: session.id }] }]);
  });

  it('that name something unknown or invisible are refused', async () => {
    const pool = await kit.addPool({}, 1);
    const session = await claim(alice);
    const subscribe = async (who: Viewer, filter: object) => {
      const { context } = await kit.contexts.openForSubscription(who);
      return context.feed.changes({ filter });
    };
    await expect(subscribe(ADMIN, { poolId: 'nope' })).rejects.toBeInstanceOf(NotFound);
    await expect(subscribe(bob, { sessionId: session.id })).rejects.toBeInstanceOf(NotFound);
    await kit.done(kit.verbs(alice).releaseSession(session.id));
    await kit.done(kit.verbs(ADMIN).deleteClusterPool('cks'));
    await expect(subscribe(ADMIN, { poolId: pool.id })).rejects.toBeInstanceOf(NotFound);
    expect(kit.store.read((db) => findPoolByName(db, 'cks'))).toBeUndefined();
    expect(kit.hub.readers).toBe(0);
  });
});

describe('the end of a stream', () => {
  it('comes at once when its reader leaves, and leaves nothing behind', async () => {
    await kit.addPool({}, 1);
    const client = await connect({ viewer: ADMIN });
    expect(kit.hub.readers).toBe(1);
    expect(kit.world.pendingTimers()).toHaveLength(1);
    await client.drop();
    expect(kit.hub.readers).toBe(0);
    expect(kit.world.pendingTimers()).toEqual([]);
  });

  it('comes to all when the hub closes', async () => {
    await kit.addPool({}, 1);
    const some = [await connect({ viewer: alice }), await connect({ viewer: bob })];
    kit.hub.close();
    await kit.world.settle();
    expect(some.map(({ isConnected, error }) => [isConnected, error])).toEqual([
      [false, undefined],
      [false, undefined],
    ]);
    const late = await connect({ viewer: ADMIN });
    expect(late.isConnected).toBe(false);
    expect(late.messages).toEqual([]);
  });
});
