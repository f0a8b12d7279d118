import type { ServerResponse } from 'node:http';
import type { ExecutionResult } from 'graphql';
import { requestError } from '../../schema/request-error.ts';
import type { Auth, Identity } from '../auth.ts';
import type { World } from '../world.ts';
import { Batch, type Outlet } from './outlet.ts';
import { Subscription } from './subscription.ts';

/** Proxies and browsers give up on a stream that is silent for longer. */
const PING_MS = 12_000;
/** Revoked tokens are found within this time. */
const LOOK_MS = 5_000;

/** Sends results as server-sent events, in the form of the GraphQL over SSE protocol. */
export class EventStreams {
  readonly #world: World;
  readonly #auth: Auth;
  readonly #open = new Set<ServerResponse>();

  constructor(world: World, auth: Auth) {
    this.#world = world;
    this.#auth = auth;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Whether a response can be a stream. One that was asked for behind another on its connection
   * has no line yet: all that is written to it would pile up here.
   */
  canCarry(response: ServerResponse): boolean {
    return response.socket !== null;
  }

  /** Sends one result after the other, until there is no more or the reader has gone. */
  async send(
    response: ServerResponse,
    result: ExecutionResult | Subscription,
    identity: Identity,
  ): Promise<void> {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(':\n\n');
    if (result instanceof Subscription) return await this.#sendAll(response, result, identity);
    response.write(Batch.of(result).events);
    response.end(COMPLETE);
  }

  async #sendAll(
    response: ServerResponse,
    subscription: Subscription,
    identity: Identity,
  ): Promise<void> {
    const outlet = new EventOutlet(response);
    const stopPings = this.#every(PING_MS, () => outlet.ping());
    const stopLooking = this.#every(LOOK_MS, () => {
      if (this.#auth.isValid(identity)) return;
      subscription.end();
      outlet.refuse();
    });
    this.#open.add(response);
    subscription.start(outlet);
    if (!response.closed)
      await new Promise<void>((resolve) => void response.once('close', resolve));
    this.#open.delete(response);
    stopPings();
    stopLooking();
    subscription.end();
  }

  #every(ms: number, act: () => void): () => void {
    let cancel = () => {};
    const again = () => {
      cancel = this.#world.after(ms, () => {
        again();
        act();
      });
    };
    again();
    return () => cancel();
  }

  /** Breaks all streams off: without `complete` their readers know that there is more to come. */
  close(): void {
    for (const response of this.#open) response.end();
  }
}

const COMPLETE = 'event: complete\ndata:\n\n';
const NOTHING = Buffer.alloc(0);

/** A response that is a stream of events. */
class EventOutlet implements Outlet {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
    // A line that breaks while something is written to it; its close ends the subscription.
    response.on('error', () => {});
  }

  get hasRoom(): boolean {
    return this.#response.writableLength === 0;
  }

  room(): Promise<void> {
    const { socket } = this.#response;
    if (socket === null || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => void socket.write(NOTHING, () => resolve()));
  }

  write(batch: Batch): void {
    if (!this.#response.writableEnded) this.#response.write(batch.events);
  }

  complete(): void {
    if (!this.#response.writableEnded) this.#response.end(COMPLETE);
  }

  ping(): void {
    if (this.hasRoom && !this.#response.writableEnded) this.#response.write(':\n\n');
  }

  /** Whoever showed a token that is no longer good gets nothing more. */
  refuse(): void {
    const error = requestError('UNAUTHENTICATED', 'the token of this stream is no longer good');
    this.write(Batch.of({ errors: [error] }));
    this.complete();
  }
}
