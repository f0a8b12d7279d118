import { type Client as Socket, createClient } from 'graphql-ws';

/** What a connection asks of whoever keeps it. */
export interface ConnectionOptions {
  /** Where the server answers; absolute. */
  readonly url: string;
  /** The bearer token to show; null for none. */
  readonly token: () => string | null;
  /** What `after` of a subscription is when it begins or goes on. */
  readonly cursor: () => string | null;
  /** A line is there: subscriptions begin, or go on, right after this. */
  readonly onOpened: () => void;
  /** It is gone; another is being made, unless the token is to blame. */
  readonly onClosed: () => void;
  /** A subscription was refused with this code; it is tried again, unless the token is to blame. */
  readonly onRefused: (code: string) => void;
}

const PING_EVERY_MS = 5_000;
const PONG_WITHIN_MS = 3_000;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 3_000;

/** Closes that tell of the token: none was shown, or it is not, or no longer, good. */
const TOKEN_CLOSES: readonly unknown[] = [4401, 4403];

/** The code of a refusal that another token would not meet. */
export const UNAUTHENTICATED = 'UNAUTHENTICATED';

/** The WebSocket to the server, made anew for as long as anybody subscribes. */
export function createSocket(options: ConnectionOptions): Socket {
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  const socket = createClient({
    url: options.url.replace(/^http/, 'ws'),
    connectionParams: () => authorizationOf(options.token()),
    keepAlive: PING_EVERY_MS,
    retryAttempts: Infinity,
    retryWait,
    shouldRetry: (error) => codeOf(error) !== UNAUTHENTICATED,
    on: {
      connected: options.onOpened,
      closed() {
        clearTimeout(pongTimer);
        options.onClosed();
      },
      // A line may be dead without having been closed.
      ping(received) {
        if (!received) pongTimer = setTimeout(() => socket.terminate(), PONG_WITHIN_MS);
      },
      pong(received) {
        if (received) clearTimeout(pongTimer);
      },
    },
  });
  return socket;
}

/** The header, or its counterpart in `connection_init`, that shows a token. */
export function authorizationOf(token: string | null): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** The code of what ended a subscription: GraphQL errors, or the close of its socket. */
export function codeOf(error: unknown): string {
  const first: unknown = Array.isArray(error) ? error[0] : error;
  if (!isObject(first)) return 'UNKNOWN';
  if (TOKEN_CLOSES.includes(first['code'])) return UNAUTHENTICATED;
  const { extensions } = first;
  const code = isObject(extensions) ? extensions['code'] : undefined;
  return typeof code === 'string' ? code : 'UNKNOWN';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Waits longer each time, and never as long as others: they all lost the server at once. */
function retryWait(retries: number): Promise<void> {
  const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** retries);
  const wait = longest * (0.5 + Math.random() / 2);
  return new Promise((resolve) => setTimeout(resolve, wait));
}
