import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/**
 * What is under way on the TCP connections between parts of this one process. A virtual world that
 * watches it lets time stand still until all bytes have arrived, so that talking over a socket
 * costs no virtual time, and a whole API server with its clients can be tested in virtual time.
 */
export interface Loopback {
  /** Whether something was sent, opened or ended that the other side has not seen yet. */
  readonly isBusy: () => boolean;
  /** Stops watching. */
  close(): void;
}

/**
 * Bytes that nobody reads (a paused reader) never arrive, and a peer outside this process is not
 * seen: what has not moved for so many looks is no longer waited for.
 */
const MOST_LOOKS_WITHOUT_MOVES = 200;

/** Watches all sockets that are opened from now on. */
export function watchLoopback(): Loopback {
  const sockets = new Map<Socket, Patience>();
  const add = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    sockets.set(socket, { state: '', looks: 0 });
    socket.once('close', () => sockets.delete(socket));
  };
  diagnostics.subscribe('net.client.socket', add);
  diagnostics.subscribe('net.server.socket', add);
  return {
    isBusy: () => {
      // All are looked at: each has a patience of its own that only looks use up.
      const moving = pairsOf(sockets).filter(isMoving);
      return moving.filter((pair) => isAwaited(sockets, pair)).length > 0;
    },
    close: () => {
      diagnostics.unsubscribe('net.client.socket', add);
      diagnostics.unsubscribe('net.server.socket', add);
      sockets.clear();
    },
  };
}

/** How often a socket was looked at in the state it is in. */
interface Patience {
  readonly state: string;
  readonly looks: number;
}

/** A socket and the one it talks to, which is missing while it is opened or when it is closed. */
interface Pair {
  readonly near: Socket;
  readonly far: Socket | undefined;
}

function pairsOf(sockets: ReadonlyMap<Socket, Patience>): Pair[] {
  const all = [...sockets.keys()];
  const byPorts = new Map(all.map((s) => [`${s.localPort}-${s.remotePort}`, s]));
  return all.map((near) => ({
    near,
    far: byPorts.get(`${near.remotePort}-${near.localPort}`),
  }));
}

function isMoving({ near, far }: Pair): boolean {
  if (near.connecting) return true;
  // One side is gone: the other will hear of it.
  if (far === undefined) return true;
  // So will it of an end, which is no byte.
  if (near.writableFinished && !far.readableEnded) return true;
  return near.bytesWritten !== far.bytesRead;
}

function isAwaited(sockets: Map<Socket, Patience>, { near, far }: Pair): boolean {
  const state = `${near.bytesWritten}/${far?.bytesRead ?? 'gone'}`;
  const known = sockets.get(near);
  const looks = known?.state === state ? known.looks + 1 : 0;
  sockets.set(near, { state, looks });
  return looks < MOST_LOOKS_WITHOUT_MOVES;
}
