import { expect, test } from 'vitest';
import type { FeedMessage } from '../../schema/context.ts';
import { PoolExhausted } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { handWorld } from '../kit/hand-world.ts';
import { queue } from '../kit/queue.ts';
import { aBookmark, aSession } from '../kit/rows.ts';
import { bearer, deferred, makeTokens, post, serve } from '../kit/served.ts';
import { connect, openSocket, type Socket } from '../kit/socket.ts';

const CHANGES = 'subscription { changes { cursor } }';
const CLAIM = `mutation { createSession(input: { pool: "cks" }) {
  __typename ... on UserError { code } } }`;

const told = (id: string, seq: number) => ({
  id,
  type: 'next',
  payload: { data: { changes: { cursor: `epoch123-${seq}` } } },
});

function subscribe(socket: Socket, id: string, query: string): void {
  socket.send({ type: 'subscribe', id, payload: { query } });
}

test('queries and mutations are answered, and completed', async () => {
  const verbs = { createSession: () => Promise.reject(new PoolExhausted()) };
  const server = await serve({ verbs });
  const socket = await connect(server.url);
  subscribe(socket, '1', '{ cursor }');
  const cost = { requested: 1, limit: 10_000 };
  expect(await socket.next()).toEqual({
    id: '1',
    type: 'next',
    payload: { data: { cursor: 'epoch123-7' }, extensions: { cost } },
  });
  expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
  subscribe(socket, '2', CLAIM);
  const refused = { createSession: { __typename: 'PoolExhausted', code: 'POOL_EXHAUSTED' } };
  expect(await socket.next()).toMatchObject({ id: '2', payload: { data: refused } });
  expect(await socket.next()).toEqual({ id: '2', type: 'complete' });
  expect(server.contexts.lent()).toBe(0);
});

test('a subscription tells each message, and ends when its feed does', async () => {
  const feed = queue<FeedMessage>();
  const server = await serve({ feed: { changes: () => feed.stream } });
  const socket = await connect(server.url);
  subscribe(socket, 'a', CHANGES);
  feed.push(aBookmark(1));
  expect(await socket.next()).toEqual(told('a', 1));
  feed.push(aBookmark(2));
  feed.end();
  expect(await socket.next()).toEqual(told('a', 2));
  expect(await socket.next()).toEqual({ id: 'a', type: 'complete' });
  expect([server.contexts.lent(), server.contexts.executed()]).toEqual([0, 2]);
});

test('a reader that completes, or goes, ends its subscriptions', async () => {
  const feeds = [queue<FeedMessage>(), queue<FeedMessage>()];
  const streams = feeds.map(({ stream }) => stream);
  const changes = () => streams.shift() ?? expect.unreachable();
  const server = await serve({ feed: { changes } });
  const socket = await connect(server.url);
  for (const [index, feed] of feeds.entries()) {
    subscribe(socket, `s${index}`, CHANGES);
    feed.push(aBookmark(index));
    expect(await socket.next()).toEqual(told(`s${index}`, index));
  }
  expect(server.contexts.lent()).toBe(2);
  socket.send({ type: 'complete', id: 's0' });
  await feeds[0]?.left;
  expect(server.contexts.lent()).toBe(1);
  socket.raw.terminate();
  await feeds[1]?.left;
  expect(server.contexts.lent()).toBe(0);
});

test.each([
  ['{ nothing }', 'BAD_INPUT'],
  ['{ nothing', 'BAD_INPUT'],
  ['subscription { changes(after: "nonsense") { cursor } }', 'BAD_INPUT'],
  ['subscription { jobUpdated(id: "nonsense") { id } }', 'NOT_FOUND'],
])('%s is refused by an error', async (query, code) => {
  const server = await serve();
  const socket = await connect(server.url);
  subscribe(socket, 'x', query);
  const message = await socket.next();
  expect(message).toMatchObject({ id: 'x', type: 'error', payload: [{ extensions: { code } }] });
  expect(JSON.stringify(message)).not.toContain('"http"');
  expect(server.contexts.lent()).toBe(0);
});

