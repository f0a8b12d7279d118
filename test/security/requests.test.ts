import { request } from 'node:http';
import { connect as connectTo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { LIMITS } from '../../server/http/limits.ts';
import { post, send, serve } from '../kit/served.ts';

const POST = 'POST /graphql HTTP/1.1\r\nhost: localhost\r\n';
const JSON_TYPE = { 'content-type': 'application/json' };

/** Sends a body text as it is. */
async function sendText(url: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const all = { ...JSON_TYPE, ...headers };
  return await send(`${url}/graphql`, { method: 'POST', headers: all, body });
}

test.each<[string, string]>([
  ['a prototype as variables', '{"query":"{ cursor }","variables":{"__proto__":{"role":"ADMIN"}}}'],
  ['a prototype of the request', '{"__proto__":{"x":1},"query":"{ cursor }"}'],
  ['a constructor', '{"query":"{ cursor }","constructor":{"prototype":{"x":1}}}'],
  ['keys twice', '{"query":"{ nothing }","query":"{ cursor }"}'],
  ['extensions that nobody asked for', '{"query":"{ cursor }","extensions":{"persistedQuery":{}}}'],
])('%s does no harm', async (_what, body) => {
  const { url } = await serve();
  const { status, text } = await sendText(url, body);
  expect([status, JSON.parse(text)]).toMatchObject([200, { data: { cursor: 'epoch123-7' } }]);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)['role']).toBeUndefined();
});

test('a variable may have the name of what every object has, and no value by it', async () => {
  const server = await serve();
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const query = `query ($${name}: String!) { clusterPool(name: $${name}) { name } }`;
    const without = await post(server, { query });
    expect(without.json.errors?.[0]?.message).toContain('was not provided');
    const body = `{"query":${JSON.stringify(query)},"variables":{"${name}":"cks"}}`;
    const answer = JSON.parse((await sendText(server.url, body)).text) as { errors?: unknown[] };
    expect(JSON.stringify(answer)).not.toContain('INTERNAL');
  }
  expect(server.errors).toEqual([]);
});

test.each<[string, string | Buffer, Record<string, string>]>([
  ['50,000 lists in one another', `${'['.repeat(49_000)}${']'.repeat(49_000)}`, {}],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), {}],
  ['two texts', '{"query":"{ cursor }"}{"query":"{ cursor }"}', {}],
  ['a comment', '{"query":"{ cursor }"}// and more', {}],
  ['a number beyond all numbers', `{"query":1e${'9'.repeat(400)}}`, {}],
])('a body of %s is refused', async (_what, body, headers) => {
  const { url, errors, contexts } = await serve();
  const { status } = await sendText(url, body, headers);
  expect([status, errors, contexts.opened()]).toEqual([400, [], 0]);
});

test.each<[string, object]>([
  ['of which none has that name', { query: 'query A { cursor }', operationName: 'B' }],
  ['of which none is named so', { query: '{ cursor }', operationName: '__proto__' }],
  ['of one name', { query: 'query A { cursor } query A { cursor }', operationName: 'A' }],
  ['and no name', { query: 'query A { cursor } query B { cursor }' }],
  ['none', { query: 'fragment F on Query { cursor }' }],
  [
    'and a subscription to two things',
    { query: 'subscription { a: changes { cursor } changes { prev } }' },
  ],
])('operations %s are not executed', async (_what, operation) => {
  const server = await serve();
  const { json } = await post(server, operation);
  expect(json.errors?.[0]?.extensions).toEqual({ code: 'BAD_INPUT' });
  expect([json.data, server.errors]).toEqual([undefined, []]);
});

test('25 MB that come bit by bit are refused when they are too many', async () => {
  const { url } = await serve();
  const piece = ' '.repeat(50_000);
  let sentBytes = 0;
  const status = await new Promise((resolve) => {
    const headers = { ...JSON_TYPE, 'transfer-encoding': 'chunked' };
    const sent = request(`${url}/graphql`, { method: 'POST', headers, agent: false });
    sent.on('response', (response) => resolve(response.resume().statusCode));
    sent.on('error', () => {}); // the server ends the connection
    const more = () => {
      sentBytes += piece.length;
      if (sentBytes < 25_000_000 && !sent.destroyed) sent.write(piece, () => setImmediate(more));
    };
    sent.write('{"query":"', more);
  });
  expect(status).toBe(413);
  expect(sentBytes).toBeLessThan(20 * LIMITS.bodyBytes);
});

test.each<[string, string, RegExp]>([
  [
    'headers of 40 kB',
    `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`,
    /^HTTP\/1.1 431/,
  ],
  [
    'two lengths',
    'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}',
    /^HTTP\/1.1 400/,
  ],
  [
    'a length and chunks',
    `${POST}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    /^HTTP\/1.1 400/,
  ],
  ['no host', 'GET /graphql HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400/],
  [
    'a line feed in a header',
    'GET / HTTP/1.1\r\nhost: localhost\r\nx: a\nevil: b\r\n\r\n',
    /^HTTP\/1.1 [34]/,
  ],
  ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1.1 400/],
])('%s: refused, and the connection ended', async (_what, text, expected) => {
  const { url } = await serve();
  const { port, hostname } = new URL(url);
  const socket = connectTo(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  const received = new Promise<string>((resolve) => {
    let all = '';
    socket.on('data', (chunk) => (all += String(chunk)));
    socket.on('close', () => resolve(all));
    socket.on('error', () => {});
  });
  socket.end(text);
  expect(await received).toMatch(expected);
  expect((await send(`${url}/healthz`)).status).toBe(200);
});
