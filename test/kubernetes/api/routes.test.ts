import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ApiError, type Route, type RouteCall } from '../ports.ts';
import { type Opened, open } from './opened.ts';

const GROUP = { group: 'subresources.test.io', version: 'v1' } as const;
const PATH = '/apis/subresources.test.io/v1/namespaces/lab/machines/a';
const PROTOCOL = 'plain.kubevirt.io';

function start(calls: RouteCall[]): Route {
  return {
    ...GROUP,
    method: 'PUT',
    path: '/namespaces/{namespace}/machines/{name}/start',
    resource: 'machines/start',
    verb: 'update',
    answer: (call) => {
      calls.push(call);
      if (call.params['name'] === 'none') throw new ApiError(404, 'NotFound', 'there is none');
      return { status: 202 };
    },
  };
}

function stream(make: () => Duplex): Route {
  return {
    ...GROUP,
    method: 'GET',
    path: '/namespaces/{namespace}/machines/{name}/portforward/{port}',
    resource: 'machines/portforward',
    verb: 'get',
    answer: () => ({ stream: make() }),
  };
}

function connect({ simulator }: Opened, protocol = PROTOCOL): WebSocket {
  const url = `ws://127.0.0.1:${simulator.port}${PATH}/portforward/22`;
  return new WebSocket(url, protocol, { perMessageDeflate: false });
}

async function refused(opened: Opened, socket: WebSocket): Promise<number | undefined> {
  const [, response] = (await opened.done(once(socket, 'unexpected-response'))) as [
    unknown,
    { statusCode?: number; resume(): void },
  ];
  response.resume();
  socket.on('error', () => undefined);
  socket.terminate();
  return response.statusCode;
}

test('a subresource gets its place holders, and answers as it likes', async () => {
  const calls: RouteCall[] = [];
  const { call } = await open({ routes: [start(calls)] });
  expect(await call('PUT', `${PATH}/start`, { paused: false })).toMatchObject({
    status: 202,
    body: { text: '' },
  });
  expect(calls[0]).toMatchObject({
    params: { namespace: 'lab', name: 'a' },
    body: { paused: false },
  });
  expect((await call('PUT', `${PATH}/start`)).status).toBe(202);
  const none = PATH.replace(/a$/, 'none');
  expect(await call('PUT', `${none}/start`)).toMatchObject({ status: 404, body: { code: 404 } });
  expect((await call('PUT', `${PATH}/dance`)).status).toBe(404);
});

test('a subresource needs a right of its own, and can be struck by a fault', async () => {
  const rules = [
    { apiGroups: ['subresources.test.io'], resources: ['machines/stop'], verbs: ['update'] },
  ];
  const narrow = await open({ routes: [start([])], rules });
  const { status, body } = await narrow.call('PUT', `${PATH}/start`);
  expect(status).toBe(403);
  expect(body['message']).toContain('cannot update resource "machines/start" in API group');
  const wide = await open({ routes: [start([])] });
  wide.simulator.faults.add({ kind: 'machines/start', does: 'ANSWER', status: 500 });
  expect((await wide.call('PUT', `${PATH}/start`)).status).toBe(500);
  expect((await wide.call('PUT', `${PATH}/start`)).status).toBe(202);
});

test('a stream is spoken in binary frames, both ways', async () => {
  const opened = await open({ routes: [stream(() => new PassThrough())] });
  const socket = connect(opened);
  await opened.done(once(socket, 'open'));
  expect(socket.protocol).toBe(PROTOCOL);
  socket.send(Buffer.from([0, 1, 255]));
  const [message, isBinary] = (await opened.done(once(socket, 'message'))) as [Buffer, boolean];
  expect([[...message], isBinary]).toEqual([[0, 1, 255], true]);
  socket.close();
  await opened.done(once(socket, 'close'));
});

test('only one language is spoken, and not over plain HTTP', async () => {
  const streams: Duplex[] = [];
  const make = () => {
    const made = new PassThrough();
    streams.push(made);
    return made;
  };
  const opened = await open({ routes: [stream(make)] });
  expect(await refused(opened, connect(opened, 'v4.channel.k8s.io'))).toBe(400);
  expect((await opened.call('GET', `${PATH}/portforward/22`)).status).toBe(400);
  expect(streams.every(({ destroyed }) => destroyed)).toBe(true);
  opened.simulator.tokens.add('one');
  expect(await refused(opened, connect(opened))).toBe(401);
});

test('the socket ends with the stream, and the stream with the socket', async () => {
  const streams: PassThrough[] = [];
  const make = () => {
    const made = new PassThrough();
    streams.push(made);
    return made;
  };
  const opened = await open({ routes: [stream(make)] });
  const one = connect(opened);
  await opened.done(once(one, 'open'));
  streams[0]?.destroy();
  await opened.done(once(one, 'close'));
  const two = connect(opened);
  await opened.done(once(two, 'open'));
  two.terminate();
  await opened.world.runUntil(() => streams[1]?.destroyed === true, { withinMs: 1000 });
});

test('a client that does not read holds the stream back', async () => {
  let made = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const source = new Duplex({
    read() {
      made += 1;
      this.push(made > 10_000 ? null : chunk);
    },
    write: (_chunk, _encoding, done) => done(),
  });
  const opened = await open({ routes: [stream(() => source)] });
  const socket = connect(opened);
  socket.on('open', () => socket.pause());
  await opened.done(once(socket, 'open'));
  expect(made).toBeLessThan(1_000);
  socket.terminate();
});