test('faults are masked as over HTTP', async () => {
  const feed = queue<FeedMessage>();
  const verbs = { createSession: () => Promise.reject(new Error('hunter2')) };
  const server = await serve({ verbs, feed: { changes: () => feed.stream } });
  const socket = await connect(server.url);
  subscribe(socket, 'a', CLAIM);
  const claim = await socket.next();
  expect(await socket.next()).toEqual({ id: 'a', type: 'complete' });
  subscribe(socket, 'b', CHANGES);
  feed.fail(new Error('hunter2'));
  const change = await socket.next();
  for (const message of [claim, change]) {
    expect(message).toMatchObject({ payload: { errors: [{ extensions: { code: 'INTERNAL' } }] } });
    expect(JSON.stringify(message)).not.toContain('hunter2');
  }
  expect(await socket.next()).toEqual({ id: 'b', type: 'complete' });
  expect(server.errors).toHaveLength(2);
  expect(server.contexts.lent()).toBe(0);
});

test.each([
  [{ origin: 'https://evil.example.org' }, 403],
  [{ origin: 'null' }, 403],
  [{ host: 'evil.example.org' }, 403],
])('an upgrade with %o is refused', async (headers, status) => {
  const { url } = await serve();
  await expect(openSocket(url, { headers })).rejects.toThrow(`refused with ${status}`);
});

test('an upgrade of another path is refused', async () => {
  const { url } = await serve();
  await expect(openSocket(`${url}/other`)).rejects.toThrow('refused with 404');
});

test('pages of allowed origins, and of our own, may connect', async () => {
  const origin = 'https://board.example.org';
  const { url } = await serve({ settings: { origins: [origin] } });
  for (const headers of [{ origin }, { origin: url }]) {
    const socket = await connect(url, undefined, { headers });
    subscribe(socket, '1', '{ cursor }');
    expect(await socket.next()).toMatchObject({ type: 'next' });
  }
});

test('callers introduce themselves by token', async () => {
  const tokens = makeTokens();
  const { url } = await serve({ auth: tokens.auth });
  const { authorization } = bearer(tokens.add('alice', 'USER'));
  const introductions = [
    [{ Authorization: authorization }, {}],
    [{ authorization }, {}],
    [undefined, { authorization }],
  ] as const;
  for (const [payload, headers] of introductions) {
    const socket = await connect(url, payload, { headers });
    subscribe(socket, '1', '{ viewer { name role } }');
    expect(await socket.next()).toMatchObject({
      payload: { data: { viewer: { name: 'alice', role: 'USER' } } },
    });
  }
});

test.each<[string, Record<string, unknown> | undefined]>([
  ['no token', undefined],
  ['an unknown token', bearer(`snap_${'0'.repeat(72)}`)],
  ['something else', { Authorization: 42 }],
])('who has %s is closed out with 4403', async (_what, payload) => {
  const { url } = await serve({ auth: makeTokens().auth });
  const socket = await openSocket(url);
  socket.send({ type: 'connection_init', ...(payload && { payload }) });
  expect(await socket.closed).toEqual({ code: 4403, reason: 'Forbidden' });
});

test('nobody subscribes before being let in', async () => {
  const { url, contexts } = await serve();
  const socket = await openSocket(url);
  subscribe(socket, '1', '{ cursor }');
  expect((await socket.closed).code).toBe(4401);
  expect(contexts.opened()).toBe(0);
});

test('who does not say hello within 3 s is closed out', async () => {
  const { url } = await serve();
  const socket = await openSocket(url);
  expect((await socket.closed).code).toBe(4408);
});

test.each([[['graphql-ws']], [[]]])('the protocols %o are not spoken', async (protocols) => {
  const { url } = await serve();
  // The client library itself gives up when none of its protocols is chosen.
  const opening = openSocket(url, { protocols });
  if (protocols.length > 0) await expect(opening).rejects.toThrow('subprotocol');
  else expect((await (await opening).closed).code).toBe(4406);
});

test('a message that is too large, or none, closes the connection', async () => {
  const { url } = await serve({ limits: { messageBytes: 1_000 } });
  const large = await connect(url);
  subscribe(large, '1', `{ cursor } #${'x'.repeat(1_000)}`);
  expect((await large.closed).code).toBe(1009);
  const strange = await connect(url);
  strange.send('nonsense');
  expect((await strange.closed).code).toBe(4400);
});

test('a connection has so many operations at once', async () => {
  const feeds = Array.from({ length: 3 }, () => queue<FeedMessage>());
  const streams = feeds.map(({ stream }) => stream);
  const changes = () => streams.shift() ?? expect.unreachable();
  const { url } = await serve({ feed: { changes }, limits: { operationsPerSocket: 2 } });
  const socket = await connect(url);
  for (const id of ['a', 'b', 'c']) subscribe(socket, id, CHANGES);
  expect(await socket.next()).toMatchObject({
    id: 'c',
    type: 'error',
    payload: [{ extensions: { code: 'UNAVAILABLE' } }],
  });
  socket.send({ type: 'complete', id: 'a' });
  await feeds[0]?.left;
  subscribe(socket, 'd', CHANGES);
  feeds[2]?.push(aBookmark(1));
  expect(await socket.next()).toEqual(told('d', 1));
});

