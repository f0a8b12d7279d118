import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Batch, Outlet } from './outlet.ts';

/**
 * Bytes that may be on their way to a reader. The network alone would take megabytes for one that
 * does not read, at the cost of all others.
 */
const MOST_ON_THE_WAY = 131_072;
/** After so many bytes the other side is asked whether it has come to read them. */
const ASK_AFTER = 32_768;

/**
 * A WebSocket and the connection below it, which was handed to it at the upgrade.
 *
 * It is told by pings how far the reader has read: every WebSocket answers a ping when it has read
 * what was before it (RFC 6455, 5.5.2 and 5.5.3), and each of ours names what that was.
 */
export class WebSocketLine {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  #written = 0;
  /** Of what was written, what the other side is known to have read. */
  #read = 0;
  /** What it was asked about and has not answered. */
  #asked: number | undefined;
  readonly #waiting: (() => void)[] = [];
  #writtenAtBeat = 0;
  #stuckFor = 0;

  constructor(socket: WebSocket, connection: Duplex) {
    this.#socket = socket;
    this.#connection = connection;
    socket.on('pong', (answer) => this.#learn(String(answer)));
    socket.once('close', () => this.#goOn());
  }

  /** Whether the network has taken all that was written, and the reader has read most of it. */
  get hasRoom(): boolean {
    return this.#connection.writableLength === 0 && this.#isFollowing;
  }

  get #isFollowing(): boolean {
    return this.#written - this.#read < MOST_ON_THE_WAY;
  }

  /** How many beats have passed in which it took nothing, though something was written. */
  get stuckFor(): number {
    return this.#stuckFor;
  }

  /** Some time has passed. Since nothing is written without room, a write shows that there was. */
  beat(): void {
    const isStuck = !this.hasRoom && this.#written === this.#writtenAtBeat;
    this.#stuckFor = isStuck ? this.#stuckFor + 1 : 0;
    this.#writtenAtBeat = this.#written;
  }

  /** Resolves when there is room, or the line is gone. */
  async room(): Promise<void> {
    if (this.#connection.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#connection.write(NOTHING, () => resolve());
    });
    if (this.#isFollowing || this.#socket.readyState !== this.#socket.OPEN) return;
    await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  #askHowFar(): void {
    if (this.#asked !== undefined || this.#written - this.#read < ASK_AFTER) return;
    this.#asked = this.#written;
    this.#socket.ping(String(this.#asked));
  }

  #learn(answer: string): void {
    if (this.#asked === undefined || answer !== String(this.#asked)) return;
    this.#read = this.#asked;
    this.#asked = undefined;
    this.#askHowFar();
    if (this.#isFollowing) this.#goOn();
  }

  #goOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /**
   * Writes messages, each a frame of its own, in one go. They are written below the WebSocket,
   * which would copy and queue each for each reader: at such a place it is between two frames, for
   * it writes a frame at once and whole (no compression, no fragments).
   */
  write(messages: readonly Message[]): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const length = messages.reduce((sum, message) => sum + frameLength(message), 0);
    const frames = Buffer.allocUnsafe(length);
    let at = 0;
    for (const message of messages) at = putFrame(frames, at, message);
    this.#written += length;
    this.#connection.write(frames);
    this.#askHowFar();
  }
}

/** A message in parts, of which one is the same for many readers. */
export interface Message {
  readonly head: Buffer;
  readonly body: Buffer;
}

/** What ends each message. */
const TAIL = 0x7d; // }
const NOTHING = Buffer.alloc(0);
/** A whole message of text (RFC 6455, 5.2). */
const FIN_TEXT = 0x81;
const LENGTH_IN_2 = 126;
const LENGTH_IN_8 = 127;

function payloadLength({ head, body }: Message): number {
  return head.length + body.length + 1;
}

function frameLength(message: Message): number {
  const length = payloadLength(message);
  if (length < LENGTH_IN_2) return length + 2;
  return length + (length < 65_536 ? 4 : 10);
}

/** Puts a frame into the bytes; answers where it ends. */
function putFrame(bytes: Buffer, start: number, message: Message): number {
  let at = putHeader(bytes, start, payloadLength(message));
  at += message.head.copy(bytes, at);
  at += message.body.copy(bytes, at);
  bytes[at] = TAIL;
  return at + 1;
}

/** From the server's side nothing is masked. */
function putHeader(bytes: Buffer, start: number, length: number): number {
  bytes[start] = FIN_TEXT;
  if (length < LENGTH_IN_2) return bytes.writeUInt8(length, start + 1);
  if (length < 65_536) {
    bytes[start + 1] = LENGTH_IN_2;
    return bytes.writeUInt16BE(length, start + 2);
  }
  bytes[start + 1] = LENGTH_IN_8;
  return bytes.writeBigUInt64BE(BigInt(length), start + 2);
}

/** One subscription's part of a line, in the form of the graphql-transport-ws protocol. */
export class WebSocketOutlet implements Outlet {
  readonly #line: WebSocketLine;
  readonly #head: Buffer;
  readonly #onComplete: () => void;

  constructor(line: WebSocketLine, id: string, onComplete: () => void) {
    this.#line = line;
    this.#head = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`);
    this.#onComplete = onComplete;
  }

  get hasRoom(): boolean {
    return this.#line.hasRoom;
  }

  room(): Promise<void> {
    return this.#line.room();
  }

  write(batch: Batch): void {
    this.#line.write(batch.results.map((body) => ({ head: this.#head, body })));
  }

  complete(): void {
    this.#onComplete();
  }
}
