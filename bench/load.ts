/**
 * HTTP as a load generator needs it: each connection asks, reads the whole answer and asks again.
 * Its own few lines on sockets, because a client that does more would be what is measured.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { measured, type Measured } from './figures.ts';
import type { PinnedProcess } from './pinned-process.ts';

const HEAD_END = '\r\n\r\n';

/** One connection that is kept. */
export class Line {
  readonly #url: URL;
  #socket: Socket;
  #received = '';
  #pending: PromiseWithResolvers<string> | undefined;

  private constructor(url: URL) {
    this.#url = url;
    this.#socket = this.#connect();
  }

  /** Opens a connection to a server at `http://host:port`. */
  static async open(address: string): Promise<Line> {
    const line = new Line(new URL(address));
    await once(line.#socket, 'connect');
    return line;
  }

  /** Opens several to the same server. */
  static openMany(address: string, count: number): Promise<Line[]> {
    return Promise.all(Array.from({ length: count }, () => Line.open(address)));
  }

  /** Sends a GraphQL request, a body made by `bodyOf`; answers the text of the answer. */
  ask(body: string): Promise<string> {
    // A server hangs up on those who were silent for long.
    if (this.#socket.destroyed) this.#socket = this.#connect();
    this.#pending = Promise.withResolvers();
    this.#socket.write(
      `POST /graphql HTTP/1.1\r\nhost: ${this.#url.host}\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(body)}${HEAD_END}${body}`,
    );
    return this.#pending.promise;
  }

  /** Hangs up. */
  close(): void {
    this.#socket.destroy();
  }

  #connect(): Socket {
    const socket = connect(Number(this.#url.port), this.#url.hostname);
    socket.setNoDelay(true);
    // Bytes as characters: lengths are counted in bytes, and what is looked for is ASCII.
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#pending?.reject(error));
    socket.on('close', () => this.#pending?.reject(new Error('the server hung up')));
    return socket;
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
  /** Spaces behind the body, other ones for each of so many requests: no two of them are alike. */
  readonly unlike?: number;
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
      const body = load.body + ' '.repeat(sent % (load.unlike ?? 1));
      latencies.push(await timed(line, { ...load, body }));
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

/** Drives a server over these lines and says what it did. */
export async function measureLoad(
  server: Pick<PinnedProcess, 'cpuSeconds'>,
  lines: readonly Line[],
  load: Load,
): Promise<Measured> {
  const cpu = server.cpuSeconds();
  const began = performance.now();
  const latencies = await drive(lines, load);
  const seconds = (performance.now() - began) / 1_000;
  return measured(latencies, seconds, server.cpuSeconds() - cpu);
}

const FREE = 'query ($pool: String!) { clusterPool(name: $pool) { stats { availableClusters } } }';
const WAIT_MS = 20;

/** Waits until so many clusters of a pool are free. */
export async function waitForFree(line: Line, pool: string, count: number): Promise<void> {
  const body = bodyOf(FREE, { pool });
  while (!(await line.ask(body)).includes(`"availableClusters":${count}}`)) {
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
}
