import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { WebSocketLine } from '../../server/http/web-socket-line.ts';

interface Ends {
  readonly line: WebSocketLine;
  readonly near: WebSocket;
  readonly connection: Duplex;
  readonly far: WebSocket;
  /** The next ping that comes to the far end, which answers none by itself. */
  readonly nextPing: () => Promise<string>;
}

async function bothEnds(): Promise<Ends> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const lines: Pick<Ends, 'line' | 'near' | 'connection'>[] = [];
  server.on('connection', (near, { socket: connection }) => {
    lines.push({ line: new WebSocketLine(near, connection), near, connection });
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const far = new WebSocket(`ws://127.0.0.1:${port}`, { autoPong: false });
  onTestFinished(async () => {
    for (const client of server.clients) client.terminate();
    far.terminate();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  });
  const pings: string[] = [];
  far.on('ping', (data) => pings.push(String(data)));
  await once(far, 'open');
  const [ends] = lines;
  if (ends === undefined) throw new Error('no connection');
  const nextPing = async () => {
    while (pings.length === 0) await once(far, 'ping');
    return pings.shift() ?? expect.unreachable();
  };
  return { ...ends, far, nextPing };
}

function write(line: WebSocketLine, bytes: number): void {
  line.write([{ head: Buffer.from('{'), body: Buffer.alloc(bytes, ' ') }]);
}

const WINDOW = 131_072;

test('the answer to the latest ping stands for all, also when a beat has asked it', async () => {
  const { line, far, nextPing } = await bothEnds();
  for (let written = 0; written < WINDOW; written += 40_000) write(line, 40_000);
  expect(line.hasRoom).toBe(false);
  const pings = [];
  for (let n = 0; n < 4; n += 1) pings.push(await nextPing());
  expect(line.beat()).toBe('WELL');
  const asked = await nextPing();
  expect(pings.every((ping) => Number(ping) <= Number(asked))).toBe(true);
  far.pong(asked);
  await line.room();
  expect(line.hasRoom).toBe(true);
  // It is asked on behind that answer.
  write(line, WINDOW);
  far.pong(await nextPing());
  await line.room();
  expect(line.hasRoom).toBe(true);
});

test('an answer to what was not asked makes no room', async () => {
  const { line, near, far } = await bothEnds();
  write(line, WINDOW);
  for (const answer of ['', 'x', '-1', '1e9', '99999999']) far.pong(answer);
  far.send('the last');
  await once(near, 'message');
  expect(line.hasRoom).toBe(false);
});

/** Beats until the line is given up. */
function beatsUntil(line: WebSocketLine, health: 'STUCK' | 'DEAD'): number {
  for (let beats = 1; beats < 1_000; beats += 1) {
    const found = line.beat();
    if (found === health) return beats;
    if (found !== 'WELL') throw new Error(`it is ${found}`);
  }
  return Infinity;
}

test('a line that is silent is dead at the next beat', async () => {
  const { line } = await bothEnds();
  expect(beatsUntil(line, 'DEAD')).toBe(2);
});

test('what is on its way to a slow reader has the time it takes at 16 kB a second', async () => {
  const [few, many] = [await bothEnds(), await bothEnds()];
  for (const { far } of [few, many]) far.pause();
  write(few.line, WINDOW);
  write(many.line, 2_000_000);
  // The network may take the last of it between two beats, but here no time passes.
  expect(beatsUntil(few.line, 'STUCK')).toBe(8);
  expect(beatsUntil(many.line, 'STUCK')).toBe(31);
});

test('a reader that reads some of it is not stuck', async () => {
  const { line, near, far, nextPing } = await bothEnds();
  for (let n = 0; n < 6; n += 1) write(line, 40_000);
  for (let n = 0; n < 6; n += 1) line.beat();
  far.pong(await nextPing());
  far.send('some');
  await once(near, 'message');
  expect(line.hasRoom).toBe(false);
  const onItsWay = 200_000;
  expect(beatsUntil(line, 'STUCK')).toBe(7 + Math.floor(onItsWay / 81_920));
});

test('who waits for room at a line that has ended does not break its goodbye', async () => {
  const { line, near, connection, far } = await bothEnds();
  const broken: unknown[] = [];
  near.on('error', (error) => broken.push(error));
  connection.on('error', (error) => broken.push(error));
  const closed = new Promise<[number, string]>((resolve) => {
    far.once('close', (code, reason) => resolve([code, String(reason)]));
  });
  write(line, WINDOW);
  near.close(4400, 'goodbye');
  connection.end();
  expect(line.hasRoom).toBe(false);
  await line.room();
  expect([...(await closed), broken]).toEqual([4400, 'goodbye', []]);
});
