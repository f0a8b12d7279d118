import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeServer } from 'graphql-ws';
import { createYoga } from 'graphql-yoga';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { schema } from '../../schema/index.ts';
import { makeTokens, serve } from '../kit/served.ts';
import { found, PROBES } from './probes.ts';
import { overHttp, overWebSocket } from './targets.ts';

test.each([
  ['a stranger', undefined],
  ['a viewer', 'VIEWER'],
  ['a user', 'USER'],
] as const)(
  'none of the probes succeeds for %s, over HTTP and over WebSocket',
  async (_who, role) => {
    const tokens = makeTokens();
    const server = await serve({ auth: tokens.auth });
    const token = role && tokens.add('probe', role);
    const address = { url: server.url, token };
    expect(await found(overHttp(address))).toEqual([]);
    expect(await found(overWebSocket(address))).toEqual([]);
    expect(server.errors).toEqual([]);
    // An ordinary question tells that the probes did reach the server.
    for (const target of [overHttp(address), overWebSocket(address)]) {
      const { results } = await target.ask({ query: '{ viewer { role } }' });
      expect(results[0]?.data).toEqual(role && { viewer: { role } });
    }
  },
);

/** The libraries as they come, without a line of configuration. */
async function serveStock(): Promise<string> {
  const yoga = createYoga({ schema, logging: false });
  const http = createServer((request, response) => void yoga(request, response));
  const sockets = new WebSocketServer({ server: http, path: '/graphql' });
  const protocol = makeServer({ schema });
  sockets.on('connection', (socket) => {
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) => socket.send(text),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (receive) =>
          void socket.on('message', (data: Buffer) => void receive(data.toString())),
      },
      {},
    );
    socket.once('close', (code, reason) => void closed(code, String(reason)));
  });
  onTestFinished(async () => {
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

test('the same probes find much in the same libraries without configuration', async () => {
  const url = await serveStock();
  expect(PROBES).toHaveLength(13);
  expect(await found(overHttp({ url }))).toEqual([
    '101 aliases',
    '10 directives',
    'a field 500 times',
    'suggestions',
    'a query by GET',
    'a GraphiQL page',
    'introspection',
    'a query by a form',
  ]);
  expect(await found(overWebSocket({ url }))).toEqual([
    '101 aliases',
    '10 directives',
    'a field 500 times',
    'suggestions',
    'introspection',
  ]);
});
