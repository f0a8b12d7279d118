import type { ExecutionResult } from 'graphql';
import { expect, test } from 'vitest';
import type { Feed, FeedMessage } from '../../schema/context.ts';
import { globalId } from '../../schema/global-id.ts';
import type { Change } from '../../schema/model/change.ts';
import { NotFound } from '../../schema/model/refusal.ts';
import { ADMIN, ALICE, type Asking, BOB, dataOf, streamOf, watch, WATCHER } from '../kit/ask.ts';
import { fakeRows } from '../kit/fake-context.ts';
import { aChange, aJob, anImage, aSnapshot } from '../kit/rows.ts';

const at = (seq: number) => ({ epoch: 'epoch123', seq });

const CHANGES = `subscription ($after: Cursor, $filter: ChangeFilter) {
  changes(after: $after, filter: $filter) {
    __typename cursor prev
    ... on FeedState { more subjects {
      session { owner } clusterPool { name } cluster { status } snapshot { name }
      vmHandle { name } job { kind } image { imageVersion } } }
    ... on FeedChanges { changes {
      type id kind at from to cause reason actor job subject { cluster { name } } } }
    ... on FeedResync { reason }
  }
}`;

async function messages(source: string, asking: Asking): Promise<unknown[]> {
  const stream = await watch(source, asking);
  if (!(Symbol.asyncIterator in stream)) return [answered(stream)];
  const told: unknown[] = [];
  for await (const message of stream) told.push(answered(message));
  return told;
}

/** The data of an answer, or the codes of its errors. */
function answered({ data, errors }: ExecutionResult): unknown {
  if (errors !== undefined) return errors.map(({ extensions }) => extensions['code']);
  return JSON.parse(JSON.stringify(data));
}

const feedOf = (...feed: FeedMessage[]): Partial<Feed> => ({
  changes: () => streamOf(...feed),
});

test('a state has every kind of thing, read when it is delivered', async () => {
  const rows = fakeRows({
    snapshots: [aSnapshot()],
    jobs: [aJob()],
    images: [anImage()],
  });
  const subjects = [
    { type: 'SESSION', id: 'session1' },
    { type: 'CLUSTER_POOL', id: 'pool1' },
    { type: 'CLUSTER', id: 'cluster1' },
    { type: 'SNAPSHOT', id: 'snapshot1' },
    { type: 'VM_HANDLE', id: 'vm1' },
    { type: 'JOB', id: 'job1' },
    { type: 'JOB', id: 'gone' },
    { type: 'IMAGE', id: 'image1' },
  ] as const;
  const feed = feedOf({ kind: 'STATE', cursor: at(7), prev: null, subjects, more: false });
  const one = (field: object) => ({
    session: null,
    clusterPool: null,
    cluster: null,
    snapshot: null,
    vmHandle: null,
    job: null,
    image: null,
    ...field,
  });
  expect(await messages(CHANGES, { rows, feed })).toEqual([
    {
      changes: {
        __typename: 'FeedState',
        cursor: 'epoch123-7',
        prev: null,
        more: false,
        subjects: [
          one({ session: { owner: 'alice' } }),
          one({ clusterPool: { name: 'cks' } }),
          one({ cluster: { status: 'LOCKED' } }),
          one({ snapshot: { name: 'cp-snap' } }),
          one({ vmHandle: { name: 'cp-cluster1' } }),
          one({ job: { kind: 'WARM_UP_POOL' } }),
          one({ image: { imageVersion: 3 } }),
        ],
      },
    },
  ]);
});

test('changes, bookmarks and resyncs each have their type', async () => {
  const changes = [aChange({ jobId: 'job1', reason: 'asked' }), aChange({ kind: 'DELETED' })];
  const feed = feedOf(
    { kind: 'RESYNC', cursor: at(1), prev: null, reason: 'TRIMMED' },
    { kind: 'CHANGES', cursor: at(7), prev: at(1), changes },
    { kind: 'BOOKMARK', cursor: at(9), prev: at(7) },
  );
  const [resync, changed, bookmark] = await messages(CHANGES, { feed });
  expect(resync).toEqual({
    changes: { __typename: 'FeedResync', cursor: 'epoch123-1', prev: null, reason: 'TRIMMED' },
  });
  const shown = {
    type: 'CLUSTER',
    id: globalId('Cluster', 'cluster1'),
    kind: 'UPDATED',
    at: '2026-01-01T00:00:00.000Z',
    from: 'AVAILABLE',
    to: 'LOCKED',
    cause: 'CLAIM',
    reason: 'asked',
    actor: 'alice',
    job: globalId('Job', 'job1'),
    subject: { cluster: { name: 'cluster1' } },
  };
  expect(changed).toEqual({
    changes: {
      __typename: 'FeedChanges',
      cursor: 'epoch123-7',
      prev: 'epoch123-1',
      changes: [shown, { ...shown, kind: 'DELETED', reason: null, job: null, subject: null }],
    },
  });
  expect(bookmark).toEqual({
    changes: { __typename: 'FeedBookmark', cursor: 'epoch123-9', prev: 'epoch123-7' },
  });
});

