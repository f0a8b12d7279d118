import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { KubernetesError } from '../../../../server/providers/kubevirt/kubernetes.ts';
import { type RawApi, rawApi } from './raw-api-server.ts';

let api: RawApi;
let sockets: WebSocketServer;
let taken: WebSocket[];

beforeEach(async () => {
  api = await rawApi();
  taken = [];
  sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'plain.kubevirt.io' });
  api.server.on('upgrade', (request, socket, head) => {
    if (request.url?.startsWith('/refuse')) {
      const text = 'VMI is paused';
      socket.end(`HTTP/1.1 409 Conflict\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
      return;
    }
    if (request.url?.startsWith('/silent')) return void socket.on('end', () => socket.destroy());
    const { authorization } = request.headers;
    if (authorization !== 'Bearer secret') return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (one) => taken.push(one));
  });
});

afterEach(async () => {
  for (const one of taken) one.terminate();
  await api.close();
});

const never = new AbortController().signal;
const open = (path: string, signal = never) =>
  api.world.finish(api.client.stream(path, signal), { withinMs: 60_000 });

/** The server's side of the stream that was opened last. */
function far(): WebSocket {
  const one = taken.at(-1);
  if (one === undefined) throw new Error('nothing was opened');
  return one;
}

function textOf(stream: Duplex): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
}

test('bytes go both ways, in binary frames of the one protocol', async () => {
  const stream = await open('/console');
  const frames: [string, boolean][] = [];
  far().on('message', (data: Buffer, isBinary) => frames.push([data.toString(), isBinary]));
  const text = textOf(stream);
  stream.write('hello');
  far().send(Buffer.from('login: '));
  await api.world.settle();
  expect(frames).toEqual([['hello', true]]);
  expect(text()).toBe('login: ');
  expect(far().protocol).toBe('plain.kubevirt.io');
});

test('a refusal is told with its status and its words', async () => {
  const error: unknown = await open('/refuse').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KubernetesError);
  expect(error).toMatchObject({ status: 409 });
  expect(String(error)).toContain('VMI is paused');
  expect(api.world.pendingTimers()).toEqual([]);
});

test('an opening that is not answered ends by the deadline, or by its signal', async () => {
  await expect(open('/silent')).rejects.toMatchObject({ status: 0, reason: 'Timeout' });
  const controller = new AbortController();
  const opening = api.client.stream('/silent', controller.signal);
  await api.world.settle();
  controller.abort(new Error('given up'));
  await expect(opening).rejects.toThrow('given up');
});

test('when the other side closes, the stream ends', async () => {
  const stream = await open('/console');
  let hasEnded = false;
  stream.on('end', () => {
    hasEnded = true;
  });
  stream.resume();
  far().close();
  await api.world.runUntil(() => hasEnded, { withinMs: 1_000 });
  stream.destroy();
  await api.world.settle();
  expect(api.world.pendingTimers()).toEqual([]);
});

test('a side that falls silent is given up; one that answers pings is not', async () => {
  const stream = await open('/console');
  stream.on('error', () => {});
  stream.resume();
  await api.world.advance(300_000);
  expect(stream.destroyed).toBe(false);
  far().pause();
  await api.world.advance(100_000);
  expect(stream.destroyed).toBe(true);
  expect(stream.errored?.message).toContain('silent');
});

test('who reads slowly holds the other side back, and is not taken for dead', async () => {
  const stream = await open('/console');
  for (let n = 0; n < 200; n += 1) far().send(Buffer.alloc(64 * 1024));
  await api.world.settle();
  expect(stream.readableLength).toBeLessThan(1024 * 1024);
  await api.world.advance(300_000);
  expect(stream.destroyed).toBe(false);
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
  });
  await api.world.runUntil(() => length === 200 * 64 * 1024, { withinMs: 60_000 });
});

test('the closing of the client ends its streams', async () => {
  const stream = await open('/console');
  await api.client.close();
  expect(stream.destroyed).toBe(true);
});
