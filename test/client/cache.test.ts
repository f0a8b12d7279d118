import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { graphql, type ResultOf } from '../../client/graphql.ts';
import { createSnapyardClient, type SnapyardClient } from '../../client/snapyard-client.ts';
import { FakeServer, type Post } from './fake-server.ts';
import { changes, gone, resync, state, updated } from './messages.ts';
import { aCluster, aPool, aSession } from './things.ts';
import { withTypeNames } from './type-names.ts';

// What queries show, while the feed and mutations change it.

const SESSIONS = graphql(`
  query Sessions {
    sessions {
      totalCount
      edges {
        node {
          id
          status
          expiresAt
          assignedCluster {
            id
            status
          }
        }
      }
    }
  }
`);

const ONE = graphql(`
  query One($id: ID!) {
    session(id: $id) {
      id
      status
    }
  }
`);

const RELEASE = graphql(`
  mutation Release($id: ID!) {
    releaseSession(input: { sessionId: $id }) {
      __typename
      ... on Session {
        id
        status
      }
      ... on UserError {
        message
      }
    }
  }
`);

const EXTEND = graphql(`
  mutation Extend($id: ID!, $minutes: Int!) {
    extendSession(input: { sessionId: $id, minutes: $minutes }) {
      ... on Session {
        id
        expiresAt
      }
      ... on UserError {
        message
      }
    }
  }
`);

const CLAIM = graphql(`
  mutation Claim {
    createSession(input: { pool: "cks" }) {
      ... on Session {
        id
        status
      }
    }
  }
`);

const NOW = '2026-01-01T00:10:00.000Z';
const session = aSession();
const cluster = aCluster({ status: 'LOCKED', assignedSession: { id: session.id, owner: 'ada' } });
const ENDED = { status: 'COMPLETED', endReason: 'RELEASED' } as const;

let server: FakeServer;
let snapyard: SnapyardClient;

beforeEach(async () => {
  vi.useFakeTimers({ now: new Date(NOW) });
  server = new FakeServer();
  snapyard = createSnapyardClient({ url: 'http://yard/graphql' });
  await pass(0);
  server.tell(state(null, 'e-5', { clusterPool: aPool() }, { cluster }, { session }));
  await pass(200);
});

