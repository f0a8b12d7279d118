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

/** How many beats long a line may take nothing, or be silent, when little is on its way. */
const MOST_STUCK_BEATS = 5;
const MOST_SILENT_BEATS = 1;
/** Bytes that a slow line takes within a beat: 16 kB a second. What is on its way has that time. */
const SLOW_BEAT_BYTES = 81_920;

/** How a line is at a beat; what is `STUCK` takes nothing, what is `DEAD` does not answer. */
export type Health = 'WELL' | 'STUCK' | 'DEAD';

/**
 * A WebSocket and the connection below it, which was handed to it at the upgrade.
 *
 * It is told by pings how far the reader has read: every WebSocket answers a ping when it has read
 * what was before it (RFC 6455, 5.5.2 and 5.5.3), and each of ours names what that was. A reader
 * may answer only the latest of several pings, whose answer then stands for all.
 *
 * Whoever does not read is not read from, so that what it asks for does not pile up here.
 */
export class WebSocketLine {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  #written = 0;
  /** Of what was written, what the other side is known to have read. */
  #read = 0;
  /** The end of what it was asked about. */
  #asked = 0;
  #waiting: (() => void)[] | undefined;
  #atBeat = { written: 0, read: 0, unsent: 0 };
  #stuckFor = 0;
  #silentFor = 0;

  constructor(socket: WebSocket, connection: Duplex) {
    this.#socket = socket;
    this.#connection = connection;
    socket.on('ping', () => this.holdBack());
    socket.on('pong', (answer) => this.#learn(String(answer)));
    socket.on('close', () => this.#goOn());
  }

  /** Whether the network has taken all that was written, and the reader has read most of it. */
  get hasRoom(): boolean {
    return this.#isOpen && this.#connection.writableLength === 0 && this.#isFollowing;
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get #isFollowing(): boolean {
    return this.#written - this.#read < MOST_ON_THE_WAY;
  }

  /** Sends the other side away. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Some time has passed: asks whether anybody is there, and answers how the line is. */
  beat(): Health {
    const unsent = this.#connection.writableLength;
    const hasMoved = this.hasRoom || this.#hasMoved(unsent);
    this.#stuckFor = hasMoved ? 0 : this.#stuckFor + 1;
    this.#atBeat = { written: this.#written, read: this.#read, unsent };
    const onItsWay = Math.max(this.#written - this.#read, unsent);
    const patience = Math.floor(onItsWay / SLOW_BEAT_BYTES);
    if (this.#stuckFor > MOST_STUCK_BEATS + patience) return 'STUCK';
    if (this.#silentFor >= MOST_SILENT_BEATS + patience) return 'DEAD';
    // Behind what it has not taken no ping can reach it, and no answer of it is read.
    if (this.#stuckFor > 0 || unsent > 0) {
      this.#silentFor = 0;
    } else {
      this.#silentFor += 1;
      this.#ask();
    }
    return 'WELL';
  }

  #hasMoved(unsent: number): boolean {
    const { written, read, unsent: before } = this.#atBeat;
    return this.#written !== written || this.#read !== read || unsent < before;
  }

  /** Resolves when there is room, or the line is gone. */
  async room(): Promise<void> {
    if (this.#isOpen) await new Promise<void>((resolve) => this.#whenSent(resolve));
    if (this.#isOpen ? this.#isFollowing : this.#socket.readyState === this.#socket.CLOSED) return;
    await new Promise<void>((resolve) => void (this.#waiting ??= []).push(resolve));
  }

  /** Calls back when the network has taken all that was written, or never will. */
  #whenSent(then: () => void): void {
    // To write behind the end would break the connection, and the goodbye that is on its way.
    if (this.#connection.writable) this.#connection.write(NOTHING, () => then());
    else then();
  }

  /** Something was read: does not read on until the network has taken what was written. */
  holdBack(): void {
    if (!this.#isOpen || this.#socket.isPaused || this.#connection.writableLength === 0) return;
    this.#socket.pause();
    this.#whenSent(() => this.#socket.resume());
  }

  #ask(): void {
    this.#asked = this.#written;
    this.#socket.ping(String(this.#asked));
  }

  #askHowFar(): void {
    // Some programs hang up when many pings come before they have got an answer out.
    if (this.#asked - this.#read >= MOST_ON_THE_WAY) return;
    if (this.#written - Math.max(this.#asked, this.#read) >= ASK_AFTER) this.#ask();
  }

  #learn(answer: string): void {
    this.#silentFor = 0;
    const read = NUMBER.test(answer) ? Number(answer) : 0;
    if (read <= this.#read || read > this.#written) return;
    this.#read = read;
    this.#askHowFar();
    if (this.#isFollowing) this.#goOn();
  }

  #goOn(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const resolve of waiting) resolve();
  }

  /**
   * Sends a message. Settles when the network has taken it, so that a slow reader holds up only its
   * own sender, or when it never will: then the line is about to close, which ends what it had.
   */
  send(text: string): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#written += Buffer.byteLength(text);
    const sent = new Promise<void>((resolve) => {
      this.#socket.send(text, () => resolve());
    });
    this.#askHowFar();
    this.holdBack();
    return sent;
  }

  /**
   * Writes messages, each a frame of its own, in one go. They are written below the WebSocket,
   * which would copy and queue each for each reader: at such a place it is between two frames, for
   * it writes a frame at once and whole (no compression, no fragments).
   */
  write(messages: readonly Message[]): void {
    if (!this.#isOpen) return;
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
const NUMBER = /^\d{1,15}$/;
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
