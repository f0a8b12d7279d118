/**
 * A subscriber as a load generator needs it: a socket of its own that counts the messages it gets.
 * Its own few lines of WebSocket, because a client that does more would be what is measured.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Whom to subscribe to, and what counts. */
export interface Wish {
  /** `http://host:port` */
  readonly address: string;
  /** What is subscribed to, by graphql-ws; undefined where the socket alone brings messages. */
  readonly operation: { readonly query: string; readonly variables: object } | undefined;
  /** Messages that a new subscriber gets before it is level. */
  readonly first: number;
  /** What the messages that count have in them. */
  readonly marker: string;
}

/** What a subscriber tells as it happens. */
export interface Ears {
  /** A message that counts has come: the how manieth of this subscriber. */
  counted(nth: number): void;
  /** Nothing more comes, though it wanted more. */
  ended(error: Error): void;
  /** Any message that is a result, as text; only for those that are to be looked at. */
  readonly text?: ((message: string) => void) | undefined;
}

const HEAD_END = '\r\n\r\n';
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
/** Where a frame says its length: in itself, in the two bytes that follow, or in eight. */
const TWO_BYTES = 126;
const EIGHT_BYTES = 127;
const IS_LAST = 0x80;
const IS_MASKED = 0x80;
const NEXT = Buffer.from('"type":"next"');
const ERRORS = Buffer.from('"errors":');
const ACK = Buffer.from('"type":"connection_ack"');
const PROBLEM = /"type":"(error|complete)"/;

/** One that watches. */
export class Subscriber {
  readonly #wish: Wish;
  readonly #ears: Ears;
  readonly #id: string;
  readonly #socket: Socket;
  readonly #marker: Buffer;
  readonly #level = Promise.withResolvers<void>();
  #rest: Buffer | undefined;
  #isUpgraded = false;
  #isLeaving = false;
  #first: number;
  #counted = 0;

  private constructor(wish: Wish, id: string, ears: Ears, socket: Socket) {
    this.#wish = wish;
    this.#ears = ears;
    this.#id = id;
    this.#socket = socket;
    this.#marker = Buffer.from(wish.marker);
    this.#first = wish.first;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#closed());
  }

  /** Connects, subscribes, and waits until it is level. */
  static async open(wish: Wish, id: string, ears: Ears): Promise<Subscriber> {
    const { hostname, port, host } = new URL(wish.address);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const subscriber = new Subscriber(wish, id, ears, socket);
    const protocol =
      wish.operation === undefined ? '' : 'sec-websocket-protocol: graphql-transport-ws\r\n';
    socket.write(
      `GET /graphql HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
        'sec-websocket-version: 13\r\nsec-websocket-key: c29tZXRoaW5nIHJhbmRvbQ==\r\n' +
        `${protocol}\r\n`,
    );
    await subscriber.#level.promise;
    return subscriber;
  }

  /** Stops reading: what is sent stays with the system and with the server. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume();
  }

  /** Hangs up. */
  close(): void {
    this.#isLeaving = true;
    this.#socket.destroy();
  }

  #closed(): void {
    this.#end(`the server hung up on subscriber ${this.#id}`);
  }

  #end(message: string): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    const error = new Error(message);
    this.#level.reject(error);
    this.#ears.ended(error);
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    const begin = this.#isUpgraded ? 0 : this.#upgrade(bytes);
    const end = begin < 0 ? 0 : this.#frames(bytes, begin);
    if (end < bytes.length) this.#rest = bytes.subarray(end);
  }

  /** Where the first frame begins; -1 while the answer is not complete. */
  #upgrade(bytes: Buffer): number {
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0) return -1;
    const head = bytes.toString('latin1', 0, headEnd);
    if (!head.startsWith('HTTP/1.1 101')) this.#end(`no WebSocket: ${head}`);
    this.#isUpgraded = true;
    if (this.#wish.operation !== undefined) this.#say({ type: 'connection_init' });
    if (this.#first === 0) this.#level.resolve();
    return headEnd + HEAD_END.length;
  }

  /** Takes all frames that are complete; answers where the next begins. */
  #frames(bytes: Buffer, from: number): number {
    let at = from;
    while (at + 2 <= bytes.length) {
      const short = bytes.readUInt8(at + 1);
      const header = short === TWO_BYTES ? 4 : short === EIGHT_BYTES ? 10 : 2;
      if (at + header > bytes.length) break;
      const begin = at + header;
      const end = begin + lengthOf(bytes, at, short);
      if (end > bytes.length) break;
      this.#frame(bytes, bytes.readUInt8(at) & 15, begin, end);
      at = end;
    }
    return at;
  }

  #frame(bytes: Buffer, kind: number, begin: number, end: number): void {
    if (kind === PING) this.#send(PONG, bytes.subarray(begin, end));
    if (kind === CLOSE) this.#end(`closed: ${bytes.toString('utf8', begin + 2, end)}`);
    if (kind !== TEXT) return;
    if (this.#first === 0 && isIn(bytes, this.#marker, begin, end)) {
      this.#counted += 1;
      this.#ears.counted(this.#counted);
    } else {
      this.#other(bytes.subarray(begin, end));
    }
    this.#ears.text?.(bytes.toString('utf8', begin, end));
  }

  /** What is said besides the messages that count. */
  #other(message: Buffer): void {
    if (message.includes(ERRORS)) {
      this.#end(`refused: ${message.toString()}`);
    } else if (message.includes(NEXT)) {
      if (this.#first === 0) return;
      this.#first -= 1;
      if (this.#first === 0) this.#level.resolve();
    } else if (message.includes(ACK)) {
      this.#say({ id: this.#id, type: 'subscribe', payload: this.#wish.operation });
    } else if (PROBLEM.test(message.toString())) {
      this.#end(`ended: ${message.toString()}`);
    }
  }

  #say(message: object): void {
    this.#send(TEXT, Buffer.from(JSON.stringify(message)));
  }

  /** A frame of a client is masked; a mask of zeros leaves it as it is. */
  #send(kind: number, payload: Buffer): void {
    const isShort = payload.length < TWO_BYTES;
    const header = Buffer.alloc(isShort ? 6 : 8);
    header.writeUInt8(IS_LAST | kind, 0);
    header.writeUInt8(IS_MASKED | (isShort ? payload.length : TWO_BYTES), 1);
    if (!isShort) header.writeUInt16BE(payload.length, 2);
    this.#socket.write(Buffer.concat([header, payload]));
  }
}

function lengthOf(bytes: Buffer, at: number, short: number): number {
  if (short === TWO_BYTES) return bytes.readUInt16BE(at + 2);
  return short === EIGHT_BYTES ? Number(bytes.readBigUInt64BE(at + 2)) : short;
}

function isIn(bytes: Buffer, part: Buffer, begin: number, end: number): boolean {
  const found = bytes.indexOf(part, begin);
  return found >= 0 && found + part.length <= end;
}
