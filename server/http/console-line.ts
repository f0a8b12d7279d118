import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { CONSOLE_CLOSED } from '../../schema/model/console.ts';
import { ProviderError } from '../providers/provider.ts';
import type { Cancel, World } from '../world.ts';

/** Bytes that may wait for a viewer's network before the VM's stream is held back. */
const MOST_WAITING = 262_144;
/** With so few waiting it may go on. */
const FEW_WAITING = 65_536;
/** The bytes of a frame. */
const LARGEST_FRAME = 65_536;

/** Beats without a sign of life, of 5 s each, after which a viewer is taken for dead. */
const MOST_SILENT_BEATS = 6;
/** How long a console may stand open in which nothing moves. */
const IDLE_MS = 30 * 60_000;
/** How long a viewer may take to say goodbye. */
const GOODBYE_MS = 1_000;
/** What a closing frame has room for (RFC 6455, 5.5). */
const LONGEST_REASON = 123;

/** What a line needs of the world. */
type LineWorld = Pick<World, 'after' | 'elapsed'>;

/**
 * A viewer's WebSocket and a VM's stream, tied together: what one side says goes to the other as
 * it is, no faster than that takes it, so that of either little is held here.
 */
export class ConsoleLine {
  /** Resolves when both sides are gone. */
  readonly gone: Promise<void>;
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #world: LineWorld;
  #movedAt: number;
  #silentBeats = 0;
  #hasEnded = false;

  constructor(socket: WebSocket, stream: Duplex, world: LineWorld) {
    this.#socket = socket;
    this.#stream = stream;
    this.#world = world;
    this.#movedAt = world.elapsed();
    const streamGone = stream.closed ? undefined : closed(stream);
    this.gone = Promise.all([closed(socket), streamGone]).then(() => {});
    this.#followStream();
    this.#followSocket();
  }

  /** Some time has passed: asks the viewer whether it is there, and ends a line of the dead. */
  beat(): void {
    if (this.#hasEnded) return;
    if (this.#world.elapsed() - this.#movedAt >= IDLE_MS) {
      return this.end(CONSOLE_CLOSED.idle, 'Nothing moved here for half an hour.');
    }
    // What is not read from the viewer now may be its answer.
    this.#silentBeats = this.#socket.isPaused ? 0 : this.#silentBeats + 1;
    if (this.#silentBeats > MOST_SILENT_BEATS) return this.#cut();
    this.#socket.ping();
  }

  /** Ends both sides, and tells the viewer why; the first reason counts. */
  end(code: number, reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stream.destroy();
    sayGoodbye(this.#socket, this.#world, code, reason);
  }

  #cut(): void {
    this.#hasEnded = true;
    this.#stream.destroy();
    this.#socket.terminate();
  }

  #followStream(): void {
    const stream = this.#stream;
    stream.on('data', (bytes: Buffer | string) => this.#show(asBytes(bytes)));
    const over = () => this.end(CONSOLE_CLOSED.byVm, ENDED_BY_VM);
    stream.once('end', over);
    stream.on('error', (error) => this.end(CONSOLE_CLOSED.refused, whyBroken(error)));
    stream.once('close', over);
    if (stream.destroyed || stream.readableEnded) over();
  }

  #followSocket(): void {
    const socket = this.#socket;
    socket.on('message', (data, isBinary) => this.#type(data, isBinary));
    socket.on('pong', () => this.#isAlive());
    // A frame that is too large, above all: the library closes the socket.
    socket.on('error', () => this.#stream.destroy());
    socket.once('close', () => {
      this.#hasEnded = true;
      this.#stream.destroy();
    });
  }

  #isAlive(): void {
    this.#silentBeats = 0;
  }

  #moved(): void {
    this.#isAlive();
    this.#movedAt = this.#world.elapsed();
  }

  /** What the VM says goes to the viewer. */
  #show(bytes: Buffer): void {
    if (this.#hasEnded) return;
    this.#movedAt = this.#world.elapsed();
    for (let at = 0; at < bytes.length; at += LARGEST_FRAME) {
      const frame = bytes.subarray(at, at + LARGEST_FRAME);
      this.#socket.send(frame, { binary: true }, () => this.#sent());
    }
    if (this.#socket.bufferedAmount > MOST_WAITING) this.#stream.pause();
  }

  #sent(): void {
    this.#isAlive();
    const { bufferedAmount } = this.#socket;
    if (this.#stream.isPaused() && bufferedAmount <= FEW_WAITING) this.#stream.resume();
  }

  /** What the viewer says goes to the VM. */
  #type(data: RawData, isBinary: boolean): void {
    if (this.#hasEnded) return;
    if (!isBinary) return this.end(CONSOLE_CLOSED.notBinary, 'Only binary frames are read here.');
    this.#moved();
    if (!this.#stream.writable || this.#stream.write(bytesOf(data))) return;
    this.#socket.pause();
    this.#stream.once('drain', () => this.#socket.resume());
  }
}

const ENDED_BY_VM = 'The VM ended the stream: it was switched off, or another program opened it.';

function whyBroken(error: Error): string {
  return error instanceof ProviderError ? error.reason : `The stream broke: ${error.message}`;
}

/** Closes a WebSocket, and cuts it when that is not answered. */
export function sayGoodbye(
  socket: WebSocket,
  world: Pick<World, 'after'>,
  code: number,
  reason: string,
): void {
  socket.on('error', () => {});
  // Its answer would not be read.
  socket.resume();
  socket.close(code, shortened(reason));
  if (socket.readyState === socket.CLOSED) return;
  const cancel: Cancel = world.after(GOODBYE_MS, () => socket.terminate());
  socket.once('close', cancel);
}

function shortened(reason: string): string {
  if (Buffer.byteLength(reason) <= LONGEST_REASON) return reason;
  let end = LONGEST_REASON;
  while (Buffer.byteLength(reason.slice(0, end)) > LONGEST_REASON - 3) end -= 1;
  return `${reason.slice(0, end)}…`;
}

function closed(side: { once(event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => void side.once('close', () => resolve()));
}

function asBytes(chunk: Buffer | string): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

/** Messages come in one piece or in several, depending on their size. */
function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
