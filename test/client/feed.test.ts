import { expect, test } from 'vitest';
import type { FeedMessage } from '../../client/feed-message.ts';
import { EMPTY_FEED, type Feed, receive, reopened, toldHead } from '../../client/feed.ts';
import { bookmark, changes, firstPart, gone, resync, state, updated } from './messages.ts';
import { aCluster, aPool, aSession } from './things.ts';

function readAll(feed: Feed, ...messages: FeedMessage[]): Feed {
  return messages.reduce((before, message) => receive(before, message, Date.now()), feed);
}

const pool = aPool();
const cluster = aCluster();
const LEVEL = readAll(EMPTY_FEED, state(null, 'e-5', { clusterPool: pool }, { cluster }));

test('the first state is shown, and is level', () => {
  expect([...LEVEL.things.clusterPools.values()]).toEqual([pool]);
  expect([...LEVEL.things.clusters.values()]).toEqual([cluster]);
  expect(LEVEL).toMatchObject({ cursor: 'e-5', isLevel: true, arriving: null });
});

test('a state in parts is shown when it is whole', () => {
  const part = readAll(EMPTY_FEED, firstPart(null, 'e-5', { cluster }));
  expect(part).toMatchObject({ cursor: null, isLevel: false, things: EMPTY_FEED.things });
  const other = aCluster({ id: 'cluster-2' });
  const whole = readAll(part, state('e-5', 'e-5', { cluster: other }));
  expect([...whole.things.clusters.keys()]).toEqual(['cluster-1', 'cluster-2']);
  expect(whole).toMatchObject({ cursor: 'e-5', isLevel: true });
});

test('an empty state is a state', () => {
  expect(readAll(EMPTY_FEED, state(null, 'e-0'))).toMatchObject({ cursor: 'e-0', isLevel: true });
});

test('changes take the place of what they are about', () => {
  const locked = aCluster({ status: 'LOCKED', assignedSession: { id: 's', owner: 'ada' } });
  const session = aSession();
  const message = changes('e-5', 'e-8', updated({ cluster: locked }), updated({ session }));
  const feed = readAll(LEVEL, message);
  expect(feed.things.clusters.get(cluster.id)).toBe(locked);
  expect(feed.things.sessions.get(session.id)).toBe(session);
  expect(feed.things.clusterPools.get(pool.id)).toBe(pool);
  expect(feed).toMatchObject({ cursor: 'e-8', isLevel: true });
});

test('what was read before stays as it was', () => {
  const before = structuredClone(LEVEL);
  readAll(LEVEL, changes('e-5', 'e-6', updated({ cluster: aCluster({ status: 'ERROR' }) })));
  expect(LEVEL).toEqual(before);
});

test('what is gone, or no longer to be seen, leaves', () => {
  const removed = aCluster({ removedAt: '2026-01-01T00:00:00.000Z' });
  expect(
    readAll(LEVEL, changes('e-5', 'e-6', updated({ cluster: removed }))).things.clusters.size,
  ).toBe(0);
  const hidden = gone('CLUSTER', cluster.id);
  expect(readAll(LEVEL, changes('e-5', 'e-6', hidden)).things.clusters.size).toBe(0);
});

test('a deleted pool leaves with its last cluster', () => {
  const deleted = aPool({ deletedAt: '2026-01-01T00:00:00.000Z' });
  const emptied = { ...deleted, stats: { ...deleted.stats, totalClusters: 0 } };
  const feed = readAll(LEVEL, changes('e-5', 'e-6', updated({ clusterPool: deleted })));
  expect(feed.things.clusterPools.size).toBe(1);
  const later = readAll(feed, changes('e-6', 'e-7', updated({ clusterPool: emptied })));
  expect(later.things.clusterPools.size).toBe(0);
});

test('of the sessions that have ended the last ten stay', () => {
  const ended = Array.from({ length: 15 }, (_, index) => {
    const endedAt = `2026-01-01T00:00:${String(index + 10)}.000Z`;
    return updated({ session: aSession({ id: `s-${index}`, status: 'COMPLETED', endedAt }) });
  });
  const live = updated({ session: aSession({ id: 'live' }) });
  const feed = readAll(LEVEL, changes('e-5', 'e-9', live, ...ended));
  const last = Array.from({ length: 10 }, (_, index) => `s-${index + 5}`);
  expect([...feed.things.sessions.keys()]).toEqual(['live', ...last]);
});

test('a new stream goes on from the cursor and is level at a bookmark', () => {
  const feed = reopened(readAll(LEVEL, bookmark('e-5', 'e-7')));
  expect(feed).toMatchObject({ cursor: 'e-7', isLevel: false });
  const replayed = readAll(feed, changes('e-7', 'e-8'), changes('e-8', 'e-9'));
  expect(replayed).toMatchObject({ cursor: 'e-9', isLevel: false });
  expect(readAll(replayed, bookmark('e-9', 'e-9'))).toMatchObject({ isLevel: true });
});

test('level is who reaches the position that the server told of', () => {
  expect(toldHead(reopened(LEVEL), 'e-5')).toMatchObject({ isLevel: true });
  const behind = toldHead(reopened(LEVEL), 'e-8');
  expect(behind).toMatchObject({ isLevel: false });
  const nearer = readAll(behind, changes('e-5', 'e-7'));
  expect(nearer).toMatchObject({ isLevel: false });
  expect(readAll(nearer, changes('e-7', 'e-8'))).toMatchObject({ isLevel: true });
});

test('half a state does not outlive its stream', () => {
  const feed = reopened(readAll(EMPTY_FEED, firstPart(null, 'e-5', { cluster })));
  expect(feed).toMatchObject({ cursor: null, arriving: null });
  const whole = readAll(feed, state(null, 'e-9', { clusterPool: pool }));
  expect(whole.things.clusters.size).toBe(0);
});

test('after a resync the old state is shown until the new one is whole', () => {
  const other = aCluster({ id: 'cluster-9' });
  const half = readAll(
    reopened(LEVEL),
    resync('e-5', 'f-2'),
    firstPart('f-2', 'f-2', { cluster: other }),
  );
  expect([...half.things.clusters.keys()]).toEqual(['cluster-1']);
  expect(half).toMatchObject({ isLevel: false, cursor: 'e-5' });
  const whole = readAll(half, state('f-2', 'f-2', { clusterPool: pool }));
  expect([...whole.things.clusters.keys()]).toEqual(['cluster-9']);
  expect(whole).toMatchObject({ isLevel: true, cursor: 'f-2' });
});

test('a stream that begins again shows what there was until the state is whole', () => {
  const half = readAll(LEVEL, firstPart(null, 'e-9'));
  expect(half).toMatchObject({ cursor: 'e-5', things: LEVEL.things });
  expect(readAll(half, state('e-9', 'e-9')).things.clusters.size).toBe(0);
});
