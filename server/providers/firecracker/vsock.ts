import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { LONGEST_TIMER_MS, type World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { connectWhen } from '../vm-host/socket.ts';
import { within } from '../vm-host/within.ts';

/** The port on which the agent in the guest listens. */
export const AGENT_PORT = 5252;

const RETRY_MS = 10;
/** Firecracker itself gives up after two seconds in which the guest has not answered. */
const ACCEPT_MS = 3_000;
const LONGEST_ACKNOWLEDGEMENT = 64;

/** Where a guest's port is reached from here. */
export interface VsockSite {
  /** The Unix socket that Firecracker opens for the guest's vsock. */
  readonly path: string;
  readonly port: number;
  /** Whether the process still runs. */
  readonly isUp: () => boolean;
}

/**
 * A conversation with a port in the guest. It connects when there is something to say: a guest
 * that boots does not listen yet, and one that is paused answers nobody, so that an attempt would
 * only be repeated for as long as it rests. Once connected it is one connection to its end.
 */
export class VsockPort extends Duplex {
  readonly #world: World;
  readonly #site: VsockSite;
  readonly #given = new AbortController();
  #connection: Promise<Socket> | null = null;
  #socket: Socket | null = null;

  constructor(world: World, site: VsockSite) {
    super();
    this.#world = world;
    this.#site = site;
    // An error is always followed by "close", which is what everybody here listens to.
    this.on('error', () => {});
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#connection ??= this.#connect();
    this.#connection.then((socket) => socket.write(chunk, done), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#given.abort();
    this.#socket?.destroy();
    done(error);
  }

  async #connect(): Promise<Socket> {
    const { signal } = this.#given;
    const limit = { what: `${this.#site.path} is reached`, ms: LONGEST_TIMER_MS, signal };
    for (;;) {
      const socket = await connectWhen(this.#world, this.#site.path, this.#site.isUp, limit);
      if (await this.#isAccepted(socket)) return this.#take(socket);
      socket.destroy();
      if (signal.aborted || !this.#site.isUp()) {
        throw new ProviderError(`${limit.what}: the guest does not listen`, { retryable: true });
      }
      await this.#world.sleep(RETRY_MS);
    }
  }

  async #isAccepted(socket: Socket): Promise<boolean> {
    const { signal } = this.#given;
    const limit = { what: 'The guest accepts a connection', ms: ACCEPT_MS, signal };
    socket.write(`CONNECT ${this.#site.port}\n`);
    const line = await within(this.#world, firstLine(socket), limit).catch(() => '');
    return line.startsWith('OK ');
  }

  #take(socket: Socket): Socket {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.once('close', () => this.destroy());
    socket.resume();
    if (socket.destroyed || this.destroyed) {
      socket.destroy();
      this.destroy();
    }
    return socket;
  }
}

/** The first line a socket brings; what came after it is still there to be read. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = Buffer.alloc(0);
    const settle = (line: string, rest: Buffer) => {
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.pause();
      if (rest.length > 0) socket.unshift(rest);
      resolve(line);
    };
    const onClose = () => settle('', Buffer.alloc(0));
    const onData = (chunk: Buffer) => {
      text = Buffer.concat([text, chunk]);
      const end = text.indexOf('\n');
      if (end >= 0) return settle(text.toString('utf8', 0, end), text.subarray(end + 1));
      if (text.length > LONGEST_ACKNOWLEDGEMENT) onClose();
    };
    socket.on('data', onData);
    socket.once('close', onClose);
  });
}
