import {
  Client,
  fetchExchange,
  subscriptionExchange,
  type SubscriptionForwarder,
} from '@urql/core';
import type { Client as Socket, SubscribePayload } from 'graphql-ws';
import {
  authorizationOf,
  codeOf,
  type ConnectionOptions,
  createSocket,
  UNAUTHENTICATED,
} from './socket.ts';

/** The way to the server: queries and mutations over HTTP, subscriptions over one WebSocket. */
export interface Connection {
  readonly client: Client;
  /** Breaks the line and makes another; subscriptions go on from the cursor. */
  readonly restart: () => void;
  readonly close: () => void;
}

/** One answer, not a stream of events with one event, which is urql's second choice. */
const ACCEPT = 'application/graphql-response+json, application/json';

/**
 * Connects to a server. A subscription never ends by itself: when the line breaks, or the server
 * ends it, it goes on, and a variable `after` is then the cursor as it is by then.
 */
export function createConnection(options: ConnectionOptions): Connection {
  const socket = createSocket(options);
  const closing = new AbortController();
  const parts = { ...options, socket, closing: closing.signal };
  const client = new Client({
    url: options.url,
    preferGetMethod: false,
    fetchOptions: () => ({ headers: { accept: ACCEPT, ...authorizationOf(options.token()) } }),
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({ unsubscribe: follow(request, sink, parts) }),
        }),
      }),
    ],
  });
  const close = () => {
    closing.abort();
    void socket.dispose();
  };
  return { client, restart: () => socket.terminate(), close };
}

interface FollowParts extends Pick<ConnectionOptions, 'cursor' | 'onRefused'> {
  readonly socket: Socket;
  /** Aborted when nothing is to begin again any more. */
  readonly closing: AbortSignal;
}

type Request = Parameters<SubscriptionForwarder>[0];
type Sink = Parameters<ReturnType<SubscriptionForwarder>['subscribe']>[0];

/** How long to wait when the server has ended a subscription that is to go on. */
const BEGIN_AGAIN_MS = 500;

function follow(request: Request, sink: Sink, parts: FollowParts): () => void {
  const { socket, closing, cursor, onRefused } = parts;
  const payload = resuming(request, cursor);
  let hasEnded = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stop = () => {};
  const beginAgain = () => {
    if (!hasEnded && !closing.aborted) timer = setTimeout(begin, BEGIN_AGAIN_MS);
  };
  const begin = () => {
    stop = socket.subscribe(payload, {
      next: ({ data = null, errors }) =>
        sink.next(errors === undefined ? { data } : { data, errors }),
      error(error) {
        const code = codeOf(error);
        onRefused(code);
        if (code === UNAUTHENTICATED) sink.error(error);
        else beginAgain();
      },
      complete: beginAgain,
    });
  };
  const end = () => {
    hasEnded = true;
    clearTimeout(timer);
    stop();
  };
  begin();
  closing.addEventListener('abort', end);
  return end;
}

/** The request, read anew each time it is sent: `after` is then where the reader stands. */
function resuming(
  { query = '', variables }: Request,
  cursor: () => string | null,
): SubscribePayload {
  const given: Record<string, unknown> = variables ?? {};
  return {
    query,
    get variables() {
      return 'after' in given ? { ...given, after: cursor() } : given;
    },
  };
}
