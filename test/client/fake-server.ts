import { vi } from 'vitest';
import type { FeedMessage } from '../../client/feed-message.ts';
import { withTypeNames } from './type-names.ts';

/** A message of the graphql-transport-ws protocol. */
interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** What was asked of the server over HTTP. */
export interface Post {
  readonly query: string;
  readonly variables: Record<string, unknown>;
  readonly authorization: string | null;
  readonly answer: (data: unknown, status?: number) => void;
  readonly fail: () => void;
}

/** A subscription on one socket. */
export interface Asked {
  readonly socket: FakeSocket;
  readonly id: string;
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/**
 * A server that does just what a test says, in memory, so that time can be the test's as well. It
 * stands behind the global `WebSocket` and `fetch`.
 */
export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  /** All subscriptions that were ever begun. */
  readonly asked: Asked[] = [];
  /** What was shown as token, socket by socket. */
  readonly shown: unknown[] = [];
  /** Whether it answers who is asking. */
  knowsViewer = true;
  /** How far its clock is ahead of everybody else's. */
  clockAheadMs = 0;
  readonly posts: Post[] = [];
  /** What becomes of a new socket: let in, refused, or nothing at all. */
  reach: 'OPEN' | 'REFUSED' | 'STUCK' = 'OPEN';
  /** The code to close with instead of letting somebody in. */
  closeAtInit: ((authorization: unknown) => number | undefined) | undefined;
  answersPings = true;

  constructor() {
    vi.stubGlobal('WebSocket', socketsOf(this));
    vi.stubGlobal('fetch', (_url: string, init: RequestInit) => this.#post(init));
  }

  /** The last subscription to the feed that was begun. */
  get feed(): Asked {
    const last = this.asked.findLast(({ query }) => query.includes('subscription Changes'));
    if (last === undefined) throw new Error('nobody subscribes');
    return last;
  }

  /** The sockets that are open. */
  get open(): FakeSocket[] {
    return this.sockets.filter(({ readyState }) => readyState === FakeSocket.OPEN);
  }

  /** Sends messages of the feed. */
  tell(...messages: FeedMessage[]): void {
    const { socket, id } = this.feed;
    for (const changes of messages) {
      const payload = { data: withTypeNames({ changes }, 'Subscription') };
      socket.receive({ type: 'next', id, payload });
    }
  }

  #post(init: RequestInit): Promise<Response> {
    const { query = '', variables = {} } = JSON.parse(init.body as string) as Partial<Post>;
    const authorization = new Headers(init.headers).get('authorization');
    return new Promise((resolve, reject) => {
      const answer = (payload: unknown, status = 200) =>
        resolve(
          Response.json(status === 200 ? { data: payload } : { errors: [payload] }, { status }),
        );
      const fail = () => reject(new TypeError('fetch failed'));
      init.signal?.addEventListener('abort', fail);
      this.posts.push({ query, variables, authorization, answer, fail });
      // Who we are is asked each time, and is of no matter here.
      if (query.includes('query Position')) {
        if (!this.knowsViewer) return fail();
        const now = new Date(Date.now() + this.clockAheadMs).toISOString();
        answer({ viewer: { __typename: 'Viewer', name: 'ada', role: 'USER' }, cursor: 'e-0', now });
      }
    });
  }
}

function socketsOf(server: FakeServer) {
  return class extends FakeSocket {
    constructor() {
      super(server);
    }
  };
}

/** One end of a socket, in memory. */
export class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readyState = FakeSocket.CONNECTING;
  closedWith: number | undefined;
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((error: Error) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  readonly #server: FakeServer;

  constructor(server: FakeServer) {
    this.#server = server;
    server.sockets.push(this);
    const { reach } = server;
    if (reach === 'OPEN') queueMicrotask(() => this.#open());
    if (reach === 'REFUSED') queueMicrotask(() => this.#refuse());
  }

  /** What the client sends. */
  send(text: string): void {
    const { type, id = '', payload } = JSON.parse(text) as Message;
    const server = this.#server;
    if (type === 'connection_init') this.#init(payload);
    if (type === 'ping' && server.answersPings) this.receive({ type: 'pong' });
    if (type !== 'subscribe') return;
    const { query, variables } = payload as Pick<Asked, 'query' | 'variables'>;
    server.asked.push({ socket: this, id, query, variables });
  }

  /** What the client gets; not at once, as with real ones. */
  receive(message: Message): void {
    queueMicrotask(() => {
      if (this.readyState === FakeSocket.OPEN) this.onmessage?.({ data: JSON.stringify(message) });
    });
  }

  /** The client closes it. */
  close(code = 1_005): void {
    this.closedWith ??= code;
    if (this.readyState === FakeSocket.CLOSED) return;
    this.readyState = FakeSocket.CLOSED;
    queueMicrotask(() => this.onclose?.({ code, reason: '' }));
  }

  /** The server, or the network, closes it. */
  drop(code = 1_006): void {
    this.readyState = FakeSocket.CLOSED;
    this.onclose?.({ code, reason: '' });
  }

  #open(): void {
    if (this.readyState !== FakeSocket.CONNECTING) return;
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }

  #refuse(): void {
    this.readyState = FakeSocket.CLOSED;
    this.onerror?.(new Error('refused'));
    this.onclose?.({ code: 1_006, reason: '' });
  }

  #init(payload: unknown): void {
    const { authorization } = (payload ?? {}) as { authorization?: unknown };
    this.#server.shown.push(authorization);
    const code = this.#server.closeAtInit?.(authorization);
    if (code === undefined) this.receive({ type: 'connection_ack' });
    else queueMicrotask(() => this.drop(code));
  }
}
