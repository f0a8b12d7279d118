import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { graphql } from '../../client/graphql.ts';
import { PAST_CACHE, PAST_CACHE_LIVE } from '../../client/past-cache.ts';
import { atMostEvery } from '../../client/refresh.ts';
import { createSnapyardClient, type SnapyardClient } from '../../client/snapyard-client.ts';
import { FakeServer, type Post } from './fake-server.ts';
import { changes, resync, state, updated } from './messages.ts';
import { aPool, aSession } from './things.ts';
import { withTypeNames } from './type-names.ts';

// How often a query is asked anew that becomes old again and again.

const TIMES = graphql(`
  query Times {
    provisioningStats(pool: "cks") {
      count
    }
  }
`);

let server: FakeServer;
let snapyard: SnapyardClient;
let seq = 5;
let stop = () => {};

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  snapyard = createSnapyardClient({ url: 'http://yard/graphql' });
  await pass(0);
  seq = 5;
  server.tell(state(null, 'e-5', { clusterPool: aPool() }));
  await pass(200);
});

afterEach(async () => {
  stop();
  snapyard.close();
  await pass(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

function asked(): Post[] {
  return server.posts.filter(({ query }) => query.includes('query Times'));
}

function show(context: Parameters<SnapyardClient['client']['query']>[2]): void {
  const watching = snapyard.client.query(TIMES, {}, context).subscribe(() => {});
  stop = () => watching.unsubscribe();
}

function move(): void {
  const session = aSession({ version: seq });
  const change = updated({ session }, { from: 'PROVISIONING', to: 'RUNNING' });
  server.tell(changes(`e-${seq}`, `e-${seq + 1}`, change));
  seq += 1;
}

/** Changes for ten seconds; each question is answered after so long. */
async function tenBusySeconds(answerMs: number): Promise<void> {
  let answered = asked().length - 1;
  let waited = 0;
  for (let step = 0; step < 200; step += 1) {
    move();
    await pass(50);
    waited = asked().length > answered ? waited + 50 : 0;
    if (waited <= answerMs) continue;
    answer(answered);
    answered += 1;
    waited = 0;
  }
}

function answer(index: number): void {
  asked()[index]?.answer(withTypeNames({ provisioningStats: [{ count: index }] }, 'Query'));
}

test('a query that is answered at once is asked anew some times in a second', async () => {
  show({});
  await pass(0);
  await tenBusySeconds(0);
  expect(asked().length).toBeGreaterThan(10);
});

test('one that takes long leaves the server alone for most of the time', async () => {
  show({});
  await pass(0);
  await tenBusySeconds(400);
  expect(asked().length).toBeGreaterThan(1);
  expect(asked().length).toBeLessThanOrEqual(4);
});

test('and one that asks for calm gets it, and the last word too', async () => {
  show(atMostEvery(2_000));
  await pass(0);
  await tenBusySeconds(0);
  expect(asked().length).toBeGreaterThan(3);
  expect(asked().length).toBeLessThanOrEqual(7);
  answer(asked().length - 1);
  const before = asked().length;
  move();
  await pass(2_500);
  expect(asked().length).toBe(before + 1);
});

test('what is from before a state is asked for at once, however calm', async () => {
  show(atMostEvery(60_000));
  await pass(0);
  answer(0);
  await pass(0);
  server.tell(resync('e-5', 'f-1'), state('f-1', 'f-1', { clusterPool: aPool() }));
  await pass(200);
  expect(asked()).toHaveLength(2);
});

test.each([
  ['live, it is asked for anew for as long as it is shown', PAST_CACHE_LIVE, 2],
  ['it is never asked for anew by itself', PAST_CACHE, 1],
])('past the cache: %s', async (_what, context, count) => {
  show(context);
  await pass(0);
  answer(0);
  await pass(0);
  move();
  await pass(2_500);
  expect(asked()).toHaveLength(count);
  stop();
  move();
  await pass(2_500);
  expect(asked()).toHaveLength(count);
});

test('past the cache, what the server did not answer is asked again', async () => {
  show(PAST_CACHE_LIVE);
  await pass(0);
  asked()[0]?.fail();
  await pass(2_500);
  expect(asked()).toHaveLength(2);
});