afterEach(async () => {
  snapyard.close();
  await pass(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

type Sessions = ResultOf<typeof SESSIONS>['sessions'];

/** A component that shows all sessions. */
function showSessions(): { shown: Sessions[]; stop: () => void } {
  const shown: Sessions[] = [];
  const watching = snapyard.client
    .query(SESSIONS, {})
    .subscribe(({ data }) => data && shown.push(data.sessions));
  return { shown, stop: () => watching.unsubscribe() };
}

function statusesIn(sessions: Sessions | undefined) {
  return sessions?.edges.map(({ node }) => node.status);
}

/** What was asked, but for who we are. */
function asked(name: string): Post[] {
  return server.posts.filter(({ query }) => query.includes(name));
}

async function answerSessions(...sessions: ReturnType<typeof aSession>[]): Promise<void> {
  await pass(0);
  const edges = sessions.map((node) => ({ node: { ...node, assignedCluster: cluster } }));
  const data = { sessions: { totalCount: edges.length, edges } };
  asked('query Sessions').at(-1)?.answer(withTypeNames(data, 'Query'));
  await pass(0);
}

test('a change shows in every query, and none is asked again', async () => {
  const { shown, stop } = showSessions();
  await answerSessions(session);
  const one: unknown[] = [];
  const single = snapyard.client.query(ONE, { id: session.id });
  const watching = single.subscribe(({ data }) => one.push(data?.session?.status));
  const pending = aSession({ status: 'PROVISIONING' });
  server.tell(changes('e-5', 'e-6', updated({ session: pending })));
  await pass(1_000);
  expect(statusesIn(shown.at(-1))).toEqual(['PROVISIONING']);
  expect(one).toEqual(['RUNNING', 'PROVISIONING']);
  expect([asked('query Sessions').length, asked('query One').length]).toEqual([1, 0]);
  watching.unsubscribe();
  stop();
});

test('one that the feed does not know is shown as the server answers it', async () => {
  const shown: unknown[] = [];
  const watch = (id: string) =>
    snapyard.client.query(ONE, { id }).subscribe(({ data }) => shown.push(data?.session));
  const watching = [watch('old'), watch('nobody')];
  await pass(0);
  const [old, nobody] = asked('query One');
  old?.answer(withTypeNames({ session: aSession({ id: 'old', ...ENDED }) }, 'Query'));
  await pass(0);
  expect(shown).toEqual([expect.objectContaining({ id: 'old', status: 'COMPLETED' })]);
  nobody?.answer(withTypeNames({ session: null }, 'Query'));
  await pass(0);
  expect(shown.slice(1)).toEqual([null]);
  for (const each of watching) each.unsubscribe();
});

test('what is gone leaves the list at once, and the list is asked for again', async () => {
  const { shown, stop } = showSessions();
  await answerSessions(session, aSession({ id: 'other' }));
  server.tell(changes('e-5', 'e-6', gone('SESSION', session.id)));
  await pass(0);
  expect(shown.at(-1)?.edges.map(({ node }) => node.id)).toEqual(['other']);
  await pass(200);
  expect(asked('query Sessions')).toHaveLength(2);
  await answerSessions(aSession({ id: 'other' }));
  expect(shown.at(-1)?.totalCount).toBe(1);
  stop();
});

test('what is new brings the list again: once for many, and what is shown stays', async () => {
  const { shown, stop } = showSessions();
  await answerSessions(session);
  for (let seq = 5; seq < 45; seq += 1) {
    const more = aSession({ id: `s-${seq}` });
    const created = updated({ session: more }, { kind: 'CREATED' });
    server.tell(changes(`e-${seq}`, `e-${seq + 1}`, created));
  }
  await pass(50);
  expect(statusesIn(shown.at(-1))).toEqual(['RUNNING']);
  await pass(2_000);
  expect(snapyard.feed.read().feed.things.sessions.size).toBe(41);
  expect(asked('query Sessions')).toHaveLength(2);
  await answerSessions(session, aSession({ id: 's-5' }));
  expect(statusesIn(shown.at(-1))).toEqual(['RUNNING', 'RUNNING']);
  expect(shown.every(({ edges }) => edges.length > 0)).toBe(true);
  stop();
});

test('an answer that comes late does not hide what the feed has told since', async () => {
  const { shown, stop } = showSessions();
  await pass(0);
  server.tell(changes('e-5', 'e-6', updated({ session: aSession({ ...ENDED, version: 2 }) })));
  await pass(100);
  await answerSessions(session);
  await pass(10);
  expect(statusesIn(shown.at(-1))).toEqual(['COMPLETED']);
  stop();
});

test('nor one that was asked for before the state came', async () => {
  const { shown, stop } = showSessions();
  await pass(0);
  server.tell(resync('e-5', 'f-1'), state('f-1', 'f-1', { session: aSession(ENDED) }));
  await pass(100);
  await answerSessions(session);
  await pass(200);
  expect(asked('query Sessions')).toHaveLength(2);
  await answerSessions(aSession(ENDED));
  expect(statusesIn(shown.at(-1))).toEqual(['COMPLETED']);
  stop();
});

test('after a resync everything shown is asked for again, and so is what was shown', async () => {
  const first = showSessions();
  await answerSessions(session);
  server.tell(resync('e-5', 'f-1'), state('f-1', 'f-1', { session }));
  await pass(300);
  expect(asked('query Sessions')).toHaveLength(2);
  await answerSessions(session);
  first.stop();
  const created = updated({ session: aSession({ id: 's-2' }) }, { kind: 'CREATED' });
  server.tell(changes('f-1', 'f-2', created));
  await pass(300);
  expect(asked('query Sessions')).toHaveLength(2);
  const second = showSessions();
  await pass(0);
  expect(second.shown).toHaveLength(1);
  expect(asked('query Sessions')).toHaveLength(3);
  second.stop();
});

test('a query that could not be answered is asked again until it is', async () => {
  const { shown, stop } = showSessions();
  await pass(0);
  asked('query Sessions').at(-1)?.fail();
  await pass(2_000);
  expect(asked('query Sessions')).toHaveLength(2);
  asked('query Sessions').at(-1)?.fail();
  await pass(0);
  server.feed.socket.drop();
  await pass(1_000);
  expect(asked('query Sessions')).toHaveLength(3);
  await answerSessions(session);
  expect(statusesIn(shown.at(-1))).toEqual(['RUNNING']);
  await pass(10_000);
  expect(asked('query Sessions')).toHaveLength(3);
  stop();
});

test('what a mutation brings does not make others be asked again', async () => {
  const { shown, stop } = showSessions();
  await answerSessions(session);
  const done = snapyard.client.mutation(CLAIM, {}).toPromise();
  await pass(0);
  const answer = { createSession: { ...aSession({ id: 's-2' }), __typename: 'Session' } };
  asked('mutation Claim')[0]?.answer(withTypeNames(answer, 'Mutation'));
  await done;
  await pass(1_000);
  expect(asked('query Sessions')).toHaveLength(1);
  expect(statusesIn(shown.at(-1))).toEqual(['RUNNING']);
  stop();
});

test('two components share one answer, and one may go', async () => {
  const [one, two] = [showSessions(), showSessions()];
  await answerSessions(session);
  expect(asked('query Sessions')).toHaveLength(1);
  one.stop();
  const before = one.shown.length;
  server.tell(changes('e-5', 'e-6', updated({ session: aSession({ status: 'PROVISIONING' }) })));
  await pass(100);
  expect(one.shown).toHaveLength(before);
  expect(statusesIn(two.shown.at(-1))).toEqual(['PROVISIONING']);
  two.stop();
});

test('a release shows at once, with its cluster, and stays when it is done', async () => {
  const { shown, stop } = showSessions();
  await answerSessions(session);
  const done = snapyard.client.mutation(RELEASE, { id: session.id }).toPromise();
  await pass(0);
  expect(shown.at(-1)?.edges[0]?.node).toMatchObject({
    status: 'COMPLETED',
    assignedCluster: { status: 'RESETTING' },
  });
  const answer = { releaseSession: { ...aSession(ENDED), __typename: 'Session' } };
  asked('mutation Release')[0]?.answer(withTypeNames(answer, 'Mutation'));
  await done;
  expect(statusesIn(shown.at(-1))).toEqual(['COMPLETED']);
  stop();
});

test.each(['refused', 'not answered'])('it is taken back when it is %s', async (how) => {
  const { shown, stop } = showSessions();
  await answerSessions(session);
  const done = snapyard.client.mutation(RELEASE, { id: session.id }).toPromise();
  await pass(0);
  expect(statusesIn(shown.at(-1))).toEqual(['COMPLETED']);
  const refusal = { __typename: 'WrongState', message: 'no' };
  const [post] = asked('mutation Release');
  if (how === 'refused') post?.answer({ releaseSession: refusal });
  else post?.fail();
  await done;
  await pass(0);
  expect(shown.at(-1)?.edges[0]?.node).toMatchObject({
    status: 'RUNNING',
    assignedCluster: { status: 'LOCKED' },
  });
  stop();
});

test.each([
  [60, '2026-01-01T01:10:00.000Z'],
  [10, '2026-01-01T01:00:00.000Z'],
  [600, '2026-01-01T04:00:00.000Z'],
])('an extension by %i minutes shows at once as %s', async (minutes, expiresAt) => {
  const { shown, stop } = showSessions();
  const pools = snapyard.client.query(POOLS, {}).subscribe(() => {});
  await pass(0);
  asked('query Pools')[0]?.answer(withTypeNames({ clusterPool: aPool() }, 'Query'));
  await answerSessions(session);
  server.tell(changes('e-5', 'e-6', updated({ session })));
  await pass(100);
  vi.setSystemTime(NOW);
  const done = snapyard.client.mutation(EXTEND, { id: session.id, minutes }).toPromise();
  await pass(0);
  expect(shown.at(-1)?.edges[0]?.node.expiresAt).toBe(expiresAt);
  asked('mutation Extend')[0]?.answer({ extendSession: { __typename: 'NotFound', message: 'no' } });
  await done;
  expect(shown.at(-1)?.edges[0]?.node.expiresAt).toBe(session.expiresAt);
  pools.unsubscribe();
  stop();
});

const POOLS = graphql(`
  query Pools {
    clusterPool(name: "cks") {
      id
      maxTtlMinutes
    }
  }
`);
