import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';
import { expect, test } from 'vitest';
import type { World } from '../../server/world.ts';
import { watchLoopback } from './loopback.ts';
import { virtualWorld } from './virtual-world.ts';

const TEN = Array.from({ length: 10 }, (_, index) => index);

/** Answers 200 kB after so many milliseconds of a world's time. */
async function slowServer(world: World, ms: number): Promise<{ server: Server; url: string }> {
  const server = createServer((_, response) => {
    world.after(ms, () => response.end('x'.repeat(200_000)));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}/` };
}

test('talking over a socket takes no virtual time, waiting on either side does', async () => {
  const loopback = watchLoopback();
  const world = virtualWorld({ seed: 1, isBusy: loopback.isBusy });
  const { server, url } = await slowServer(world, 1_000);
  const dispatcher = new Agent();
  const ask = async () => {
    const { body } = await request(url, { dispatcher });
    const { length } = await body.text();
    await world.sleep(500);
    return length;
  };
  const inTurn = async () => {
    let bytes = 0;
    for (const _ of TEN) bytes += await ask();
    return bytes;
  };
  const begun = world.elapsed();
  expect(await world.finish(inTurn(), { withinMs: 60_000 })).toBe(2_000_000);
  expect(world.elapsed() - begun).toBe(10 * 1_500);
  await world.finish(Promise.all(TEN.map(ask)), { withinMs: 2_000 });
  expect(world.elapsed() - begun).toBe(11 * 1_500);
  await dispatcher.destroy();
  server.close();
  loopback.close();
});
