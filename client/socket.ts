import { type Client as Socket, createClient } from 'graphql-ws';
import { authorizationOf, type TokenKeeper } from './token-keeper.ts';

/** What a line asks of whoever keeps it. */
export interface LineOptions {
  /** Where the server answers; absolute. */
  readonly url: string;
  readonly keeper: TokenKeeper;
  /** The server has let us in. */
  readonly onOpened: () => void;
  /** It is gone; who still subscribes makes another. */
  readonly onClosed: () => void;
}

const PING_EVERY_MS = 5_000;
const PONG_WITHIN_MS = 3_000;
const OPEN_WITHIN_MS = 8_000;
const LOOK_EVERY_MS = 2_000;
/** A clock that jumped so far ahead has slept, and the line with it. */
const SLEPT_MS = 10_000;
/** Browsers let the timers of a tab that nobody looks at run once a minute. */
const SLEPT_UNSEEN_MS = 90_000;

/** Closes that tell of the token: none was shown, or it is not, or no longer, good. */
const TOKEN_CLOSES: readonly unknown[] = [4401, 4403];

/** The code of a refusal that another token would not meet. */
export const UNAUTHENTICATED = 'UNAUTHENTICATED';

/**
 * The one WebSocket to the server, there for as long as anybody subscribes. It notices by itself
 * when it is dead, though nobody closed it. It never retries: who subscribes does, in its own time.
 */
export class Line {
  readonly socket: Socket;
  readonly keeper: TokenKeeper;
  readonly #options: LineOptions;
  #shown: string | null = null;
  #isOpen = false;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #sleepWatch: ReturnType<typeof setInterval> | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
    this.keeper = options.keeper;
    this.socket = createClient({
      url: options.url.replace(/^http/, 'ws'),
      connectionParams: () => this.#introduce(),
      keepAlive: PING_EVERY_MS,
      retryAttempts: 0,
      on: {
        connecting: () => this.#begun(),
        connected: () => this.#opened(),
        closed: () => this.#ended(),
        error: () => this.#ended(),
        ping: (received) => {
          if (!received) this.#within(PONG_WITHIN_MS);
        },
        pong: (received) => {
          if (received) clearTimeout(this.#deadline);
        },
      },
    });
  }

  /** The token that the server was shown on this line. */
  get shown(): string | null {
    return this.#shown;
  }

  /** Gives the line up: whoever subscribes is told, and makes another. */
  drop(): void {
    this.socket.terminate();
  }

  /** Ends it. One that is open ends with its last subscription; one being made might not. */
  close(): void {
    if (!this.#isOpen) this.drop();
    this.#ended();
  }

  async #introduce(): Promise<Record<string, string>> {
    this.#shown = await this.keeper.read();
    return authorizationOf(this.#shown);
  }

  #begun(): void {
    this.#within(OPEN_WITHIN_MS);
    clearInterval(this.#sleepWatch);
    let last = { at: Date.now(), isUnseen: isUnseen() };
    this.#sleepWatch = setInterval(() => {
      const now = { at: Date.now(), isUnseen: isUnseen() };
      const slept = last.isUnseen || now.isUnseen ? SLEPT_UNSEEN_MS : SLEPT_MS;
      if (now.at - last.at > slept) this.drop();
      last = now;
    }, LOOK_EVERY_MS);
  }

  #opened(): void {
    this.#isOpen = true;
    clearTimeout(this.#deadline);
    this.#options.onOpened();
  }

  #ended(): void {
    clearTimeout(this.#deadline);
    clearInterval(this.#sleepWatch);
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#options.onClosed();
  }

  /** Something must happen within this time, or the line is dead. */
  #within(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.drop(), ms);
  }
}

/** Whether this runs in a tab that nobody looks at. */
function isUnseen(): boolean {
  return 'document' in globalThis && document.visibilityState === 'hidden';
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

/** The code with which a socket was closed; undefined for what is no close. */
export function closeCodeOf(error: unknown): number | undefined {
  const code = isObject(error) ? error['code'] : undefined;
  return typeof code === 'number' ? code : undefined;
}

/** Whether it is an object, whose fields may then be looked at. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
