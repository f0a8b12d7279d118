import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gql } from '@urql/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { type Connection, createConnection } from '../../client/urql.ts';

const CHANGES = gql<{ changes: string }, { after: string | null }>`
  subscription ($after: Cursor) {
    changes(after: $after)
  }
`;

interface Line {
  socket: WebSocket;
  /** The id of its subscription. */
  id: string;
  after: string | null;
}

interface Message {
  type: string;
  id: string;
  payload?: { variables?: { after: string | null } } & Record<string, unknown>;
}

/** A server that speaks as much of the protocol as it takes, and that is told what to do. */
let http: Server;
let sockets: WebSocketServer;
let connection: Connection | undefined;
let lines: Line[] = [];
let inits: unknown[] = [];
let cursor: string | null = null;
let refused: string[] = [];
let received: unknown[] = [];
let refuseToken = false;

beforeEach(async () => {
  [lines, inits, refused, received, cursor, refuseToken] = [[], [], [], [], null, false];
  http = createServer().listen(0, '127.0.0.1');
  sockets = new WebSocketServer({ server: http, handleProtocols: () => 'graphql-transport-ws' });
  sockets.on('connection', serve);
  await once(http, 'listening');
});

afterEach(async () => {
  connection?.close();
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
  http.close();
  await once(http, 'close');
});

function serve(socket: WebSocket): void {
  socket.on('message', (data) => {
    const { type, id, payload } = parseMessage(data);
    if (type === 'connection_init') {
      inits.push(payload);
      if (refuseToken) socket.close(4403, 'Forbidden');
      else send(socket, { type: 'connection_ack' });
    }
    if (type === 'subscribe') lines.push({ socket, id, after: payload?.variables?.after ?? null });
  });
}

function parseMessage(data: RawData): Message {
  const text = Buffer.isBuffer(data) ? data.toString() : '';
  return JSON.parse(text) as Message;
}

function send(socket: WebSocket, message: object): void {
  socket.send(JSON.stringify(message));
}

/** The nth subscription, when it is there. */
async function lineOf(index: number): Promise<Line> {
  return vi.waitFor(
    () => {
      const line = lines[index];
      if (line === undefined) throw new Error(`no subscription ${index}`);
      return line;
    },
    { timeout: 5_000 },
  );
}

function subscribe(): void {
  const { port } = http.address() as AddressInfo;
  connection = createConnection({
    url: `http://127.0.0.1:${port}/graphql`,
    token: () => 'secret',
    cursor: () => cursor,
    onOpened: () => {},
    onClosed: () => {},
    onRefused: (code) => refused.push(code),
  });
  connection.client
    .subscription(CHANGES, { after: null })
    .subscribe(({ data }) => received.push(data?.changes));
}

test('the token is shown when the line is opened', async () => {
  subscribe();
  expect((await lineOf(0)).after).toBeNull();
  expect(inits).toEqual([{ authorization: 'Bearer secret' }]);
});

test('a broken line is made anew, and goes on from the cursor', async () => {
  subscribe();
  const { socket, id } = await lineOf(0);
  send(socket, { type: 'next', id, payload: { data: { changes: 'one' } } });
  await vi.waitFor(() => expect(received).toEqual(['one']));
  cursor = 'e-7';
  socket.terminate();
  expect((await lineOf(1)).after).toBe('e-7');
});

test.each([
  ['ended', { type: 'complete' }, []],
  [
    'refused',
    { type: 'error', payload: [{ message: 'busy', extensions: { code: 'UNAVAILABLE' } }] },
    ['UNAVAILABLE'],
  ],
])('a subscription that the server %s goes on too', async (_how, message, codes) => {
  subscribe();
  const { socket, id } = await lineOf(0);
  cursor = 'e-7';
  send(socket, { ...message, id });
  const next = await lineOf(1);
  expect(next.after).toBe('e-7');
  send(next.socket, { type: 'next', id: next.id, payload: { data: { changes: 'two' } } });
  await vi.waitFor(() => expect(received).toEqual(['two']));
  expect(refused).toEqual(codes);
});

test.each([1011, 4500])('also one whose line was closed with %i', async (code) => {
  subscribe();
  const { socket } = await lineOf(0);
  socket.close(code, 'Internal server error');
  expect(await lineOf(1)).toBeDefined();
});

test('a token that is not good is told, and not shown again and again', async () => {
  refuseToken = true;
  subscribe();
  await vi.waitFor(() => expect(refused).toEqual(['UNAUTHENTICATED']));
  // Longer than the first waits before another line is made.
  await new Promise((resolve) => setTimeout(resolve, 900));
  expect(inits).toHaveLength(1);
});
