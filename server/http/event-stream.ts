import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import type { World } from '../world.ts';
import { isStream, type ResultStream } from './result-stream.ts';

/** Proxies and browsers give up on a stream that is silent for longer. */
const PING_MS = 12_000;

/** Sends results as server-sent events, in the form of the GraphQL over SSE protocol. */
export class EventStreams {
  readonly #world: World;
  readonly #open = new Set<ResultStream>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Sends one result after the other, each when the reader has taken the one before it. */
  async send(response: ServerResponse, result: ExecutionResult | ResultStream): Promise<void> {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(':\n\n');
    if (isStream(result)) await this.#sendStream(response, result);
    else await write(response, `event: next\ndata: ${JSON.stringify(result)}\n\n`);
    response.end('event: complete\ndata:\n\n');
  }

  async #sendStream(response: ServerResponse, stream: ResultStream): Promise<void> {
    const stopPings = this.#ping(response);
    const leave = () => void stream.return();
    response.once('close', leave);
    this.#open.add(stream);
    try {
      for await (const result of stream) {
        await write(response, `event: next\ndata: ${JSON.stringify(result)}\n\n`);
      }
    } finally {
      this.#open.delete(stream);
      response.off('close', leave);
      stopPings();
    }
  }

  #ping(response: ServerResponse): () => void {
    let cancel = () => {};
    const again = () => {
      if (!response.writableNeedDrain) response.write(':\n\n');
      cancel = this.#world.after(PING_MS, again);
    };
    cancel = this.#world.after(PING_MS, again);
    return () => cancel();
  }

  /** Ends all streams. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((stream) => stream.return()));
  }
}

/** Waits until the reader has room for more, or has gone. */
async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  const gone = new AbortController();
  try {
    await Promise.race([
      once(response, 'drain', { signal: gone.signal }),
      once(response, 'close', { signal: gone.signal }),
    ]);
  } finally {
    gone.abort();
  }
}
