import { request, type IncomingMessage } from 'node:http';
import { connect as connectTo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { FeedMessage } from '../../schema/context.ts';
import { handWorld } from '../kit/hand-world.ts';
import { queue } from '../kit/queue.ts';
import { aBookmark } from '../kit/rows.ts';
import { bearer, makeTokens, post, serve } from '../kit/served.ts';

const CHANGES = 'subscription { changes { cursor } }';

/** A stream of events, read event by event. */
interface Events {
  readonly response: IncomingMessage;
  /** The next event; undefined when the stream has ended. */
  next(): Promise<string | undefined>;
}

function openEvents(url: string, query: string, caller = {}): Promise<Events> {
  return new Promise((resolve, reject) => {
    const type = { 'content-type': 'application/json', accept: 'text/event-stream' };
    const headers = { ...type, ...caller };
    const options = { method: 'POST', headers, agent: false };
    const sent = request(`${url}/graphql`, options, (response) => {
      const events = eventsOf(response);
      resolve({ response, next: async () => (await events.next()).value });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ query }));
  });
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<string, undefined> {
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    yield* events;
  }
}

const eventOf = (seq: number) =>
  `event: next\ndata: {"data":{"changes":{"cursor":"epoch123-${seq}"}}}`;

test('a subscription is sent as events, and its end is told', async () => {
  const feed = queue<FeedMessage>();
  const server = await serve({ feed: { changes: () => feed.stream } });
  const events = await openEvents(server.url, CHANGES);
  expect(events.response.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  expect(await events.next()).toBe(':');
  feed.push(aBookmark(1));
  expect(await events.next()).toBe(eventOf(1));
  feed.push(aBookmark(2));
  expect(await events.next()).toBe(eventOf(2));
  feed.end();
  expect(await events.next()).toBe('event: complete\ndata:');
  expect(await events.next()).toBeUndefined();
  expect([server.contexts.lent(), server.contexts.executed()]).toEqual([0, 2]);
});

test('a query may be sent as one event', async () => {
  const events = await openEvents((await serve()).url, '{ cursor }');
  await events.next();
  expect(await events.next()).toContain('event: next\ndata: {"data":{"cursor":"epoch123-7"}');
  expect(await events.next()).toBe('event: complete\ndata:');
});

test('a refused subscription is one event with its errors', async () => {
  const server = await serve();
  const events = await openEvents(server.url, 'subscription { jobUpdated(id: "x") { id } }');
  await events.next();
  expect(await events.next()).toContain('"code":"NOT_FOUND"');
  expect(await events.next()).toBe('event: complete\ndata:');
  expect(server.contexts.lent()).toBe(0);
});

test('a reader that leaves ends its subscription', async () => {
  const feed = queue<FeedMessage>();
  const server = await serve({ feed: { changes: () => feed.stream } });
  const events = await openEvents(server.url, CHANGES);
  feed.push(aBookmark(1));
  await events.next();
  expect(await events.next()).toBe(eventOf(1));
  events.response.destroy();
  await feed.left;
  expect((await post(server, '{ cursor }')).status).toBe(200);
  expect(server.contexts.lent()).toBe(0);
});

test('a feed that breaks is told as a fault, masked', async () => {
  const feed = queue<FeedMessage>();
  const server = await serve({ feed: { changes: () => feed.stream } });
  const events = await openEvents(server.url, CHANGES);
  await events.next();
  feed.fail(new Error('secret: hunter2'));
  const event = await events.next();
  expect(event).toContain('"code":"INTERNAL"');
  expect(event).not.toContain('hunter2');
  expect(await events.next()).toBe('event: complete\ndata:');
  expect(server.errors).toHaveLength(1);
  expect(server.contexts.lent()).toBe(0);
});

test('a reader that does not read holds up its feed, and nobody else', async () => {
  const feeds = [queue<FeedMessage>(), queue<FeedMessage>()] as const;
  let opened = 0;
  const changes = () => feeds[opened++ === 0 ? 0 : 1].stream;
  const server = await serve({ feed: { changes } });
  // A long field name per message fills what the network holds for a reader that does not read.
  const aliases = Array.from({ length: 10 }, (_, i) => `c${i}${'x'.repeat(4_500)}: cursor`);
  const slow = await openEvents(server.url, `subscription { changes { ${aliases.join(' ')} } }`);
  slow.response.pause();
  const quick = await openEvents(server.url, CHANGES);
  await quick.next();
  const total = 2_000;
  for (let seq = 1; seq <= total; seq += 1) {
    for (const feed of feeds) feed.push(aBookmark(seq));
  }
  for (let seq = 1; seq <= total; seq += 1) expect(await quick.next()).toBe(eventOf(seq));
  expect(feeds[0].taken()).toBeLessThan(total / 2);
  slow.response.destroy();
  await feeds[0].left;
});

test('a silent stream shows that it lives', async () => {
  const { world, fire } = handWorld();
  const feed = queue<FeedMessage>();
  const server = await serve({ world, feed: { changes: () => feed.stream } });
  const events = await openEvents(server.url, CHANGES);
  expect(await events.next()).toBe(':');
  fire(12_000);
  expect(await events.next()).toBe(':');
  events.response.destroy();
  await feed.left;
});

test('a stalled reader whose token is revoked is refused once, and ends nobody else', async () => {
  const { world, fire } = handWorld();
  const tokens = makeTokens();
  const feed = queue<FeedMessage>();
  const server = await serve({ world, auth: tokens.auth, feed: { changes: () => feed.stream } });
  const alice = bearer(tokens.add('alice', 'VIEWER'));
  const aliases = Array.from({ length: 10 }, (_, i) => `c${i}${'x'.repeat(4_500)}: cursor`);
  const document = `subscription { changes { ${aliases.join(' ')} } }`;
  const slow = await openEvents(server.url, document, alice);
  slow.response.pause();
  for (let seq = 1; seq <= 1_000; seq += 1) feed.push(aBookmark(seq));
  await expect.poll(() => feed.taken()).toBeGreaterThan(10);
  tokens.revoke('alice');
  for (let looks = 0; looks < 3; looks += 1) fire(5_000);
  await feed.left;
  slow.response.destroy();
  const bob = bearer(tokens.add('bob', 'VIEWER'));
  expect((await post(server, '{ cursor }', bob)).status).toBe(200);
});

test('a stream is not sent behind another answer, where it would pile up', async () => {
  const feeds = [queue<FeedMessage>(), queue<FeedMessage>()] as const;
  let opened = 0;
  const changes = () => feeds[opened++ === 0 ? 0 : 1].stream;
  const { url } = await serve({ feed: { changes } });
  const { port, host } = new URL(url);
  const body = JSON.stringify({ query: CHANGES });
  const asked =
    `POST /graphql HTTP/1.1\r\nhost: ${host}\r\naccept: text/event-stream\r\n` +
    `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const line = connectTo(Number(port), '127.0.0.1', () => line.write(asked + asked));
  onTestFinished(() => void line.destroy());
  let text = '';
  line.on('data', (chunk) => (text += String(chunk)));
  await feeds[1].left;
  feeds[0].end();
  await expect.poll(() => text).toContain('HTTP/1.1 400');
});
