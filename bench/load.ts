/**
 * HTTP as a load generator needs it: each connection asks, reads the whole answer and asks again.
 * Its own few lines on sockets, because a client that does more would be what is measured.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';

/** One connection that is kept. */
export class Line {
  readonly #socket: Socket;
  readonly #host: string;
  #received = '';
  #pending: PromiseWithResolvers<string> | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true);
    // Bytes as characters: lengths are counted in bytes, and what is looked for is ASCII.
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#pending?.reject(error));
    socket.on('close', () => this.#pending?.reject(new Error('the server hung up')));
  }

  /** Opens a connection to a server at `http://host:port`. */
  static async open(address: string): Promise<Line> {
    const { hostname, port, host } = new URL(address);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new Line(socket, host);
  }

  /** Sends a GraphQL request, a body made by `bodyOf`; answers the text of the answer. */
  ask(body: string): Promise<string> {
    this.#pending = Promise.withResolvers();
    this.#socket.write(
      `POST /graphql HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(body)}${HEAD_END}${body}`,
    );
    return this.#pending.promise;
  }

  /** Hangs up. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const length = Number(/\ncontent-length: (\d+)/i.exec(head)?.[1]);
    const body = this.#received.slice(headEnd + HEAD_END.length);
    if (body.length < length) return;
    this.#received = '';
    this.#pending?.resolve(body);
  }
}

/** A GraphQL request as it is sent. */
export function bodyOf(query: string, variables: object): string {
  return JSON.stringify({ query, variables });
}

/** What to send, for how long, and how to know a good answer. */
export interface Load {
  readonly body: string;
  /** Part of every good answer. */
  readonly expected: string;
  readonly seconds: number;
  /** Requests at most, over all connections. */
  readonly atMost: number;
}

/** Keeps all lines busy; answers how long each request took, in milliseconds. */
export async function drive(lines: readonly Line[], load: Load): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + load.seconds * 1_000;
  let sent = 0;
  const keepAsking = async (line: Line) => {
    while (sent < load.atMost && performance.now() < end) {
      sent += 1;
      latencies.push(await timed(line, load));
    }
  };
  await Promise.all(lines.map(keepAsking));
  return latencies;
}

/** Sends one request; answers how long it took, in milliseconds. */
export async function timed(
  line: Line,
  { body, expected }: Pick<Load, 'body' | 'expected'>,
): Promise<number> {
  const began = performance.now();
  const text = await line.ask(body);
  const took = performance.now() - began;
  if (!text.includes(expected)) throw new Error(`not the answer that was expected: ${text}`);
  return took;
}
