import { expect, test } from 'vitest';
import type { FeedMessage } from '../../schema/context.ts';
import { type Queue, queue } from '../kit/queue.ts';
import { aBookmark } from '../kit/rows.ts';
import { post, serve } from '../kit/served.ts';
import { connect, type Message, openSocket, type Socket } from '../kit/socket.ts';

const CHANGES = 'subscription { changes { cursor } }';

const told = (id: string, seq: number) => ({
  id,
  type: 'next',
  payload: { data: { changes: { cursor: `epoch123-${seq}` } } },
});

const subscribe = (id: string, query = CHANGES) => ({ type: 'subscribe', id, payload: { query } });
const complete = (id: string) => ({ type: 'complete', id });

/** All in one packet: none of them has been answered when the next is read. */
function sendAtOnce(socket: Socket, messages: readonly Message[]): void {
  const network = socket.network();
  network.cork();
  for (const message of messages) socket.send(message);
  network.uncork();
}

/** A server whose subscriptions have a feed each, in the order in which they begin. */
async function serveFeeds(limits: { operationsPerSocket?: number } = {}) {
  const feeds: Queue<FeedMessage>[] = [];
  const changes = () => {
    const feed = queue<FeedMessage>();
    feeds.push(feed);
    return feed.stream;
  };
  return { feeds, server: await serve({ feed: { changes }, limits }) };
}

test('an id that is called off and used again in one packet leaves nothing behind', async () => {
  const { feeds, server } = await serveFeeds();
  const socket = await connect(server.url);
  const times = Array.from({ length: 10 });
  const calledOff = times.flatMap(() => [subscribe('x'), complete('x')]);
  sendAtOnce(socket, [...calledOff, subscribe('x'), subscribe('y', '{ cursor }')]);
  expect(await socket.next()).toMatchObject({ id: 'y', type: 'next' });
  expect(await socket.next()).toMatchObject({ id: 'y', type: 'complete' });
  await Promise.all(feeds.slice(0, 10).map(({ left }) => left));
  expect([feeds.length, server.contexts.lent()]).toEqual([11, 1]);
  feeds[10]?.push(aBookmark(1));
  expect(await socket.next()).toEqual(told('x', 1));
  socket.raw.terminate();
  await feeds[10]?.left;
  expect(server.contexts.lent()).toBe(0);
});

test('an open subscription gives its id to the next in the packet that calls it off', async () => {
  const { feeds, server } = await serveFeeds();
  const socket = await connect(server.url);
  socket.send(subscribe('x'));
  await expect.poll(() => feeds.length).toBe(1);
  feeds[0]?.push(aBookmark(1));
  expect(await socket.next()).toEqual(told('x', 1));
  sendAtOnce(socket, [complete('x'), subscribe('x')]);
  await feeds[0]?.left;
  await expect.poll(() => feeds.length).toBe(2);
  feeds[1]?.push(aBookmark(2));
  expect(await socket.next()).toEqual(told('x', 2));
  feeds[1]?.end();
  expect(await socket.next()).toEqual({ id: 'x', type: 'complete' });
  expect(server.contexts.lent()).toBe(0);
});

test('what is called off counts until it has ended', async () => {
  const { server } = await serveFeeds({ operationsPerSocket: 2 });
  const socket = await connect(server.url);
  const calledOff = [subscribe('x'), complete('x'), subscribe('x'), complete('x')];
  sendAtOnce(socket, [...calledOff, subscribe('x')]);
  expect(await socket.next()).toMatchObject({
    id: 'x',
    type: 'error',
    payload: [{ extensions: { code: 'UNAVAILABLE' } }],
  });
  socket.send(subscribe('x', '{ cursor }'));
  expect(await socket.next()).toMatchObject({ id: 'x', type: 'next' });
});

test('the id of an operation has at most 128 characters', async () => {
  const { url } = await serve();
  const socket = await connect(url);
  const longest = 'i'.repeat(128);
  socket.send(subscribe(longest, '{ cursor }'));
  expect(await socket.next()).toMatchObject({ id: longest, type: 'next' });
  socket.send(subscribe(`${longest}i`, '{ cursor }'));
  const reason = 'The id of an operation is too long';
  expect(await socket.closed).toEqual({ code: 4400, reason });
});

test('a ping of the protocol gets back what it brought only if it is short', async () => {
  const { url } = await serve();
  const socket = await openSocket(url);
  socket.send({ type: 'ping', payload: { n: 1 } });
  expect(await socket.next()).toEqual({ type: 'pong', payload: { n: 1 } });
  socket.send({ type: 'ping', payload: { n: 'x'.repeat(60_000) } });
  expect(await socket.next()).toEqual({ type: 'pong' });
  socket.send({ type: 'ping' });
  expect(await socket.next()).toEqual({ type: 'pong' });
});

test('while an answer to a ping waits, only the latest ping is remembered', async () => {
  const { url } = await serve();
  const socket = await openSocket(url);
  const pings = Array.from({ length: 50 }, (_, n) => ({ type: 'ping', payload: { n } }));
  sendAtOnce(socket, pings);
  expect(await socket.next()).toEqual({ type: 'pong', payload: { n: 0 } });
  expect(await socket.next()).toEqual({ type: 'pong', payload: { n: 49 } });
});

test('a flood of pings of the WebSocket itself closes it', async () => {
  const { url } = await serve();
  const socket = await openSocket(url);
  const network = socket.network();
  network.cork();
  for (let n = 0; n < 1_000; n += 1) socket.raw.ping();
  network.uncork();
  expect((await socket.closed).code).toBe(1006);
});

/** As much as the system keeps for a reader that does not read, in either direction, and more. */
const MANY = 800;

test('who does not read is not read from, until it reads', async () => {
  const server = await serve();
  const socket = await connect(server.url);
  socket.network().pause();
  const aliases = Array.from({ length: 10 }, (_, i) => `c${i}${'x'.repeat(4_500)}: cursor`);
  const query = `{ ${aliases.join(' ')} }`;
  for (let n = 0; n < MANY; n += 1) socket.send(subscribe(`${n}`, query));
  let unread = Infinity;
  while (socket.raw.bufferedAmount < unread) {
    unread = socket.raw.bufferedAmount;
    for (let posts = 0; posts < 20; posts += 1) await post(server, '{ cursor }');
  }
  expect(unread).toBeGreaterThan(0);
  socket.network().resume();
  const ends = new Set<string | undefined>();
  while (ends.size < MANY) {
    const { id, type } = await socket.next();
    if (type !== 'next') ends.add(id);
  }
});