test('the feed is asked with database ids', async () => {
  const asked: unknown[] = [];
  const feed: Partial<Feed> = {
    changes: (given) => {
      asked.push(given);
      return streamOf();
    },
  };
  const sessionId = globalId('Session', 'session1');
  const filter = { pool: 'cks', sessionId, types: ['JOB'] };
  await messages(CHANGES, { feed, variables: { after: 'epoch123-42', filter } });
  await messages(CHANGES, { feed });
  expect(asked).toEqual([
    { after: at(42), filter: { poolId: 'pool1', sessionId: 'session1', types: ['JOB'] } },
    { after: undefined, filter: {} },
  ]);
});

test.each([
  [{ after: 'nonsense' }, 'BAD_INPUT'],
  [{ after: 'epoch123-' }, 'BAD_INPUT'],
  [{ filter: { pool: 'nowhere' } }, 'NOT_FOUND'],
  [{ filter: { sessionId: 'nonsense' } }, 'NOT_FOUND'],
  [{ filter: { sessionId: globalId('Job', 'job1') } }, 'NOT_FOUND'],
])('a subscription with %o is refused as %s', async (variables, code) => {
  expect(await messages(CHANGES, { variables, feed: feedOf() })).toEqual([[code]]);
});

test.each([
  ['sessionUpdated', `id: "${globalId('Session', 'session1')}"`, 'SESSION', 'session1', 'owner'],
  ['clusterPoolUpdated', 'name: "cks"', 'CLUSTER_POOL', 'pool1', 'name'],
  ['jobUpdated', `id: "${globalId('Job', 'job1')}"`, 'JOB', 'job1', 'kind'],
] as const)('%s watches one thing', async (field, args, type, id, shown) => {
  const subject = { type, id };
  const asked: unknown[] = [];
  const feed: Partial<Feed> = {
    updates: (given) => {
      asked.push(given);
      return Promise.resolve(streamOf(subject, subject));
    },
  };
  const rows = fakeRows({ jobs: [aJob()] });
  const source = `subscription { ${field}(${args}) { ${shown} } }`;
  const told = await messages(source, { feed, rows });
  expect(told).toHaveLength(2);
  expect(told).not.toContainEqual([expect.anything()]);
  expect(asked).toEqual([subject]);
});

test('imageUpdated watches all versions of a name', async () => {
  const feed: Partial<Feed> = {
    updatesOfImage: (name) => {
      expect(name).toBe('games');
      return Promise.resolve(streamOf({ type: 'IMAGE', id: 'image1' }));
    },
  };
  const rows = fakeRows({ images: [anImage()] });
  const source = 'subscription { imageUpdated(name: "games") { imageVersion status } }';
  const image = { imageVersion: 3, status: 'READY' };
  expect(await messages(source, { feed, rows })).toEqual([{ imageUpdated: image }]);
});

test.each([
  ['clusterUpdated', 'CLUSTER', 'cluster1'],
  ['snapshotUpdated', 'SNAPSHOT', 'snapshot1'],
  ['vmHandleUpdated', 'VM_HANDLE', 'vm1'],
] as const)('%s watches all of its kind in a pool', async (field, type, id) => {
  const feed: Partial<Feed> = {
    updatesInPool: (...given) => {
      expect(given).toEqual([type, 'cks']);
      return Promise.resolve(streamOf({ type, id }));
    },
  };
  const rows = fakeRows({ snapshots: [aSnapshot()] });
  const source = `subscription { ${field}(pool: "cks") { version } }`;
  expect(await messages(source, { feed, rows })).toEqual([{ [field]: { version: 1 } }]);
});

test.each([
  ['sessionUpdated(id: "nonsense")'],
  [`sessionUpdated(id: "${globalId('Session', 'session1')}")`],
  [`jobUpdated(id: "${globalId('Session', 'session1')}")`],
  ['clusterPoolUpdated(name: "nowhere")'],
  ['clusterUpdated(pool: "nowhere")'],
])('%s of what cannot be seen is NOT_FOUND', async (field) => {
  const feed: Partial<Feed> = {
    updates: () => Promise.reject(new NotFound('it')),
    updatesInPool: () => Promise.reject(new NotFound('pool')),
  };
  const source = `subscription { ${field} { id } }`;
  expect(await messages(source, { feed, viewer: BOB })).toEqual([['NOT_FOUND']]);
});

const HISTORY = '{ changeLog { edges { node { actor } } } }';
const claim = aChange();
const ofPool = aChange({ type: 'CLUSTER_POOL', subjectId: 'pool1', owner: null, sessionId: null });
const byAdmin = { actor: 'root', cause: 'ADMIN', owner: null, sessionId: null } as const;

test.each<[string, Partial<Change>, readonly string[]]>([
  ['a claim', claim, ['alice', 'alice', 'another user', 'another user']],
  ['what a claim did to the pool', ofPool, ['alice', 'alice', 'another user', 'another user']],
  ['what an admin did to a pool', byAdmin, ['root', 'root', 'root', 'root']],
  [
    'what an admin did to a session',
    { ...byAdmin, owner: 'alice', sessionId: 'session1' },
    ['root', 'root', 'another user', 'another user'],
  ],
  ['what nobody asked for', { actor: 'system' }, ['system', 'system', 'system', 'system']],
])('who did %s is told to those who may see it', async (_what, change, actors) => {
  const rows = fakeRows({ changes: [aChange(change)] });
  const shown = await Promise.all(
    [ADMIN, ALICE, BOB, WATCHER].map((viewer) => dataOf(HISTORY, { rows, viewer })),
  );
  expect(shown).toEqual(actors.map((actor) => ({ changeLog: { edges: [{ node: { actor } }] } })));
});
