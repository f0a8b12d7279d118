import type { Duplex } from 'node:stream';
import type { World } from '../world.ts';

/** How long somebody who was refused may take to take the answer. */
const ANSWER_MS = 1_000;

/**
 * Answers an upgrade with a status and nothing else, and drops the connection: whoever was refused
 * must not keep it by leaving its own side open, or by never reading.
 */
export function refuseUpgrade(
  socket: Duplex,
  world: Pick<World, 'after'>,
  status: '403 Forbidden' | '404 Not Found' | '503 Service Unavailable',
): void {
  socket.on('error', () => socket.destroy());
  if (socket.destroyed) return;
  const cancel = world.after(ANSWER_MS, () => socket.destroy());
  socket.once('close', cancel);
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
