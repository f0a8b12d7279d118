import { expect, test } from 'vitest';
import { globalId } from '../../schema/global-id.ts';
import { ADMIN, ALICE, ask, BOB, codesOf, dataOf } from '../kit/ask.ts';
import { fakeRows } from '../kit/fake-context.ts';
import { aJob, aPool, aSnapshot } from '../kit/rows.ts';

const rows = fakeRows({ snapshots: [aSnapshot()], jobs: [aJob()] });

test.each([
  ['ClusterPool', 'pool1'],
  ['Cluster', 'cluster1'],
  ['Session', 'session1'],
  ['VmHandle', 'vm1'],
  ['Snapshot', 'snapshot1'],
  ['Job', 'job1'],
  ['Template', 'template1'],
] as const)('node finds a %s', async (name, id) => {
  const given = globalId(name, id);
  const data = await dataOf(`{ node(id: "${given}") { __typename id } }`, { rows });
  expect(data).toEqual({ node: { __typename: name, id: given } });
});

const STRANGE = [
  ['of nothing', globalId('Session', 'nobody')],
  ['of another type', globalId('Cluster', 'cluster1')],
  ['of a type without ids', btoa('Phase:1')],
  ['of a member of all objects', btoa('toString:1')],
  ['that is no id', 'Zażółć'],
  ['that is empty', ''],
  ['of a database row', 'session1'],
] as const;

test.each(STRANGE)('an id %s is unknown to queries', async (_what, id) => {
  const variables = { id };
  const text = 'query ($id: ID!) { session(id: $id) { id } job(id: $id) { id } }';
  expect(await dataOf(text, { rows, variables })).toEqual({ session: null, job: null });
});

test.each(STRANGE.filter(([what]) => what !== 'of another type'))(
  'an id %s is no node and has no history',
  async (_what, id) => {
    const text = 'query ($id: ID!) { node(id: $id) { id } changeLog(id: $id) { totalCount } }';
    const data = await dataOf(text, { rows, variables: { id } });
    expect(data).toEqual({ node: null, changeLog: { totalCount: 0 } });
  },
);

// An unknown id of the right type is the verb's to refuse.
test.each(STRANGE.filter(([what]) => what !== 'of nothing'))(
  'an id %s is not found by mutations',
  async (_what, id) => {
    const text = `mutation ($id: ID!) { releaseSession(input: { sessionId: $id }) {
      ... on UserError { code message } } }`;
    expect(await dataOf(text, { rows, variables: { id } })).toEqual({
      releaseSession: { code: 'NOT_FOUND', message: 'session not found' },
    });
  },
);

test('what a viewer may not see is as unknown as what is not there', async () => {
  const id = globalId('Session', 'session1');
  const text = `{ node(id: "${id}") { id } session(id: "${id}") { id } sessions { totalCount } }`;
  const nothing = { node: null, session: null, sessions: { totalCount: 0 } };
  expect(await dataOf(text, { rows, viewer: BOB })).toEqual(nothing);
  expect(await dataOf(text, { rows, viewer: ALICE })).toMatchObject({ session: { id } });
  expect(await dataOf(text, { rows, viewer: ADMIN })).toMatchObject({ session: { id } });
});

test('lists come in pages', async () => {
  const pools = Array.from({ length: 120 }, (_, i) => aPool({ id: `p${i}`, name: `pool-${i}` }));
  const text = `query ($first: Int, $after: String) { clusterPools(first: $first, after: $after) {
    totalCount edges { cursor node { name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
  const page = (variables: object) =>
    dataOf(text, { rows: fakeRows({ pools }), variables: { ...variables } }) as Promise<{
      clusterPools: { edges: unknown[]; totalCount: number; pageInfo: unknown };
    }>;

  expect((await page({})).clusterPools.edges).toHaveLength(50);
  expect((await page({ first: 100 })).clusterPools.edges).toHaveLength(100);
  expect((await page({ first: 2, after: 'at9' })).clusterPools).toEqual({
    totalCount: 120,
    edges: [
      { cursor: 'at10', node: { name: 'pool-10' } },
      { cursor: 'at11', node: { name: 'pool-11' } },
    ],
    pageInfo: {
      hasNextPage: true,
      hasPreviousPage: true,
      startCursor: 'at10',
      endCursor: 'at11',
    },
  });
});

test.each([
  ['clusterPools(first: 0) { totalCount }'],
  ['clusterPools(first: 101) { totalCount }'],
  ['sessions(first: -1) { totalCount }'],
  ['jobs(after: "nonsense") { totalCount }'],
  ['jobs(pool: "nowhere", first: 1000) { totalCount }'],
  ['clusterPool(name: "cks") { clusters(first: 101) { totalCount } }'],
  ['provisioningStats(pool: "cks", bucketMinutes: 0) { count }'],
])('%s is bad input', async (field) => {
  expect(await codesOf(`{ ${field} }`, { rows })).toEqual(['BAD_INPUT']);
});

test.each([
  ['changeLog(pool: "nowhere") { totalCount edges { cursor } pageInfo { endCursor } }'],
  ['vmHandles(pool: "nowhere") { totalCount edges { cursor } pageInfo { endCursor } }'],
])('a pool that is not there has nothing: %s', async (field) => {
  const data = await dataOf(`{ ${field} }`, { rows });
  const [name = ''] = field.split('(');
  const nothing = { totalCount: 0, edges: [], pageInfo: { endCursor: null } };
  expect(data).toEqual({ [name]: nothing });
});

test.each(['2026', '2026-01-01', 'yesterday', '2026-13-01T00:00:00Z'])(
  'the time %s is refused before anything is read',
  async (since) => {
    const text = `{ provisioningStats(pool: "cks", since: "${since}") { count } }`;
    const { errors, data } = await ask(text, { rows });
    expect([errors?.[0]?.extensions['code'], data]).toEqual(['BAD_INPUT', undefined]);
  },
);
