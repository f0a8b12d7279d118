import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect as connectTo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { FeedMessage } from '../../schema/context.ts';
import type { Session } from '../../schema/model/session.ts';
import { realWorld } from '../../server/world.ts';
import { queue } from '../kit/queue.ts';
import { aSession } from '../kit/rows.ts';
import { deferred, post, send, serve } from '../kit/served.ts';
import { connect, openSocket } from '../kit/socket.ts';

const CLAIM = 'mutation { createSession(input: { pool: "cks" }) { __typename } }';
const CLAIMED = { data: { createSession: { __typename: 'Session' } } };
const CHANGES = 'subscription { changes { cursor } }';

/** A claim that is under way until the test lets it commit. */
function slowClaim() {
  const begun = deferred<void>();
  const claimed = deferred<Session>();
  const createSession = () => {
    begun.resolve();
    return claimed.promise;
  };
  return {
    verbs: { createSession },
    begun: begun.promise,
    commit: () => claimed.resolve(aSession()),
  };
}

test('what runs is finished and answered; nobody new is let in', async () => {
  const claim = slowClaim();
  const server = await serve(claim);
  const running = post(server, CLAIM);
  await claim.begun;
  const stopped = server.http.stop();
  await expect(post(server, '{ cursor }')).rejects.toThrow('ECONNREFUSED');
  claim.commit();
  const { status, json, headers } = await running;
  expect([status, json]).toEqual([200, CLAIMED]);
  expect(headers.connection).toBe('close');
  await stopped;
  expect(server.contexts.lent()).toBe(0);
});

test('a mutation over WebSocket is answered before its connection ends', async () => {
  const claim = slowClaim();
  const server = await serve(claim);
  const socket = await connect(server.url);
  socket.send({ type: 'subscribe', id: '1', payload: { query: CLAIM } });
  await claim.begun;
  const stopped = server.http.stop();
  socket.send({ type: 'subscribe', id: '2', payload: { query: '{ cursor }' } });
  expect(await socket.next()).toMatchObject({
    id: '2',
    payload: [{ extensions: { code: 'UNAVAILABLE' } }],
  });
  claim.commit();
  expect(await socket.next()).toMatchObject({ id: '1', type: 'next', payload: CLAIMED });
  expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
  expect(await socket.closed).toEqual({ code: 1012, reason: 'Service restart' });
  await stopped;
});

test('subscriptions end, and their readers know that more is to come', async () => {
  const feeds = [queue<FeedMessage>(), queue<FeedMessage>()] as const;
  let opened = 0;
  const changes = () => feeds[opened++ === 0 ? 0 : 1].stream;
  const server = await serve({ feed: { changes } });
  const socket = await connect(server.url);
  socket.send({ type: 'subscribe', id: '1', payload: { query: CHANGES } });
  feeds[0].push({ kind: 'BOOKMARK', cursor: { epoch: 'epoch123', seq: 1 }, prev: null });
  await socket.next();
  const events = await new Promise<AsyncIterable<unknown>>((resolve, reject) => {
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
    const options = { method: 'POST', headers, agent: false };
    const sent = request(`${server.url}/graphql`, options, resolve);
    sent.on('error', reject);
    sent.end(JSON.stringify({ query: CHANGES }));
  });
  const stopped = server.http.stop();
  let text = '';
  for await (const chunk of events) text += String(chunk);
  expect(text).not.toContain('complete');
  expect((await socket.closed).code).toBe(1012);
  await Promise.all(feeds.map(({ left }) => left));
  await stopped;
  expect(server.contexts.lent()).toBe(0);
});

test('a connection that is kept open is told to go elsewhere', async () => {
  const claim = slowClaim();
  const server = await serve(claim);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const running = post(server, CLAIM);
  await claim.begun;
  // This one is idle when the server stops; the next request on it finds it closed, or is refused.
  const idle = await new Promise((resolve) => {
    request(`${server.url}/healthz`, { agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    }).end();
  });
  expect(idle).toBe(200);
  const stopped = server.http.stop();
  const refused = await new Promise((resolve) => {
    const sent = request(`${server.url}/graphql`, { agent, method: 'POST' }, (response) => {
      resolve(response.resume().statusCode);
    });
    sent.on('error', () => resolve('closed'));
    sent.end();
  });
  expect(['closed', 503]).toContain(refused);
  claim.commit();
  expect((await running).json).toEqual(CLAIMED);
  await stopped;
});

test('what does not finish in time is cut off, and the server stops all the same', async () => {
  const real = realWorld();
  // Time runs a hundred times faster, but not the work.
  const world = {
    ...real,
    elapsed: () => real.elapsed() * 100,
    after: (ms: number, fire: () => void) => real.after(ms / 100, fire),
  };
  const claim = slowClaim();
  const server = await serve({ ...claim, world });
  const running = post(server, CLAIM).catch((error: unknown) => error);
  await claim.begun;
  const stuck = await openSocket(server.url);
  stuck.raw.pause();
  await server.http.stop();
  expect(await running).toBeInstanceOf(Error);
  claim.commit();
  stuck.raw.resume();
  expect((await stuck.closed).code).toBeGreaterThan(1000);
});

test('stopping is asked for once, and can be asked for again', async () => {
  const { http, url } = await serve();
  expect((await send(`${url}/healthz`)).status).toBe(200);
  const first = http.stop();
  expect(http.stop()).toBe(first);
  await first;
});

test('a port that is taken is told', async () => {
  const { url } = await serve();
  await expect(serve({ settings: { port: Number(new URL(url).port) } })).rejects.toThrow(
    'EADDRINUSE',
  );
});

test('a refused upgrade whose sender stays is dropped, and holds up no stop', async () => {
  const server = await serve();
  const { port } = new URL(server.url);
  const socket = connectTo({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  const lines = ['GET /nowhere HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Connection: Upgrade'];
  socket.write([...lines, 'Upgrade: websocket', '', ''].join('\r\n'));
  let answer = '';
  socket.on('data', (chunk: Buffer) => void (answer += chunk.toString()));
  await once(socket, 'end');
  expect(answer).toMatch(/^HTTP\/1.1 404 Not Found\r\n/);
  await server.http.stop();
});
