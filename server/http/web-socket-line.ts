import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Batch, Outlet } from './outlet.ts';

/** A WebSocket and the connection below it, which was handed to it at the upgrade. */
export class WebSocketLine {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  #writes = 0;
  #writesAtBeat = 0;
  #stuckFor = 0;

  constructor(socket: WebSocket, connection: Duplex) {
    this.#socket = socket;
    this.#connection = connection;
  }

  /** Whether the network has taken all that was written. */
  get hasRoom(): boolean {
    return this.#connection.writableLength === 0;
  }

  /** How many beats have passed in which it took nothing, though something was written. */
  get stuckFor(): number {
    return this.#stuckFor;
  }

  /** Some time has passed. Since nothing is written without room, a write shows that there was. */
  beat(): void {
    const isStuck = !this.hasRoom && this.#writes === this.#writesAtBeat;
    this.#stuckFor = isStuck ? this.#stuckFor + 1 : 0;
    this.#writesAtBeat = this.#writes;
  }

  /** Resolves when the network has taken all that was written until now, or the line is gone. */
  room(): Promise<void> {
    if (this.#connection.destroyed) return Promise.resolve();
    return new Promise((resolve) => void this.#connection.write(NOTHING, () => resolve()));
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
    this.#writes += 1;
    this.#connection.write(frames);
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
