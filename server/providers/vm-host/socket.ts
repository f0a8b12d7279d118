import { type Socket, connect } from 'node:net';
import type { Readable } from 'node:stream';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import type { Limit } from './within.ts';

/** How far apart the attempts are while a process that has just started opens its socket. */
const RETRY_MS = 2;

/** Connects to a Unix socket, again and again while the process that should open it lives. */
export async function connectWhen(
  world: World,
  path: string,
  isAlive: () => boolean,
  limit: Limit,
): Promise<Socket> {
  const start = world.elapsed();
  for (;;) {
    const outcome = await tryConnect(path);
    if (!(outcome instanceof Error)) return outcome;
    const isOver = !isAlive() || world.elapsed() - start > limit.ms || limit.signal?.aborted;
    if (isOver) throw new ProviderError(limit.what, { retryable: true, cause: outcome });
    await world.sleep(RETRY_MS);
  }
}

function tryConnect(path: string): Promise<Socket | Error> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', resolve);
    socket.once('connect', () => {
      socket.off('error', resolve);
      // An error is always followed by "close", which is what everybody here listens to.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/**
 * Calls back with every line a socket brings. What comes from a guest is not to be trusted: a line
 * longer than `most` is dropped, so that nobody can fill our memory.
 */
export function onLine(socket: Readable, most: number, callback: (line: string) => void): void {
  let rest = '';
  let isTooLong = false;
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!isTooLong && line !== '') callback(line.trimEnd());
      isTooLong = false;
    }
    if (rest.length <= most) return;
    rest = '';
    isTooLong = true;
  });
}
