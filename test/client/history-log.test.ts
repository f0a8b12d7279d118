import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LogChange } from '../../client/dashboard/history-documents.ts';
import { HistoryLog, type LogFilter } from '../../client/dashboard/history-log.ts';
import { createSnapyardClient, type SnapyardClient } from '../../client/snapyard-client.ts';
import { type Asked, FakeServer, type Post } from './fake-server.ts';
import { state } from './messages.ts';
import { aPool } from './things.ts';

// How the log that was read and the stream that follows it join.

const ALL: LogFilter = { pool: null, types: [], id: null };

let server: FakeServer;
let snapyard: SnapyardClient;
let log: HistoryLog;
/** How often there was something new to show. */
let shows = 0;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  snapyard = createSnapyardClient({ url: 'http://yard/graphql' });
  await pass(0);
  server.tell(state(null, 'e-5', { clusterPool: aPool() }));
  await pass(200);
  follow(ALL);
});

afterEach(async () => {
  log.close();
  snapyard.close();
  await pass(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

function follow(filter: LogFilter): void {
  log?.close();
  log = new HistoryLog(snapyard.client, filter);
  shows = 0;
  log.listen(() => {
    shows += 1;
  });
  log.start();
}

/** A line of the log about the thing with this id. */
function line(id: string): LogChange {
  const nothing = { from: null, to: null, reason: null, job: null, subject: null };
  const at = '2026-01-01T00:00:00.000Z';
  const why = { cause: 'CLAIM', actor: 'ada' } as const;
  return { id, type: 'SESSION', kind: 'UPDATED', at, ...why, ...nothing };
}

function pagesAsked(): Post[] {
  return server.posts.filter(({ query }) => query.includes('query LogPage'));
}

/** Answers the last page that was asked for. */
async function answerPage(cursor: string, ids: string[], more: string | null = null) {
  await pass(0);
  const edges = ids.map((id) => ({ node: line(id) }));
  const pageInfo = { endCursor: more, hasNextPage: more !== null };
  pagesAsked().at(-1)?.answer({ cursor, changeLog: { edges, pageInfo } });
  await pass(0);
}

function stream(): Asked {
  const last = server.asked.findLast(({ query }) => query.includes('subscription LogChanges'));
  if (last === undefined) throw new Error('nobody follows the log');
  return last;
}

async function tell(prev: string | null, cursor: string, ...ids: string[]): Promise<void> {
  const changes = { __typename: 'FeedChanges', prev, cursor, changes: ids.map(line) };
  await send(changes);
}

async function send(message: object): Promise<void> {
  const { socket, id } = stream();
  socket.receive({ type: 'next', id, payload: { data: { changes: message } } });
  await pass(0);
}

async function shown(): Promise<string[]> {
  await pass(100);
  return log.read().entries.map(({ change }) => change.id);
}

test('what follows begins exactly where was read', async () => {
  expect(log.read().state).toBe('LOADING');
  await answerPage('e-7', ['b', 'a']);
  expect(await shown()).toEqual(['b', 'a']);
  expect(stream().variables).toEqual({ after: 'e-7', filter: { pool: null } });
  await tell('e-7', 'e-9', 'c', 'd');
  await send({ __typename: 'FeedBookmark', prev: 'e-9', cursor: 'e-10' });
  await tell('e-10', 'e-11', 'e');
  expect(await shown()).toEqual(['e', 'd', 'c', 'b', 'a']);
});

test('the cursor is the one of the answer, whatever the cache has heard since', async () => {
  await pass(0);
  const [early] = pagesAsked();
  // Who we are is asked with each line, and tells a later position.
  server.feed.socket.drop();
  await pass(10_000);
  const pageInfo = { endCursor: null, hasNextPage: false };
  early?.answer({ cursor: 'd-3', changeLog: { edges: [{ node: line('a') }], pageInfo } });
  await pass(0);
  expect(stream().variables['after']).toBe('d-3');
});

test('a gap is found: the log is read anew, and says so', async () => {
  await answerPage('e-7', ['a']);
  await tell('e-7', 'e-8', 'b');
  await tell('e-9', 'e-10', 'd');
  expect(await shown()).toEqual(['b', 'a']);
  await pass(5_000);
  expect(stream().variables['after']).toBe(null);
  await send({ __typename: 'FeedState', prev: null, cursor: 'e-10' });
  expect(log.read().lostAt).not.toBe(null);
  await answerPage('e-10', ['d', 'c', 'b', 'a']);
  expect(await shown()).toEqual(['d', 'c', 'b', 'a']);
  expect(stream().variables['after']).toBe('e-10');
});

test('a broken line is made good from the last cursor, with nothing twice', async () => {
  await answerPage('e-7', ['a']);
  await tell('e-7', 'e-8', 'b');
  stream().socket.drop();
  await pass(10_000);
  expect(stream().variables['after']).toBe('e-8');
  await tell('e-8', 'e-9', 'c');
  expect(await shown()).toEqual(['c', 'b', 'a']);
  expect(pagesAsked()).toHaveLength(1);
  expect(log.read().lostAt).toBe(null);
});

test('a server that knows the position no longer: the same, with a note', async () => {
  await answerPage('e-7', ['a']);
  await send({ __typename: 'FeedResync', prev: 'e-7', cursor: 'f-1' });
  expect(log.read().lostAt).not.toBe(null);
  expect(await shown()).toEqual(['a']);
  await answerPage('f-1', ['x']);
  expect(await shown()).toEqual(['x']);
  await tell('f-1', 'f-2', 'y');
  expect(await shown()).toEqual(['y', 'x']);
});

test('while it is held, what is shown stays, and what comes is counted and waits', async () => {
  await answerPage('e-7', ['a']);
  log.hold(true);
  await tell('e-7', 'e-8', 'b');
  await tell('e-8', 'e-9', 'c');
  expect(await shown()).toEqual(['a']);
  expect(log.read().waitingCount).toBe(2);
  log.hold(false);
  expect(await shown()).toEqual(['c', 'b', 'a']);
  expect(log.read().waitingCount).toBe(0);
});

test('held, it is not read anew under who reads, but when they go on', async () => {
  await answerPage('e-7', ['a']);
  log.hold(true);
  await send({ __typename: 'FeedResync', prev: 'e-7', cursor: 'f-1' });
  await pass(60_000);
  expect([await shown(), log.read().hasNewest]).toEqual([['a'], false]);
  log.hold(false);
  await answerPage('f-1', ['x']);
  expect([await shown(), log.read().hasNewest]).toEqual([['x'], true]);
});

test('older lines come behind the last one', async () => {
  await answerPage('e-7', ['d', 'c'], '3');
  expect(log.read().hasOlder).toBe(true);
  void log.showOlder();
  await pass(0);
  expect(pagesAsked().at(-1)?.variables).toMatchObject({ after: '3' });
  await tell('e-7', 'e-8', 'e');
  await answerPage('e-8', ['b', 'a']);
  expect(await shown()).toEqual(['e', 'd', 'c', 'b', 'a']);
  expect(log.read()).toMatchObject({ hasOlder: false, isLoadingOlder: false });
});

test('after a long day the end is found again', async () => {
  await answerPage('e-7', ['a']);
  const day = Array.from({ length: 1_050 }, (_, index) => `n-${index}`);
  await tell('e-7', 'e-8', ...day);
  expect((await shown()).length).toBe(1_000);
  expect(log.read().hasOlder).toBe(true);
  void log.showOlder();
  const all = [...day.toReversed(), 'a'];
  for (let from = 0; from < all.length; from += 100) {
    const end = from + 100 < all.length ? String(from) : null;
    await answerPage('e-8', all.slice(from, from + 100), end);
  }
  expect((await shown()).at(-1)).toBe('a');
  expect(log.read()).toMatchObject({ hasOlder: false, hasNewest: false });
});

test('the history of one thing has nothing of others', async () => {
  await answerPage('e-7', ['a']);
  follow({ pool: null, types: ['SESSION'], id: 'a' });
  await pass(0);
  expect(pagesAsked().at(-1)?.variables).toMatchObject({ id: 'a', types: ['SESSION'] });
  await answerPage('e-7', ['a']);
  await tell('e-7', 'e-8', 'b', 'a', 'c');
  expect(await shown()).toEqual(['a', 'a']);
});

test('a page that was not answered is asked for again', async () => {
  await pass(0);
  pagesAsked().at(-1)?.fail();
  await pass(5_000);
  expect(pagesAsked()).toHaveLength(2);
  await answerPage('e-7', ['a']);
  expect(await shown()).toEqual(['a']);
});

test('what comes faster than eyes is shown together', async () => {
  await answerPage('e-0', ['a']);
  await pass(1_000);
  shows = 0;
  for (let seq = 0; seq < 200; seq += 1) {
    await tell(`e-${seq}`, `e-${seq + 1}`, `n-${seq}`);
    await pass(5);
  }
  expect(shows).toBeLessThanOrEqual(12);
  expect((await shown()).length).toBe(201);
});