test('the server has so many connections', async () => {
  const { url } = await serve({ limits: { webSockets: 1 } });
  const first = await connect(url);
  await expect(openSocket(url)).rejects.toThrow('refused with 503');
  first.raw.close();
  await first.closed;
  await connect(url);
});

test('a revoked token is refused at once, and its connections are closed', async () => {
  const tokens = makeTokens();
  const { world, fire } = handWorld();
  const feed = queue<FeedMessage>();
  const server = await serve({ auth: tokens.auth, world, feed: { changes: () => feed.stream } });
  const alice = bearer(tokens.add('alice', 'USER'));
  const bob = bearer(tokens.add('bob', 'USER'));
  const socket = await connect(server.url, alice);
  const other = await connect(server.url, bob);
  subscribe(socket, '1', CHANGES);
  feed.push(aBookmark(1));
  expect(await socket.next()).toEqual(told('1', 1));
  expect((await post(server, '{ cursor }', alice)).status).toBe(200);

  tokens.revoke('alice');
  expect((await post(server, '{ cursor }', alice)).status).toBe(401);
  subscribe(socket, '2', '{ cursor }');
  expect(await socket.next()).toMatchObject({
    id: '2',
    payload: [{ extensions: { code: 'UNAUTHENTICATED' } }],
  });
  fire();
  expect((await socket.closed).code).toBe(4403);
  await feed.left;
  subscribe(other, '1', '{ cursor }');
  expect(await other.next()).toMatchObject({ type: 'next' });
});

test('a line that does not answer is dropped', async () => {
  const { world, fire } = handWorld();
  const { url } = await serve({ world });
  const dead = await connect(url);
  const alive = await connect(url);
  dead.raw.pause();
  const pinged = new Promise((resolve) => alive.raw.once('ping', resolve));
  fire();
  await pinged;
  // By the time of an answer to this, the answer to the ping has come too.
  subscribe(alive, '1', '{ cursor }');
  await alive.next();
  fire();
  dead.raw.resume();
  expect((await dead.closed).code).toBe(1006);
  subscribe(alive, '2', '{ cursor }');
  expect(await alive.next()).toMatchObject({ type: 'complete', id: '1' });
  expect(await alive.next()).toMatchObject({ type: 'next', id: '2' });
});

test('a line that takes nothing of what was written is closed with 1013', async () => {
  const { world, fire } = handWorld();
  const feed = queue<FeedMessage>();
  const server = await serve({ world, feed: { changes: () => feed.stream } });
  const stuck = await connect(server.url);
  // A long field name per message fills what the network holds for a reader that does not read.
  const aliases = Array.from({ length: 10 }, (_, i) => `c${i}${'x'.repeat(4_500)}: cursor`);
  subscribe(stuck, '1', `subscription { changes { ${aliases.join(' ')} } }`);
  feed.push(aBookmark(1));
  await stuck.next();
  stuck.raw.pause();
  for (let seq = 2; seq <= 2_000; seq += 1) feed.push(aBookmark(seq));
  let taken = 0;
  while (feed.taken() > taken) {
    taken = feed.taken();
    await post(server, '{ cursor }');
  }
  expect(taken).toBeLessThan(2_000);
  for (let beats = 0; beats < 8; beats += 1) fire();
  stuck.raw.resume();
  expect(await stuck.closed).toEqual({ code: 1013, reason: 'Too slow' });
  await feed.left;
});

test('who leaves while a mutation runs does not stop it', async () => {
  const claimed = deferred<Session>();
  const begun = deferred<void>();
  const createSession = () => {
    begun.resolve();
    return claimed.promise;
  };
  const server = await serve({ verbs: { createSession } });
  const socket = await connect(server.url);
  subscribe(socket, '1', CLAIM);
  await begun.promise;
  socket.raw.terminate();
  await socket.closed;
  claimed.resolve(aSession());
  expect((await post(server, '{ cursor }')).status).toBe(200);
  expect([server.contexts.lent(), server.errors]).toEqual([0, []]);
});
